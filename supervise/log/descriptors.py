"""Files that are opened when needed and closed when others are needed more.

With 10,000 services the shim cannot keep every ``current`` and spool open; with a hundred busy
ones it should not open them anew for every batch.
"""

import os
from collections.abc import Callable


class Descriptors:
    """At most ``capacity`` open files; the one unused for longest is closed first.

    A descriptor stays valid while fewer than ``capacity`` others are asked for.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._open: dict[str, int] = {}

    def get(self, path: str, opener: Callable[[str], int]) -> int:
        """The descriptor of ``path``; ``opener`` is called, and may raise, when it is not open."""
        fd = self._open.pop(path, -1)
        if fd < 0:
            fd = opener(path)
            if len(self._open) >= self._capacity:
                os.close(self._open.pop(next(iter(self._open))))
        self._open[path] = fd
        return fd

    def close(self, path: str) -> None:
        """Close ``path`` if it is open; idempotent."""
        fd = self._open.pop(path, -1)
        if fd >= 0:
            os.close(fd)

    def close_all(self) -> None:
        """Close everything; files are opened anew, by name, at their next use."""
        for path in list(self._open):
            self.close(path)
