"""One target: all logs that are sent to it, over one connection, each line at least once.

The logs themselves are the queue. A line that was sent is *settled* when the receiver's kernel has
acknowledged it and the connection has lived on for SETTLES_S, or SETTLES_BYTES more have been
acknowledged: a receiver that dies takes along what it had not read yet, but not more than that.
Only then the saved position moves on. When the connection breaks, everything that is not settled
is sent again; so does the next forwarder, whatever ended this one. So a line may come twice, and
is lost only if the receiver had it for that long, and yet forgot it.

Nothing wakes up here but for a new line, a word of the kernel, and, while something sent is not
settled or the target cannot be reached, a timer.
"""

import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable

import trio
from attrs import define

from supervise.core.definition import ForwardTarget
from supervise.core.logline import Record, parse_record
from supervise.errors import CsvError
from supervise.log.forward_cursor import Batch, Cursor
from supervise.log.forward_link import Link, connect
from supervise.log.forward_message import encoder
from supervise.log.forward_position import Position, Positions

SETTLES_S = 5.0
SETTLES_BYTES = 16 * 1024 * 1024

_BEGINNING = Position("", 0, 0, 0, 0)
_TICK_S = 1.0
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 30.0
_DRAIN_S = 0.05


@define(kw_only=True, eq=False)
class _Source:
    """A log that is sent here."""

    name: str
    directory: str
    cursor: Cursor
    begun: bool = False
    complained: bool = False


@define(kw_only=True)
class _Mark:
    """A batch that was sent: it ends at byte ``end`` of the connection, and is taken at ``at``."""

    end: int
    source: _Source
    position: Position
    at: float = 0.0


class Sender:
    """Sends logs to one target, for as long as run() runs.

    Args:
        target: where to.
        positions: how far it has come, on disk.
        host: the name of this machine.
        say: says one line to whoever runs it.
    """

    def __init__(
        self, target: ForwardTarget, positions: Positions, host: str, say: Callable[[str], None]
    ) -> None:
        self.target = target
        self._positions = positions
        self._encode = encoder(target.transport, host)
        self._say = say
        self._sources: dict[str, _Source] = {}
        self._ready: dict[str, None] = {}
        self._work = trio.Event()
        self._flight: deque[_Mark] = deque()
        self._arrived: deque[_Mark] = deque()
        self._flying = trio.Event()
        self._link: Link | None = None
        self._failing_since: float | None = None
        self._hurry = trio.Event()

    # --- what is to be sent ---------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, name: str, directory: str) -> None:
        """Send this service's log, from where the saved position is."""
        position = self._positions.load(name)
        cursor = Cursor(directory, position, lambda lines: self._missed(name, lines))
        self._sources[name] = _Source(name=name, directory=directory, cursor=cursor)
        self.wake(name)

    def remove(self, name: str) -> None:
        """Send it no more; the saved position stays."""
        source = self._sources.pop(name)
        source.cursor.close()
        self._ready.pop(name, None)
        for marks in (self._flight, self._arrived):
            for mark in [mark for mark in marks if mark.source is source]:
                marks.remove(mark)

    def forget(self, name: str) -> None:
        """Remove the saved position too: sent here again, it begins anew."""
        self._positions.forget(name)

    def wake(self, name: str) -> None:
        """The log has grown."""
        source = self._sources.get(name)
        if source is not None:
            self._begin(source)
            self._ready[name] = None
            self._work.set()

    def wake_all(self) -> None:
        """Any of the logs may have grown."""
        for name in self._sources:
            self.wake(name)

    def _begin(self, source: _Source) -> None:
        """Save where a log begins that was never sent here: what was removed of it was missed."""
        if source.begun or not os.path.isdir(source.directory):
            return
        try:
            if self._positions.load(source.name) is None:
                self._positions.save(source.name, _BEGINNING)
                source.cursor.rewind(_BEGINNING)
            source.begun = True
        except CsvError as error:
            self._complain(source, error)

    def _complain(self, source: _Source, error: Exception) -> None:
        if not source.complained:
            source.complained = True
            self._say(f"{source.name}: sending its log to {self.target}: {error}")

    def hurry(self) -> None:
        """Try at once, if it waits to try again."""
        self._hurry.set()

    def _missed(self, name: str, lines: int | None) -> None:
        count = "an unknown number of" if lines is None else str(lines)
        self._say(
            f"{name}: {count} lines were removed from its log before {self.target} took them; "
            "raise keep or max_size in [log] for a longer absence"
        )

    # --- connections ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect when there is something to send, and again when that breaks; for ever."""
        delay_s = _FIRST_DELAY_S
        while True:
            await self._work.wait()
            connected_at = math.inf
            try:
                async with connect(self.target) as link:
                    connected_at = time.monotonic()
                    await self._converse(link)
            except (OSError, trio.TooSlowError, CsvError) as error:
                self._rewind()
                if self._work.is_set():  # else nothing is lacking: it left while all was quiet
                    self._failed(error)
            if time.monotonic() - connected_at > delay_s:
                delay_s = _FIRST_DELAY_S
            self._hurry = trio.Event()
            with trio.move_on_after(delay_s):
                await self._hurry.wait()
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    def _failed(self, error: Exception) -> None:
        if self._failing_since is not None:
            return
        self._failing_since = time.monotonic()
        reason = "no answer" if isinstance(error, trio.TooSlowError) else str(error)
        self._say(
            f"{self.target} takes no lines: {reason}; tried again after up to "
            f"{_LONGEST_DELAY_S:g} s. The lines wait in their logs"
        )

    def _works(self, at: float) -> None:
        if self._failing_since is not None:
            away_s = at - self._failing_since
            self._failing_since = None
            self._say(f"{self.target} takes lines again, after {away_s:.0f} s")

    def _rewind(self) -> None:
        """What is not settled is to be sent again."""
        marks = [*self._arrived, *self._flight]
        for source in {id(mark.source): mark.source for mark in marks}.values():
            source.cursor.rewind(self._positions.load(source.name))
            self.wake(source.name)
        self._arrived.clear()
        self._flight.clear()

    async def _converse(self, link: Link) -> None:
        """Send, settle and watch, until the connection breaks: then the reason is raised.

        Raises:
            OSError, CsvError: why it is broken.
        """
        self._link = link
        reasons: list[Exception] = []

        async def until_broken(part: Callable[[Link], Awaitable[None]]) -> None:
            try:
                await part(link)
            except (OSError, CsvError) as error:
                reasons.append(error)
            nursery.cancel_scope.cancel()

        try:
            async with trio.open_nursery() as nursery:
                for part in (self._send, self._settle, self._watch):
                    nursery.start_soon(until_broken, part)
        finally:
            self._link = None
        raise reasons[0] if reasons else ConnectionError("the receiver closed the connection")

    async def _watch(self, link: Link) -> None:
        await link.watch()

    # --- sending --------------------------------------------------------------------------------

    async def _send(self, link: Link) -> None:
        while True:
            await self._work.wait()
            name = next(iter(self._ready), None)
            if name is None:
                self._work = trio.Event()
                continue
            del self._ready[name]
            source = self._sources[name]
            batch = self._read(source)
            if batch is None:
                continue
            self._ready[name] = None  # once more, after the others
            # Marked before it is sent: what is cut short in the middle is to be sent again, too.
            mark = _Mark(end=1 << 62, source=source, position=batch.position)
            self._flight.append(mark)
            await link.send(self._messages(name, batch.lines))
            mark.end = link.sent
            self._flying.set()
            self._advance(link)

    def _read(self, source: _Source) -> Batch | None:
        """The next lines of a log; one that cannot be read does not hold up the others."""
        try:
            batch = source.cursor.read()
        except (OSError, CsvError) as error:
            self._complain(source, error)
            return None
        source.complained = False
        return batch

    def _messages(self, name: str, lines: list[bytes]) -> list[bytes]:
        messages: list[bytes] = []
        time_ns = 0
        for line in lines:
            # A line that somebody else has put into the file is sent on as it is.
            record = parse_record(line) or Record(time_ns or time.time_ns(), "out", line)
            time_ns = record.time_ns
            messages += self._encode(record, name)
        return messages

    # --- settling -------------------------------------------------------------------------------

    async def _settle(self, link: Link) -> None:
        while True:
            await self._flying.wait()
            self._advance(link)
            if self._flight or self._arrived:
                await trio.sleep(_TICK_S)
            else:
                self._flying = trio.Event()

    def _advance(self, link: Link, *, at_once: bool = False) -> None:
        """Save the positions of all that is settled; ``at_once``: of all that has arrived."""
        now = time.monotonic()
        taken = link.sent - link.unacknowledged()
        while self._flight and self._flight[0].end <= taken:
            self._flight[0].at = now
            self._arrived.append(self._flight.popleft())
        moved: dict[str, _Mark] = {}
        while self._arrived:
            mark = self._arrived[0]
            young = now - mark.at < SETTLES_S and taken - mark.end < SETTLES_BYTES
            if young and not at_once:
                break
            moved[mark.source.name] = self._arrived.popleft()
        for name, mark in moved.items():
            try:
                self._positions.save(name, mark.position)
            except CsvError as error:  # a full disk is no reason to send anything again now
                self._complain(mark.source, error)
            self._works(mark.at)

    async def drain(self) -> None:
        """Send what is there, as far as the target takes it now; save how far that came."""
        # The kernel tells nobody when its queue has become empty.
        while (self._ready or self._in_flight()) and self._failing_since is None:  # noqa: ASYNC110
            await trio.sleep(_DRAIN_S)

    def _in_flight(self) -> bool:
        return self._link is not None and self._link.unacknowledged() > 0

    def save(self) -> None:
        """Save how far the receiver's kernel has taken lines, without waiting any longer."""
        if self._link is not None:
            with contextlib.suppress(OSError, CsvError):
                self._advance(self._link, at_once=True)

    def close(self) -> None:
        """Close all logs."""
        for source in self._sources.values():
            source.cursor.close()
