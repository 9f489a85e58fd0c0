"""On which line of a TOML text each key stands, since ``tomllib`` does not tell.

The text must have passed ``tomllib`` already: this scanner checks nothing, it only counts. It
runs when there is a mistake to report, so that right files do not pay for it.

Source: toml.io, version 1.0.0.
"""

import re
import tomllib

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)


def locate(text: str) -> dict[Path, int]:
    """Map each key, table and array element to its line, counted from 1.

    Args:
        text: TOML that ``tomllib`` accepts.

    Returns:
        For ``volumes = ["a", "b"]`` the paths ``("volumes",)``, ``("volumes", 0)`` and
        ``("volumes", 1)``; a table stands where it is first named.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


def nearest_line(found: dict[Path, int], path: Path) -> int | None:
    """The line of ``path``, or of the innermost part of it that stands in the text."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._arrays: dict[Path, int] = {}

    def document(self) -> None:
        prefix: Path = ()
        while self._next():
            if self._text.startswith("[[", self._at):
                self._at += 2
                prefix = self._element(self._resolve(self._key()))
                self._at = self._text.index("]]", self._at) + 2
            elif self._text[self._at] == "[":
                self._at += 1
                prefix = self._resolve(self._key())
                self._record(prefix)
                self._at = self._text.index("]", self._at) + 1
            else:
                self._pair(prefix)

    def _next(self) -> bool:
        self._skip(_BLANK)
        return self._at < len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, "not the TOML that tomllib accepted"
        self._at = match.end()
        return match[0]

    def _record(self, path: Path) -> None:
        # Counted forward from the last place: counting from the top for each key would make a
        # large hostile file take minutes.
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        for end in range(1, len(path) + 1):
            self.found.setdefault(path[:end], self._line)

    def _element(self, path: Path) -> Path:
        """One more ``[[path]]``; its own path ends in its index."""
        index = self._arrays[path] = self._arrays.get(path, -1) + 1
        self._record((*path, index))
        return (*path, index)

    def _resolve(self, key: Path) -> Path:
        """In a header, a name of an array of tables means that array's last table."""
        path: Path = ()
        for place, part in enumerate(key):
            path = (*path, part)
            if path in self._arrays and place < len(key) - 1:
                path = (*path, self._arrays[path])
        return path

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = self._text[self._at] in "\"'"
            part = self._skip(_STRING if quoted else _BARE_KEY)
            parts.append(tomllib.loads(f"key = {part}")["key"] if quoted else part)
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _pair(self, prefix: Path) -> None:
        path = prefix + self._key()
        self._record(path)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._skip(_STRING)
        elif first == "[":
            self._many(path, "]")
        elif first == "{":
            self._many(path, "}")
        else:
            self._skip(_BARE_VALUE)

    def _many(self, path: Path, end: str) -> None:
        self._at += 1
        index = 0
        while self._next() and self._text[self._at] != end:
            if self._text[self._at] == ",":
                self._at += 1
            elif end == "]":
                self._record((*path, index))
                self._value((*path, index))
                index += 1
            else:
                self._pair(path)
        self._at += 1
