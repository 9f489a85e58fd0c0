"""Keeping a program of ours up: starts it, takes it over, brings it back, stops it last.

The shim and the forwarder are kept so. What they have to know they read from files, so nothing
depends on their being alive at any moment.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence

import trio

from supervise.core import ends, restart
from supervise.core.definition import RestartPolicy
from supervise.daemon.journal import Journal
from supervise.daemon.poll import Poll
from supervise.daemon.process import Child, Process, adopt
from supervise.daemon.reaper import Reaper
from supervise.errors import CsvError
from supervise.kernel.descriptors import Parking
from supervise.kernel.spawn import Command

_POLICY = RestartPolicy(reset_after_s=1.0, max_delay_s=5.0)
_STOP_WITHIN_S = 10.0
_AGAIN_AFTER_S = 0.1


class Keeper:
    """One process of a program at a time.

    Args:
        what: what people call it.
        argv: the arguments of ``csv``.
        pid_file: where it says, once it is ready, who it is.
    """

    def __init__(
        self,
        *,
        what: str,
        argv: Sequence[str],
        pid_file: str,
        reaper: Reaper,
        poll: Poll,
        parking: Parking,
        journal: Journal,
    ) -> None:
        self._what = what
        self._argv = (sys.executable, "-P", "-m", "supervise.cli.main", *argv)
        self._pid_file = pid_file
        self._reaper = reaper
        self._poll = poll
        self._parking = parking
        self._journal = journal
        self._process: Process | None = None
        self._ended = trio.Event()
        self._stopping = False
        self._status: int | None = None

    def signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self._process is not None:
            self._process.signal(number)

    async def serve(self) -> None:
        """Keep it up until stop(); one that dies is replaced, at growing intervals."""
        unhealthy_ends = 0
        while not self._stopping:
            started = time.monotonic()
            self._ended = trio.Event()
            try:
                self._process = self._take_over() or self._start()
            except CsvError as error:
                self._journal.say(f"{self._what} does not start: {error}")
            else:
                await self._ended.wait()
            self._process = None
            if restart.was_healthy(_POLICY, time.monotonic() - started):
                unhealthy_ends = 0
            else:
                unhealthy_ends += 1
            if not self._stopping:
                await trio.sleep(restart.delay_s(_POLICY, unhealthy_ends, lambda: 0.5))

    def _take_over(self) -> Process | None:
        """That of a former supervisor, if it lives."""
        try:
            with open(self._pid_file, "rb") as file:
                record = json.load(file)
            return adopt(
                record["pid"],
                record["start_time"],
                reaper=self._reaper,
                poll=self._poll,
                parking=self._parking,
                ended=self._on_end,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _start(self) -> Process:
        # A TERM that comes while it starts must not end it: it has lines to write first.
        command = Command(argv=self._argv, blocked=(signal.SIGTERM,))
        return Child(*self._reaper.spawn(command, self._on_end))

    def _on_end(self, status: int | None) -> None:
        self._status = status
        if not self._stopping:
            self._journal.say(f"{self._what} ended ({ends.words(status)}); starting it again")
        self._ended.set()

    async def stop(self) -> bool:
        """Tell it to finish its work and end; after a while, kill it.

        One that has died just now is started once more: its work would not be done otherwise.

        One that ends with 1 has said what it cannot do, and could not do it once more.

        Returns:
            Whether it has done all.
        """
        self._stopping = True
        with trio.move_on_after(_STOP_WITHIN_S):
            while True:
                if await self._end():
                    return self._status == 0
                # It failed, or one that we do not know yet has the lock.
                await trio.sleep(_AGAIN_AFTER_S)
        if self._process is not None:
            self._journal.say(f"{self._what} did not end within {_STOP_WITHIN_S:g} s; killed")
            self._process.signal(signal.SIGKILL)
            await self._ended.wait()
        return False

    async def _end(self) -> bool:
        """Have one, and end it; False when another one is to do what is left."""
        if self._process is None:
            self._ended = trio.Event()
            try:
                self._process = self._take_over() or self._start()
            except CsvError:
                return False
        self._process.signal(signal.SIGTERM)
        await self._ended.wait()
        self._process = None
        return self._status is not None and os.waitstatus_to_exitcode(self._status) in (0, 1)
