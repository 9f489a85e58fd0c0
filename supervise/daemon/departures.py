"""Names that are not free yet: services that are gone while their last lines are still being read.

The shim removes a service's run directory when it has written what the FIFOs held. Until then a
new service of that name must not begin: it would find, and lose, the FIFOs of the old one.

The directory above is watched, not each one: a directory is said to be deleted itself only when
nobody has anything open that was in it, and we have the FIFOs.
"""

import os
from collections.abc import Callable

from supervise.kernel.inotify import IN_DELETE, IN_ONLYDIR, IN_Q_OVERFLOW, Inotify


class Departures:
    """Waits for run directories to be removed.

    Args:
        run_dir: where they are.
        free: called with the name once its directory is gone.
    """

    def __init__(self, run_dir: str, free: Callable[[str], None]) -> None:
        self._run_dir = run_dir
        self._free = free
        self._inotify = Inotify()
        self._inotify.add_watch(run_dir, IN_DELETE | IN_ONLYDIR)
        self._names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def fileno(self) -> int:
        """Readable when a directory was removed: then call look()."""
        return self._inotify.fileno()

    def add(self, name: str) -> None:
        """Wait for the service's directory; calls ``free`` at once when it is gone already."""
        self._names.add(name)
        self._look_at(name)

    def look(self) -> None:
        """Take in what was removed; never blocks."""
        for event in self._inotify.read():
            names = list(self._names) if event.mask & IN_Q_OVERFLOW else [event.name]
            for name in names:
                self._look_at(name)

    def _look_at(self, name: str) -> None:
        if name in self._names and not os.path.lexists(f"{self._run_dir}/{name}"):
            self._names.discard(name)
            self._free(name)
