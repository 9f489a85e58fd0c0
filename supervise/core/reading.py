"""Reading TOML so that every mistake in it is found in one go, each with its line.

A ``Document`` holds the text and collects mistakes; a ``Section`` is one table of it, from which
keys are taken with a converter. Whoever reads takes all he knows, calls ``finish`` on each
section (unknown keys) and then on the document, which raises if anything was wrong.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from supervise.core.keys import refusal
from supervise.core.lines import Path, locate, nearest_line
from supervise.core.units import Wrong, printable, shown
from supervise.errors import DefinitionError

T = TypeVar("T")
D = TypeVar("D")

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = "a key or table stands here that stood above already; keep one of the two"
_AT_END = {"Cannot overwrite a value": _TWICE}
_HINTS = (
    (
        re.compile("[\u201c\u201d\u2018\u2019\u00a0]"),
        "use plain quotes and spaces, not typographic ones",
    ),
    (re.compile(r"^\s*[\w.-]+\s*:(\s|$)"), "TOML writes key = value, not key: value"),
    (re.compile(r"^\s*(export\s+)[\w.-]+\s*="), "take the word export out"),
    (re.compile(r"=\s*(True|False|yes|no|on|off)\b"), "truth is written true or false"),
    (re.compile(r"=\s*[A-Za-z./~$][^\"']*$"), "text is written between double quotes"),
    (re.compile(r"=\s*(#.*)?$"), "the value is missing"),
    (re.compile(r"=\s*\[?[^\"#]*\"[^\"]*$"), "the closing double quote is missing"),
    (re.compile(r"\\"), "a backslash is written twice, or the text between single quotes"),
)


class Document:
    """A TOML text and the mistakes found in it.

    Args:
        text: the whole text.
        file: its path, for errors.

    Raises:
        DefinitionError: the text is no TOML.
    """

    def __init__(self, text: str, *, file: str) -> None:
        self._text = text
        self._file = file
        self._wrong: list[tuple[Path, str]] = []
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_error(text, file, str(error)) from None
        except RecursionError:
            raise DefinitionError("nested too deeply; flatten it", file=file) from None

    def top(self) -> "Section":
        """The table of everything."""
        return Section(self, self.values, ())

    def wrong(self, path: Path, reason: str) -> None:
        """Note a mistake at ``path``."""
        self._wrong.append((path, printable(reason)))

    def finish(self) -> None:
        """Return if nothing was wrong.

        Raises:
            DefinitionError: with the first mistake's line; its text has one mistake on each line.
        """
        if not self._wrong:
            return
        found = locate(self._text)
        mistakes = []
        for path, reason in self._wrong:
            key = _dotted(path)
            mistakes.append((nearest_line(found, path), f"{key}: {reason}" if key else reason))
        mistakes.sort(key=lambda each: each[0] or len(self._text))
        (line, first), rest = mistakes[0], mistakes[1:]
        others = tuple(DefinitionError(each, file=self._file, line=at) for at, each in rest)
        raise DefinitionError(first, file=self._file, line=line, others=others)


class Section:
    """One table; remembers which of its keys were taken."""

    def __init__(self, document: Document, values: dict[str, Any], path: Path) -> None:
        self._document = document
        self._values = values
        self._path = path
        self._taken: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str, convert: Callable[[object], T], default: D) -> T | D:
        """The value of ``key`` as ``convert`` gives it; the default when absent or wrong."""
        self._taken.add(key)
        if key not in self._values:
            return default
        try:
            return convert(self._values[key])
        except Wrong as error:
            self._document.wrong((*self._path, key, *error.within), error.reason)
            return default

    def raw(self, key: str) -> object:
        """The value of ``key`` as TOML gave it; None when absent. Does not take the key."""
        return self._values.get(key)

    def section(self, key: str) -> "Section":
        """The table ``key``; an empty one when absent or when it is no table."""
        table = self.get(key, _table, None)
        return Section(self._document, table or {}, (*self._path, key))

    def wrong(self, key: str, reason: str) -> None:
        """Note a mistake at ``key``, or at this table as a whole when ``key`` is empty."""
        self._document.wrong((*self._path, key) if key else self._path, reason)

    def finish(self, refuse: Callable[[str], str] | None = None, outer: Iterable[str] = ()) -> None:
        """Note a mistake for each key nobody took.

        Args:
            refuse: the reason to give for a key; the nearest taken one by default.
            outer: keys which would be right above the first table.
        """
        for key in self._values:
            if key in self._taken:
                continue
            if key in outer:
                reason = f"{key} belongs above the first [table]; in TOML a table goes on to the "
                reason += "next one"
            else:
                reason = refuse(key) if refuse else refusal(key, self._taken)
            self._document.wrong((*self._path, key), reason)


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"{shown(value)} is no table; write it as [table] or {{ key = value }}")
    return value


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return printable(text)


def _syntax_error(text: str, file: str, message: str) -> DefinitionError:
    """tomllib's message, the line it complains of, and what most likely is meant."""
    place = _PLACE.search(message)
    what = _PLACE.sub("", message)
    if place is None or place[1] is None:
        closing = _AT_END.get(what, "something above is not closed")
        line = max(1, text.count("\n") + (not text.endswith("\n")))
        return DefinitionError(
            f"no TOML: {what} at the end of the file; {closing}", file=file, line=line
        )
    line = int(place[1])
    source = text.split("\n")[line - 1]
    hint = next((hint for pattern, hint in _HINTS if pattern.search(source)), None)
    if what.startswith("Cannot"):
        hint = _TWICE
    reason = f"no TOML: {what} at column {place[2]} of {shown(source.strip())[1:-1]}"
    return DefinitionError(f"{reason}; {hint}" if hint else reason, file=file, line=line)
