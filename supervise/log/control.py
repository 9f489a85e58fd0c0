"""The shim's control lines: ``look``, ``drop`` and ``rotate NAME``, ``mark NAME UNREAD TEXT``.

NAME is that of the service's entry in the run directory: its name, or ``.csv`` for the log in
which supervisor and shim speak themselves, and which is called ``csv``.

A line is written by one write(2) of at most PIPE_BUF bytes into a
FIFO, so lines of several writers never mix.
"""

import errno
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from supervise.errors import NotSupervised, SystemCallFailed
from supervise.paths import Paths

OWN = "csv"
"""The log in which supervisor and shim speak; no service can have this name."""

OWN_ENTRY = "." + OWN
"""Its entry in the run directory."""

VERBS = ("look", "drop", "rotate", "mark")
_QUOTED = re.compile(rb"%([0-9A-Fa-f]{2})")
_COUNTS = re.compile(rb"\d{1,18}(,\d{1,18})?")
_TEXT_BYTES = 1000
_SPECIAL = re.compile(rb"[^!-$&-~]")


class Order(NamedTuple):
    """One control line: what to do with the log of which service.

    Attributes:
        text: what ``mark`` has to say.
        unread: how many bytes were in the FIFOs out and err when the mark was made: it belongs
            behind them, wherever the shim is by then. It takes no more than that before it marks.
    """

    verb: str
    name: str
    text: str = ""
    unread: tuple[int, ...] = ()


def format_order(order: Order) -> bytes:
    """The line, newline included; bytes outside printable ASCII, space and ``%`` as ``%XX``.

    A text that would make it too long to be written at once is cut.
    """
    entry = OWN_ENTRY if order.name == OWN else order.name
    words = [order.verb.encode(), _quote(entry.encode("utf-8", "surrogateescape"))]
    if order.text:
        words.append(",".join(map(str, order.unread or (0,))).encode())
        words.append(_quote(order.text.encode("utf-8", "surrogateescape")[:_TEXT_BYTES]))
    return b" ".join(words) + b"\n"


def _quote(raw: bytes) -> bytes:
    return _SPECIAL.sub(lambda m: b"%%%02X" % ord(m[0]), raw)


def _unquote(quoted: bytes) -> str:
    raw = _QUOTED.sub(lambda m: bytes((int(m[1], 16),)), quoted)
    return raw.decode("utf-8", "surrogateescape")


def parse_order(line: bytes) -> Order | None:
    """Read a line without its newline; None when it is no order that this shim knows."""
    verb, space, rest = line.partition(b" ")
    if not space or verb.decode("ascii", "replace") not in VERBS:
        return None
    quoted, *further = rest.split(b" ")
    name = log_name(_unquote(quoted))
    if not name:
        return None
    if verb != b"mark":
        return Order(verb.decode(), name)
    if len(further) != 2 or not _COUNTS.fullmatch(further[0]):
        return None
    counts = tuple(map(int, further[0].split(b",")))
    return Order(verb.decode(), name, _unquote(further[1]), counts)


def log_name(entry: str) -> str | None:
    """The name of the log that an entry of the run directory has; None if it can have none."""
    if entry == OWN_ENTRY:
        return OWN
    raw = entry.encode("utf-8", "surrogateescape")
    plain = 0 < len(raw) <= 128 and not entry.startswith(".") and not re.search(r"[/\0]", entry)
    return entry if plain and entry != OWN else None


def rotate(paths: Paths, names: Iterable[str]) -> None:
    """Have the shim begin a new ``current`` for each of these services; returns at once.

    Raises:
        NotSupervised: no shim serves this run directory.
        SystemCallFailed: its control FIFO cannot be written.
    """
    control = paths.shim + "/control"
    try:
        fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            for name in names:
                os.write(fd, format_order(Order("rotate", name)))
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            raise NotSupervised(
                f"{paths.run_dir}: no shim writes logs here; start csv scan, or name the place "
                "with --run-dir"
            ) from None
        raise SystemCallFailed.of("write", control, error) from error
