"""Following logs as they grow, across rotations, woken by inotify alone.

The file being read stays open when it is renamed, so nothing of it is missed; what was rotated
after it, maybe several files while the reader was slow, is read before the new ``current``.
"""

import contextlib
import os
from collections.abc import Sequence

from supervise.kernel import inotify
from supervise.kernel.inotify import Inotify
from supervise.log.logfile import rotated_names
from supervise.log.reader import Part

_CHUNK_BYTES = 256 * 1024
_MASK = (
    inotify.IN_MODIFY
    | inotify.IN_CREATE
    | inotify.IN_MOVED_TO
    | inotify.IN_DELETE_SELF
    | inotify.IN_ONLYDIR
)


class Follower:
    """One log, read on from where a first reading ended.

    Args:
        directory: the log directory; it need not be there yet.
        parts: what was read, by ``reader.open_log``; empty to begin with all that there is.
    """

    def __init__(self, directory: str, parts: Sequence[Part]) -> None:
        self.directory = directory
        self._fd = -1
        self._offset = 0
        self._rest = b""
        if parts:
            self._fd = os.dup(parts[-1].file.fileno())
            self._offset = parts[-1].end

    def read(self) -> list[bytes]:
        """New whole lines, without their newlines; empty when there is nothing new. Never waits."""
        while True:
            if lines := self._read_chunk():
                return lines
            successor = self._successor()
            if successor is None:
                return []
            # It was renamed after its last write: what came since the look before is the last.
            lines = self._read_chunk()
            while more := self._read_chunk():
                lines += more
            self._go_on(successor)
            if lines:
                return lines

    def _read_chunk(self) -> list[bytes]:
        """Whole lines of the next chunk that has any; empty at the end of the file."""
        while self._fd >= 0:
            data = os.pread(self._fd, _CHUNK_BYTES, self._offset)
            if not data:
                if self._was_cut():
                    continue
                return []
            self._offset += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            if lines:
                return lines
        return []

    def _was_cut(self) -> bool:
        """Whether the file has become shorter; then reading goes on where that makes sense."""
        size = os.fstat(self._fd).st_size
        if size >= self._offset:
            return False
        whole = self._offset - len(self._rest)
        # Within the unfinished line: a shim that was killed took it back. Before it: someone
        # emptied the file.
        self._offset, self._rest = (whole if size >= whole else 0), b""
        return True

    def _successor(self) -> int | None:
        """The file after the one being read, opened; None while there is none.

        ``current`` is opened before the others are listed: if it is rotated in between, the list
        has it too, and in its place.
        """
        current = _open(self.directory + "/current")
        if current is not None and self._fd >= 0 and os.path.sameopenfile(current, self._fd):
            os.close(current)
            return None
        later = _open(next(iter(self._later()), None))
        if later is None:
            return current
        if current is not None:
            os.close(current)
        return later

    def _later(self) -> list[str]:
        """The rotated files after the one being read; all, if that has been removed already."""
        paths = [f"{self.directory}/{name}" for name in rotated_names(self.directory)]
        if self._fd < 0:
            return paths
        own = os.fstat(self._fd)
        for number, path in enumerate(paths):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), own):
                    return paths[number + 1 :]
        return paths

    def _go_on(self, fd: int) -> None:
        self.close()
        self._fd, self._offset, self._rest = fd, 0, b""

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: str | None) -> int | None:
    with contextlib.suppress(FileNotFoundError):  # rotated or removed: the next look finds more
        return None if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


class Watch:
    """Wakes a reader when one of its logs grows, is rotated, or begins.

    Args:
        log_dir: the directory of all logs, where new ones appear.
        directories: the logs to be watched.
    """

    def __init__(self, log_dir: str, directories: Sequence[str]) -> None:
        self._inotify = Inotify()
        self._log_dir = log_dir
        self._wanted = set(directories)
        self._watched: dict[int, str] = {}
        self._top = self._inotify.add_watch(log_dir, inotify.IN_CREATE | inotify.IN_MOVED_TO)
        for directory in directories:
            self._add(directory)

    def fileno(self) -> int:
        """Readable when something happened."""
        return self._inotify.fileno()

    def add(self, directory: str) -> None:
        """Watch one more log."""
        self._wanted.add(directory)
        self._add(directory)

    def _add(self, directory: str) -> None:
        if os.path.isdir(directory):
            self._watched[self._inotify.add_watch(directory, _MASK)] = directory

    def changed(self) -> set[str]:
        """The log directories that are to be read again, new ones below ``log_dir`` too."""
        directories: set[str] = set()
        for event in self._inotify.read():
            if event.mask & inotify.IN_Q_OVERFLOW:
                directories |= self._wanted
            elif event.wd == self._top:
                directories.add(f"{self._log_dir}/{event.name}")
            elif event.mask & inotify.IN_IGNORED:
                self._watched.pop(event.wd, None)
            elif event.wd in self._watched:
                directories.add(self._watched[event.wd])
        for directory in directories & self._wanted - set(self._watched.values()):
            self._add(directory)
        return directories

    def close(self) -> None:
        """End all watches."""
        self._inotify.close()
