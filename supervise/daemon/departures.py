"""Names that are not free yet: services that are gone while their last lines are still being read.

The shim removes a service's run directory when it has written what the FIFOs held. Until then a
new service of that name must not begin: it would find, and lose, the FIFOs of the old one.
"""

from collections.abc import Callable

from supervise.errors import SystemCallFailed
from supervise.kernel.inotify import IN_DELETE_SELF, IN_ONLYDIR, Inotify


class Departures:
    """Watches run directories until they are removed.

    Args:
        free: called with the name once its directory is gone.
    """

    def __init__(self, free: Callable[[str], None]) -> None:
        self._free = free
        self._inotify = Inotify()
        self._names: dict[int, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names.values()

    def fileno(self) -> int:
        """Readable when a directory was removed: then call look()."""
        return self._inotify.fileno()

    def add(self, name: str, run: str) -> None:
        """Wait for ``run`` to be removed; calls ``free`` at once when it is gone already."""
        try:
            self._names[self._inotify.add_watch(run, IN_DELETE_SELF | IN_ONLYDIR)] = name
        except SystemCallFailed:
            self._free(name)

    def look(self) -> None:
        """Take in what was removed; never blocks."""
        for event in self._inotify.read():
            name = self._names.pop(event.wd, None) if event.mask & IN_DELETE_SELF else None
            if name is not None:
                self._free(name)
