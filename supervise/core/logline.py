"""The line format of log files: ``STAMP ORIGIN TEXT``, bytes to values and back without loss.

STAMP is ISO 8601 in UTC with microseconds, or daemontools' TAI64N label. ORIGIN is ``out`` or
``err`` (what the service wrote, every byte of it unaltered), ``csv`` (what csv itself has to say
about the service), or ``facility.severity`` (syslog; its TEXT is escaped, because a datagram may
hold a newline and must not forge a record). A ``+`` after the origin says that no newline ended
this text: the next record of that origin continues it. So a reader gets back exactly the bytes
that were written, and no text can look like the start of another record.

Knows no file and no clock; csv-log(5) is the same for users. NamedTuple instead of attrs, since
the syslog shim imports this and is to stay small.
"""

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

ISO8601 = "iso8601"
TAI64N = "tai64n"

# daemontools counts TAI as ten seconds ahead of UTC, with no table of leap seconds.
_TAI_EPOCH = (1 << 62) + 10
_NS = 1_000_000_000

_RECORD = re.compile(
    rb"(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z|@([0-9a-f]{16})([0-9a-f]{8}))"
    rb" ([a-z0-9]+(?:\.[a-z0-9]+)?)(\+?) (.*)",
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f\\]")


class Record(NamedTuple):
    """One record of a log.

    Attributes:
        time_ns: when it was taken in; wall clock, nanoseconds since 1970 UTC.
        origin: ``out``, ``err``, ``csv`` or ``facility.severity``.
        text: the bytes the service wrote, without the newline that ended them.
        partial: no newline ended ``text``; the next record of this origin continues it.
    """

    time_ns: int
    origin: str
    text: bytes
    partial: bool = False


def make_stamp(time_ns: int, form: str) -> bytes:
    """The stamp of a moment; ``form`` is ISO8601 (cut to microseconds) or TAI64N."""
    seconds, nanoseconds = divmod(time_ns, _NS)
    if form == TAI64N:
        return b"@%016x%08x" % (seconds + _TAI_EPOCH, nanoseconds)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return b"%s.%06dZ" % (whole.encode(), nanoseconds // 1000)


def label_ns(digits: str) -> int:
    """The moment that the 24 hexadecimal digits of a TAI64N label stand for.

    Raises:
        ValueError: they are no such digits.
    """
    return (int(digits[:16], 16) - _TAI_EPOCH) * _NS + int(digits[16:], 16)


def stamp_lines(
    data: bytes, *, stamp: bytes, origin: bytes, limit: int
) -> list[bytes | memoryview]:
    """Turn a chunk of raw output into records: the same bytes for the same arguments, always.

    Lines longer than ``limit`` bytes, and what follows the last newline, become partial records.
    There is no loop over lines: a chunk of ordinary lines costs one ``bytes.replace``.

    Returns:
        Buffers to be written one after the other.
    """
    buffers: list[bytes | memoryview] = []
    for piece in _pieces(data, limit):
        if piece.endswith(b"\n"):
            head = b"%s %s " % (stamp, origin)
            body = piece.replace(b"\n", b"\n" + head)
            buffers += [head, memoryview(body)[: -len(head)]]
        else:
            buffers.append(b"%s %s+ %s\n" % (stamp, origin, piece))
    return buffers


def _pieces(data: bytes, limit: int) -> Iterator[bytes]:
    """Cut into runs of whole lines, and pieces of at most ``limit`` bytes with no newline."""
    start = at = 0
    while at < len(data):
        newline = data.rfind(b"\n", at, at + limit + 1)
        if newline >= 0:
            at = newline + 1
            continue
        if at > start:
            yield data[start:at]
        start, at = at, min(at + limit, len(data))
        yield data[start:at]
        start = at
    if at > start:
        yield data[start:at]


def settled_length(data: bytes, limit: int) -> int:
    """How much of ``data`` can become records now, without waiting for the rest of a line.

    Up to the last newline; and of what follows it, whole pieces of ``limit`` bytes as long as
    more than that is there.
    """
    end = data.rfind(b"\n") + 1
    rest = len(data) - end
    return end + (rest - 1) // limit * limit if rest > limit else end


def format_record(record: Record, form: str = ISO8601) -> bytes:
    """One record as a line, newline included.

    Raises:
        ValueError: the text of a record that is not escaped holds a newline.
    """
    text = escape(record.text) if "." in record.origin else record.text
    if b"\n" in text:
        raise ValueError(f"a record of origin {record.origin} cannot hold a newline")
    mark = b"+" if record.partial else b""
    return b"%s %s%s %s\n" % (make_stamp(record.time_ns, form), record.origin.encode(), mark, text)


def parse_record(line: bytes) -> Record | None:
    """Read one line, without its newline; None when it is no record (a file cut by a crash)."""
    match = _RECORD.fullmatch(line)
    if match is None:
        return None
    iso, microseconds, tai, nanoseconds, origin, mark, text = match.groups()
    try:
        if iso is not None:
            time_ns = _seconds(iso) * _NS + int(microseconds) * 1000
        else:
            time_ns = label_ns((tai + nanoseconds).decode())
    except ValueError:
        return None
    if b"." in origin:
        text = unescape(text)
    return Record(time_ns, origin.decode(), text, bool(mark))


@lru_cache(maxsize=16)
def _seconds(iso: bytes) -> int:
    # Neighbouring lines nearly always share their second, and strptime is slow. The shim only
    # writes records: it need not carry the calendar.
    import calendar

    return calendar.timegm(time.strptime(iso.decode(), "%Y-%m-%dT%H:%M:%S"))


def escape(text: bytes) -> bytes:
    r"""Make text one harmless line, reversibly: control characters as ``\xNN``, ``\`` as ``\\``."""
    return _UNSAFE.sub(lambda m: b"\\\\" if m[0] == b"\\" else b"\\x%02x" % ord(m[0]), text)


def unescape(text: bytes) -> bytes:
    """Undo ``escape``; a backslash that begins no escape stays."""
    return _ESCAPED.sub(lambda m: b"\\" if m[1] == b"\\" else bytes((int(m[1][1:], 16),)), text)
