"""The forwarder as the supervisor sees it: kept up from the moment that some log is sent on.

Where to, it reads from ``log.json``, which the shim's keeper writes; a line on its control FIFO
tells it where to look. A line that finds no forwarder is not missed: one that starts looks
everywhere, after it has opened the FIFO.
"""

import os
import shutil
import signal

import trio

from supervise.core.definition import LogPolicy
from supervise.daemon.journal import Journal
from supervise.daemon.keeper import Keeper
from supervise.daemon.poll import Poll
from supervise.daemon.reaper import Reaper
from supervise.kernel.descriptors import Parking
from supervise.log.control import Order, format_order
from supervise.paths import Paths


class Forwarder:
    """One forwarder at a time, and none while no log is sent on."""

    def __init__(
        self, paths: Paths, *, reaper: Reaper, poll: Poll, parking: Parking, journal: Journal
    ) -> None:
        self._directory = paths.forwarder
        self._keeper = Keeper(
            what="the forwarder",
            argv=(
                *("forward", "--run-dir", paths.run_dir),
                *("--lib-dir", paths.lib_dir, "--log-dir", paths.log_dir),
            ),
            pid_file=self._directory + "/pid",
            reaper=reaper,
            poll=poll,
            parking=parking,
            journal=journal,
        )
        self._wanted = trio.Event()
        if os.path.exists(self._directory + "/pid"):  # a former supervisor's, to be taken over
            self._wanted.set()

    def look(self, name: str, policy: LogPolicy) -> None:
        """Have the log sent where ``policy`` says; its ``log.json`` is there. Never blocks."""
        if policy.forward:
            self._wanted.set()
        if self._wanted.is_set():
            try:
                control = self._directory + "/control"
                fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    os.write(fd, format_order(Order("look", name)))
                finally:
                    os.close(fd)
            except BlockingIOError:
                self._keeper.signal(signal.SIGHUP)  # it has many to look at, so let it look at all
            except OSError:
                pass  # none lives: the next one looks everywhere

    async def serve(self) -> None:
        """Keep the forwarder up once it is wanted, until stop()."""
        await self._wanted.wait()
        await self._keeper.serve()

    async def stop(self) -> None:
        """Have it send what is there, as far as its targets take it now, and end."""
        if self._wanted.is_set():
            await self._keeper.stop()
            shutil.rmtree(self._directory, ignore_errors=True)
