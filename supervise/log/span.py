"""A part of a log, by time or by launch, found without reading the rest.

By time: a rotated file's name tells when it was finished, so most files are not even opened for
reading; within one file the first record at a moment is found by halving. By launch: the marks
that the supervisor had written, ``launch N started``, are searched from the newest backwards.

Stamps rise within a log, unless the clock was set back: then lines of the time that came twice may
be missed, or be shown too many.
"""

import os
import re
from collections.abc import Iterator, Sequence

from supervise.core.logline import parse_record
from supervise.log.reader import Part

_LINE_BYTES = 72 * 1024  # the longest record: its text, stamp and origin
_BLOCK_BYTES = 1024 * 1024
_MARK = b" csv launch "
_STARTED = re.compile(rb"\S+ csv launch (\d+) started")


def between(parts: Sequence[Part], since_ns: int | None, until_ns: int | None) -> list[Part]:
    """The parts that have records from ``since_ns`` to ``until_ns``, cut to these."""
    kept = []
    for part in parts:
        finished = part.finished_ns
        if since_ns is not None and finished is not None and finished < since_ns:
            continue
        if since_ns is not None:
            part.start = _first_at(part, since_ns)
        if until_ns is not None:
            part.end = _first_at(part, until_ns + 1)
        kept.append(part)
        if until_ns is not None and finished is not None and finished > until_ns:
            break
    return kept


def _first_at(part: Part, time_ns: int) -> int:
    """The offset of the first record that is not older than ``time_ns``; the end if all are."""
    low, high = part.start, part.end
    while low < high:
        middle = (low + high) // 2
        found_ns, after = _record_from(part, middle, high)
        if found_ns is not None and found_ns < time_ns:
            low = after
        else:
            high = middle
    return low


def _record_from(part: Part, offset: int, end: int) -> tuple[int | None, int]:
    """The first record that begins between the two offsets: its time, and where it ends."""
    at = _line_start(part, offset)
    while at < end:
        line, _, _ = os.pread(part.file.fileno(), _LINE_BYTES, at).partition(b"\n")
        at = _line_start(part, at + len(line) + 1)
        if record := parse_record(line):
            return record.time_ns, at
    return None, end


def _line_start(part: Part, offset: int) -> int:
    """The offset of the first line that begins at ``offset`` or later."""
    at = max(part.start, offset - 1)
    if offset == part.start:
        return offset
    while at < part.end:
        data = os.pread(part.file.fileno(), _LINE_BYTES, at)
        newline = data.find(b"\n")
        if newline >= 0:
            return min(at + newline + 1, part.end)
        at += len(data) or part.end
    return part.end


def of_launch(parts: Sequence[Part], number: int) -> list[Part]:
    """The parts cut to one launch, from its ``started`` mark up to that of the next one.

    Args:
        number: of the launch; of several with this number the last. 0 is the one that started
            last, -1 the one before it, and so on.

    Returns:
        No part at all when there is no such launch.
    """
    following: tuple[int, int] | None = None
    for back, (index, offset, launch) in enumerate(_starts(parts)):
        if launch == number if number > 0 else back == -number:
            return _cut(parts, (index, offset), following)
        following = index, offset
    return []


def _cut(
    parts: Sequence[Part], first: tuple[int, int], following: tuple[int, int] | None
) -> list[Part]:
    last, end = following or (len(parts) - 1, parts[-1].end)
    parts[last].end = end
    parts[first[0]].start = first[1]
    return list(parts[first[0] : last + 1])


def _starts(parts: Sequence[Part]) -> Iterator[tuple[int, int, int]]:
    """Every ``started`` mark, newest first: the part, the offset in it, the launch's number."""
    for index in range(len(parts) - 1, -1, -1):
        for offset, data in _blocks_backwards(parts[index]):
            at = len(data)
            while (at := data.rfind(_MARK, 0, at)) >= 0:
                start = data.rfind(b"\n", 0, at) + 1
                # Only the stamp may stand before it: a service can print the same words.
                match = _STARTED.fullmatch(data[start : data.find(b"\n", at)])
                if match and parse_record(match[0]):
                    yield index, offset + start, int(match[1])


def _blocks_backwards(part: Part) -> Iterator[tuple[int, bytes]]:
    """The part in blocks of whole lines, the last one first, each with its offset."""
    end = part.end
    while end > part.start:
        start = _line_start(part, max(part.start, end - _BLOCK_BYTES))
        yield start, os.pread(part.file.fileno(), end - start, start)
        end = start
