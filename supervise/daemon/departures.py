"""Names that are not free yet: services that are gone while their last lines are still being read.

The shim removes a service's run directory when it has written what the FIFOs held. Until then a
new service of that name must not begin: it would find, and lose, the FIFOs of the old one.

The directory above is watched, not each one: a directory is said to be deleted itself only when
nobody has anything open that was in it, and we have the FIFOs.
"""

import os
from collections.abc import Callable

import trio

from supervise.daemon.journal import Journal
from supervise.kernel.inotify import IN_DELETE, IN_ONLYDIR, IN_Q_OVERFLOW, Inotify
from supervise.paths import Paths

_SOON_S = 1.0
"""A name is usually free long before; one that is not deserves a word."""


class Departures:
    """Waits for run directories to be removed.

    Args:
        paths: where they are, and the logs.
        free: called with the name once its directory is gone, and whether want() was called.
        nursery: for the wait before a name that is wanted and not free is worth a word.
        journal: is told so.
    """

    def __init__(
        self,
        paths: Paths,
        free: Callable[[str, bool], None],
        nursery: trio.Nursery,
        journal: Journal,
    ) -> None:
        self._paths = paths
        self._free = free
        self._nursery = nursery
        self._journal = journal
        self._inotify = Inotify()
        self._inotify.add_watch(paths.run_dir, IN_DELETE | IN_ONLYDIR)
        self._names: set[str] = set()
        self._wanted: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def fileno(self) -> int:
        """Readable when a directory was removed: then call look()."""
        return self._inotify.fileno()

    def add(self, name: str) -> None:
        """Wait for the service's directory; calls ``free`` at once when it is gone already."""
        self._names.add(name)
        self._look_at(name)
        if name in self._names & self._wanted:
            self._nursery.start_soon(self._explain, name)

    def want(self, name: str) -> None:
        """A new service is to have the name, which departs, or will once its service has ended."""
        if name not in self._wanted:
            self._wanted.add(name)
            if name in self._names:
                self._nursery.start_soon(self._explain, name)

    async def _explain(self, name: str) -> None:
        await trio.sleep(_SOON_S)
        if name in self._names & self._wanted:
            self._journal.say(
                "its name is not free: lines of the former service of that name are still to be"
                f" written to {self._paths.log_dir} ({self._obstacle()}); it starts once they are",
                name,
            )

    def _obstacle(self) -> str:
        """Why they may not be written yet, as far as that can be told from here."""
        try:
            found = os.statvfs(self._paths.log_dir)
        except OSError as error:
            return str(error)
        if not found.f_bavail:
            return "no space is left there"
        if found.f_flag & os.ST_RDONLY:
            return "it is read-only"
        return "the syslog shim has said on standard error if it cannot"

    def look(self) -> None:
        """Take in what was removed; never blocks."""
        for event in self._inotify.read():
            names = list(self._names) if event.mask & IN_Q_OVERFLOW else [event.name]
            for name in names:
                self._look_at(name)

    def _look_at(self, name: str) -> None:
        if name in self._names and not os.path.lexists(f"{self._paths.run_dir}/{name}"):
            self._names.discard(name)
            wanted = name in self._wanted
            self._wanted.discard(name)
            self._free(name, wanted)
