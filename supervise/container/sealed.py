"""The runtime as a sealed copy in memory: what it would make of itself at every start.

A container must not be able to write to the runtime that starts it (CVE-2019-5736). So crun and
runc begin each run by making a protected copy of themselves and executing that: a second exec, a
mount and an unmount for crun, ten megabytes for runc. Given a sealed copy to begin with, they see
that nothing is left to do. One copy serves all launches.
"""

import os
import threading

from supervise.errors import SystemCallFailed
from supervise.kernel.memfd import sealed_copy


class Sealed:
    """One program; made anew when the file changes; thread-safe."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._fd = -1
        self._lock = threading.Lock()

    def executable(self) -> str:
        """What to execute: the copy, or the program itself where a copy cannot be had."""
        with self._lock:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns)
            if seen != self._seen:
                self._copy()
                self._seen = seen
        # Our own number in /proc, not "self": the child has closed the descriptor by then.
        return self._path if self._fd < 0 else f"/proc/{os.getpid()}/fd/{self._fd}"

    def _copy(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        try:
            self._fd = sealed_copy(self._path)
        except SystemCallFailed:
            self._fd = -1
