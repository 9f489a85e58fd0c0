"""Who uses what all launches of a run directory share (skeletons, filters, the runtime's root).

A supervisor and any number of csv-run work in the same run directory. Each holds a lock in common
with the others while it lives; whoever can have it alone is the last, and may remove what is
shared.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from supervise.kernel.files import make_directory


class Sharing:
    """Who uses what all launches share: a lock that each process holds in common."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._fd = -1

    def join(self) -> None:
        """Hold the lock in common with others, until this process ends; idempotent."""
        with self._lock:
            while self._fd < 0:
                make_directory(os.path.dirname(self._path))
                fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(fd, fcntl.LOCK_SH)
                # Whoever was last removes the file: a lock on a removed one protects nothing.
                if _same(fd, self._path):
                    self._fd = fd
                else:
                    os.close(fd)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else holds it; then its file is removed after. Ours is given up."""
        self.join()
        with self._lock:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._leave()
                yield False
                return
            try:
                yield True
            finally:
                os.unlink(self._path)
                self._leave()

    def _leave(self) -> None:
        os.close(self._fd)
        self._fd = -1


def _same(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
