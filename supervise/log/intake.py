"""One service's log: FIFO → spool → ``current``, each line exactly once, whoever is killed when.

A byte is always in exactly one of three places, and every step between them is one system call,
which a kill finds done or not done:

1. *take*: ``splice`` moves bytes from the FIFO to the end of the stream's spool file. The size of
   the spool tells how much came: no return value is needed that a kill could lose. (The spool
   lies in the run directory, a tmpfs. splice refuses O_APPEND files, hence the explicit offset.)
2. The batch is decided: whole lines of the spool, from the stream's ``position`` to ``end``. It
   goes into the journal, with the stamp and the line limit: ``step = WRITE``. From here on the
   bytes which it becomes in ``current``, and their place there, are fixed.
3. They are written at the settled length of ``current``.
4. The journal settles the batch: new length, ``position = end``, ``step = REST``.
5. *shrink*: what is left in the spool (the beginning of a line) is copied to its front, over
   settled bytes. The journal says ``position = 0, step = SHRINK, end = what is left``; the spool
   is truncated to that; the journal says REST. With nothing left, 4 and the first half of 5 are
   one update.

What a kill leaves, and what the next shim does:

    1, or before 2 is in the journal   bytes in the spool beyond position: taken as if just come
    2, 3, or in the midst of 3         WRITE: the same bytes are written again to the same place
    4, or after the copy of 5          REST: position skips the settled bytes; the copy lay there
    5, before the truncation           SHRINK: truncates; nothing was taken since, as take never
                                       comes between SHRINK and REST
    in the midst of a journal update   the former state is in force (see ``log.progress``)
    in a rotation                      see ``log.logfile``

A disk that is full or gone stops at 3 with WRITE in the journal, and the same repetition mends it:
meanwhile take goes on until the spool is full, then the FIFO fills, then the writer waits.
"""

import contextlib
import os
import sys
import time
from typing import Any

from supervise.core.logline import (
    ISO8601,
    TAI64N,
    Record,
    format_record,
    make_stamp,
)
from supervise.log.descriptors import Descriptors
from supervise.log.logfile import LogFile
from supervise.log.messages import Inbox, Messages
from supervise.log.policy import DEFAULT, Policy
from supervise.log.progress import POSITIONS, REST, SHRINK, WRITE, Journal, Progress
from supervise.log.quota import Quota
from supervise.log.stream import Stream

BATCH_BYTES = 256 * 1024
"""The most that is taken from one FIFO, or written, at once: fair to others, kind to the cache."""

SPOOL_BYTES = 1024 * 1024
"""How much of a stream may wait in its spool while the log cannot be written."""

_SAVE_BATCHES = 16
_SAY_EVERY_S = 1.0
_HEAD_BYTES = 39  # stamp, origin, mark and the newline of a split, at most


class Intake:
    """The log of one service. Methods that write may raise OSError or CsvError; calling ``write``
    again later resumes, with nothing lost or doubled.

    Args:
        name: the service's name.
        spool: the path of its spool files, without ``.out``, ``.err`` and ``.log``.
        inbox: takes its syslog messages in.
        origins: of its two FIFOs.

    Attributes:
        streams: its two FIFOs, and its syslog messages.
    """

    __slots__ = (
        *("_descriptors", "_journal", "_owed", "_quota", "_said_at"),
        *("file", "name", "policy", "streams"),
    )

    def __init__(
        self,
        *,
        name: str,
        journal: Journal,
        file: LogFile,
        descriptors: Descriptors,
        spool: str,
        inbox: Inbox,
        origins: tuple[bytes, bytes] = (b"out", b"err"),
        policy: Policy = DEFAULT,
    ) -> None:
        self.name = name
        self._journal = journal
        self._descriptors = descriptors
        self.file = file
        self.policy = policy
        self._owed: list[str] = []
        self._quota: Quota | None = None
        self._said_at = 0.0
        self.streams = (
            Stream(0, origins[0], spool + ".out"),
            Stream(1, origins[1], spool + ".err"),
            Messages(2, spool + ".log", inbox),
        )
        self._resume()

    def _resume(self) -> None:
        """Take up what a killed shim left; the batch that it was writing is left to ``write``."""
        state = self._journal.state
        if state.step == SHRINK:
            self._truncate()
            state = self._journal.state
        # Spools that somebody removed cannot be resumed: their lines are gone.
        if state.step == WRITE and state.end > self.streams[state.stream].size:
            state = state._replace(step=REST)
        for stream in self.streams:
            if self.position(stream) > stream.size:
                state = _at(stream, state, stream.size)
        if state is not self._journal.state:
            self._journal.put(state)

    @property
    def dropped(self) -> bool:
        """The service is gone; its files are to go when all is written."""
        return bool(self._journal.state.dropped)

    @dropped.setter
    def dropped(self, dropped: bool) -> None:
        if self.dropped != dropped:
            self._journal.put(self._journal.state._replace(dropped=dropped))

    def position(self, stream: Stream) -> int:
        """How much of the stream's spool is settled."""
        return int(getattr(self._journal.state, POSITIONS[stream.index]))

    def waiting(self, stream: Stream) -> int:
        """How many bytes of the stream are in the spool and not yet in the log."""
        return stream.size - self.position(stream)

    def unwritten(self, stream: Stream) -> int:
        """How many bytes of the stream are not yet in the log; a message is a byte at least."""
        return self.waiting(stream) + stream.unread()

    def save(self) -> None:
        """Move what has come to the spools, however full they are: this process ends.

        A writer that never pauses does not hold this up: what it writes stays in its FIFO.
        """
        for stream in self.streams:
            for _ in range(_SAVE_BATCHES):
                if stream.is_empty() or not self.take(stream, spool_bytes=sys.maxsize):
                    break

    def take(
        self, stream: Stream, most: int = BATCH_BYTES, *, spool_bytes: int = SPOOL_BYTES
    ) -> int:
        """Move what has come to the spool, one batch at most, as far as there is room.

        Returns:
            How many bytes; 0 when nothing has come or the spool is full.
        """
        if self._journal.state.step == SHRINK:  # the spool could not be truncated before
            self._truncate()
        room = min(most, BATCH_BYTES, spool_bytes - self.waiting(stream))
        return stream.take(self._descriptors, room, self.policy.line_bytes) if room > 0 else 0

    def write(self, stream: Stream, *, flush: bool = False) -> None:
        """Write all whole lines of the stream; with ``flush`` what follows them too.

        A batch that was cut short, by a kill or a failure, is finished first. What csv itself has
        to say comes after it.
        """
        if self._journal.state.step == SHRINK:
            self._truncate()
        while self._journal.state.step == WRITE or self._begin(stream, flush):
            self._finish()
        self._shrink(stream)
        self._say_owed(now=flush)

    def _begin(self, stream: Stream, flush: bool) -> bool:
        """Decide the next batch, as large as can be, and put it into the journal; False: none."""
        position = self.position(stream)
        if position == stream.size:
            return False
        data = self._read(stream, position, BATCH_BYTES + self.policy.line_bytes)
        end = len(data) if flush else stream.settled(data, self.policy.line_bytes)
        if not end:
            return False
        end = self._fit(stream, data, self._within_rate(stream, data, end))
        if not end:
            return self._begin(stream, flush)
        self._journal.put(
            self._journal.state._replace(
                step=WRITE,
                stream=stream.index,
                end=position + end,
                stamp_ns=time.time_ns(),
                tai64n=self.policy.form == TAI64N,
                limit=self.policy.line_bytes,
            )
        )
        return True

    def _within_rate(self, stream: Stream, data: bytes, end: int) -> int:
        """How much of the batch its rate allows; when that is nothing, all of it is dropped."""
        policy = self.policy
        if not policy.rate_per_s:
            return end
        quota = self._quota
        if quota is None or (quota.rate_per_s, quota.burst) != (policy.rate_per_s, policy.burst):
            quota = self._quota = Quota(policy.rate_per_s, policy.burst)
        lines = data.count(b"\n", 0, end) or 1
        allowed = quota.take(lines)
        if allowed == lines:
            return end
        if allowed:
            return end - len(data[:end].split(b"\n", allowed)[-1])
        state = self._journal.state
        state = _at(stream, state, self.position(stream) + end)
        self._journal.put(state._replace(lost=state.lost + lines))
        return 0

    def discard(self) -> None:
        """Drop the lines that wait in the spools, counted: they cannot be written, and nobody is
        to wait. The beginning of a line stays, so that no line is counted twice.
        """
        if self._journal.state.step == SHRINK:
            self._truncate()
        state = self._journal.state._replace(step=REST)
        for stream in self.streams:
            waiting = self._read(stream, self.position(stream), self.waiting(stream))
            end = waiting.rfind(b"\n") + 1 or len(waiting)
            lines = waiting.count(b"\n") or bool(waiting)
            state = _at(stream, state, self.position(stream) + end)
            state = state._replace(lost=state.lost + lines)
        self._journal.put(state)
        for stream in self.streams:
            self._shrink(stream)

    def _fit(self, stream: Stream, data: bytes, end: int) -> int:
        """Cut a batch, at a line's end if there is one, so that an empty file can hold it."""
        limit, most = self.policy.line_bytes, self.policy.max_size_bytes
        if end * (1 + _HEAD_BYTES) <= most:
            return end  # even if it were nothing but newlines
        while (size := _stamped_size(data, end, limit)) > most:
            end = data.rfind(b"\n", 0, end * most // size) + 1
            if not end:  # the first record alone always fits: see Policy.line_bytes
                return stream.first(data, limit)
        return end

    def _finish(self) -> None:
        state = self._journal.state
        stream = self.streams[state.stream]
        position = self.position(stream)
        data = self._read(stream, position, state.end - position)
        stamp = make_stamp(state.stamp_ns, TAI64N if state.tai64n else ISO8601)
        buffers = stream.stamped(data, stamp, state.limit)
        length = self.file.write(buffers, self.policy)
        self._settle(stream, length, state.end)

    def _settle(self, stream: Stream, length: int, end: int) -> None:
        state = self._journal.state._replace(length=length, step=REST)
        if end == stream.size:
            self._journal.put(_at(stream, state, 0)._replace(step=SHRINK, end=0))
            self._truncate()
        else:
            self._journal.put(_at(stream, state, end))

    def _shrink(self, stream: Stream) -> None:
        """Give the memory of settled bytes back, once the rest can be copied over them."""
        position = self.position(stream)
        rest = stream.size - position
        if not position or rest > position:
            return
        spool = stream.open_spool(self._descriptors)
        os.pwrite(spool, self._read(stream, position, rest), 0)
        state = self._journal.state._replace(step=SHRINK, stream=stream.index, end=rest)
        self._journal.put(_at(stream, state, 0))
        self._truncate()

    def _truncate(self) -> None:
        state = self._journal.state
        stream = self.streams[state.stream]
        os.ftruncate(stream.open_spool(self._descriptors), state.end)
        stream.size = state.end
        self._journal.put(state._replace(step=REST))

    def _read(self, stream: Stream, position: int, length: int) -> bytes:
        length = min(length, stream.size - position)
        return os.pread(stream.open_spool(self._descriptors), length, position)

    @property
    def lost(self) -> int:
        """How many lines were dropped of which the log does not say so yet."""
        return self._journal.state.lost

    def mark(self, text: str) -> None:
        """Have a record of csv's own added after the next ``write`` that succeeds."""
        self._owed.append(text)

    def _say_owed(self, *, now: bool) -> None:
        """Add the marks; and how many lines were dropped, but not more often than once a second."""
        if self.lost and (now or time.monotonic() - self._said_at >= _SAY_EVERY_S):
            self._said_at = time.monotonic()
            lines = "1 line was" if self.lost == 1 else f"{self.lost} lines were"
            self.say(f"{lines} dropped here{self._why_dropped()}", lost=0)
        while self._owed:
            self.say(self._owed[0])
            del self._owed[0]

    def _why_dropped(self) -> str:
        rate = f"more came than rate = {self.policy.rate_per_s:g}/s" if self._quota else ""
        full = "the log could not be written, and on_full = drop" if self.policy.drops else ""
        return "".join(f": {why}" for why in (" or ".join(filter(None, (rate, full))),) if why)

    def say(self, text: str, lost: int | None = None) -> None:
        """Add a record of csv's own, when no batch is under way (after a ``write`` that succeeded).

        A kill in the midst of it may lose this record, but nothing else.
        """
        record = Record(time.time_ns(), "csv", text.encode("utf-8", "replace"))
        line = format_record(record, self.policy.form)
        length = self.file.write([line], self.policy)
        state = self._journal.state
        self._journal.put(state._replace(length=length, lost=state.lost if lost is None else lost))

    def forget(self) -> None:
        """Remove the spools; only when nothing waits in them."""
        for stream in self.streams:
            self._descriptors.close(stream.spool)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(stream.spool)
        self._descriptors.close(self.file.current)


def _stamped_size(data: bytes, end: int, limit: int) -> int:
    """An upper bound of what ``data[:end]`` becomes when it is stamped."""
    return end + (data.count(b"\n", 0, end) + end // limit + 1) * _HEAD_BYTES


def _at(stream: Stream, state: Progress, position: int) -> Progress:
    fields: dict[str, Any] = {POSITIONS[stream.index]: position}
    return state._replace(**fields)
