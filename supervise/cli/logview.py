"""How ``csv logs`` shows a record: as it stands in the file, as JSON, or as its text alone."""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import BinaryIO, NamedTuple, Protocol

from supervise.cli.table import in_colour
from supervise.core.logline import ISO8601, make_stamp, parse_record

_NAME_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
_BLANK = "\t\u00a0"


class Entry(NamedTuple):
    """One line of a log.

    Attributes:
        time_ns: of the record; of the one before it, if this line is none.
        name: the service's.
        line: as it stands in the file.
    """

    time_ns: int
    name: str
    line: bytes


class View(Protocol):
    """A way to show entries.

    Attributes:
        verbatim: a log alone is shown as its files stand: it may be copied.
    """

    verbatim: bool

    def show(self, entries: Iterable[Entry]) -> None:
        """Write them to standard output, and flush."""


def make_view(*, json: bool, raw: bool, names: Sequence[str], several: bool) -> View:
    """The view that the options ask for.

    Args:
        names: of the services that are shown now.
        several: there are more, or may come to be: each line has the service's name in front.
    """
    output = sys.stdout.buffer
    if json:
        return _Json(output)
    if raw:
        return _Raw(output)
    width = max(map(len, names), default=0) if several else None
    return _Lines(output, width, terminal=sys.stdout.isatty(), colour=in_colour())


class Sifted:
    """A view of the entries alone for which ``keep`` is true."""

    verbatim = False

    def __init__(self, view: View, keep: Callable[[Entry], bool]) -> None:
        self._view = view
        self._keep = keep

    def show(self, entries: Iterable[Entry]) -> None:
        self._view.show(filter(self._keep, entries))


class _Lines:
    """Lines as they stand in the files; on a terminal, made harmless."""

    def __init__(
        self, output: BinaryIO, width: int | None, *, terminal: bool, colour: bool
    ) -> None:
        self._output = output
        self._width = width
        self.verbatim = width is None and not terminal
        self._terminal = terminal
        self._colours = cycle(_NAME_COLOURS) if colour else None
        self._heads: dict[str, bytes] = {}

    def show(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            line = harmless(entry.line).encode() if self._terminal else entry.line
            self._output.write(self._head(entry.name) + line + b"\n")
        self._output.flush()

    def _head(self, name: str) -> bytes:
        if self._width is None:
            return b""
        if name not in self._heads:
            shown = harmless(os.fsencode(name)).ljust(self._width)
            if self._colours:
                shown = f"\x1b[{next(self._colours)}m{shown}\x1b[0m"
            self._heads[name] = f"{shown}  ".encode()
        return self._heads[name]


class _Raw:
    """The bytes that the services wrote: nothing added, split lines whole again."""

    verbatim = False

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def show(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            record = parse_record(entry.line)
            if record is None:
                self._output.write(entry.line + b"\n")
            elif record.origin != "csv":
                self._output.write(record.text if record.partial else record.text + b"\n")
        self._output.flush()


class _Json:
    """One object per record and line; nothing of the record is lost."""

    verbatim = False

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def show(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._output.write(json.dumps(_object(entry), ensure_ascii=False).encode() + b"\n")
        self._output.flush()


def _object(entry: Entry) -> dict[str, object]:
    record = parse_record(entry.line)
    fields: dict[str, object] = {"service": harmless(os.fsencode(entry.name))}
    text = entry.line
    if record is not None:
        text = record.text
        fields = {"time": _time(record.time_ns), **fields, "origin": record.origin}
        if record.partial:
            fields["partial"] = True
    try:
        fields["text"] = text.decode()
    except UnicodeDecodeError:
        fields["text"] = text.decode("utf-8", "replace")
        fields["base64"] = base64.b64encode(text).decode()
    return fields


def _time(time_ns: int) -> str:
    """ISO 8601, with nanoseconds where the stamp has them."""
    stamp = make_stamp(time_ns, ISO8601).decode()
    return f"{stamp[:-1]}{time_ns % 1000:03d}Z" if time_ns % 1000 else stamp


def harmless(text: bytes) -> str:
    r"""Text that cannot move a cursor, change a colour or hide: such characters as ``\xNN``."""
    shown = text.decode("utf-8", "backslashreplace")
    if shown.isprintable():
        return shown
    return "".join(
        c if c.isprintable() or c in _BLANK else c.encode("unicode_escape").decode() for c in shown
    )
