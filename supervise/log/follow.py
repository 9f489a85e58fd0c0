"""Following logs as they grow, across rotations, woken by inotify alone.

The file being read stays open when it is renamed, so nothing of it is missed; what was rotated
after it, maybe several files while the reader was slow, is read before the new ``current``.
"""

import contextlib
import os
from collections.abc import Sequence

from supervise.kernel import inotify
from supervise.kernel.inotify import Inotify
from supervise.log.logfile import PACKED, is_packed, rotated_names, stem
from supervise.log.packed import unpack
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
        self._name = ""
        if parts:
            self._name = os.path.basename(parts[-1].path)
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
            self._go_on(*successor)
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

    def _successor(self) -> tuple[str, int] | None:
        """The file after the one being read, opened; None while there is none.

        ``current`` is opened before the others are listed: if it is rotated in between, the list
        has it too, and in its place.
        """
        current = _open(self.directory + "/current")
        if current is not None and self._fd >= 0 and os.path.sameopenfile(current, self._fd):
            os.close(current)
            return None
        for name in self._later():
            later = _open_rotated(f"{self.directory}/{name}")
            if later is not None:
                if current is not None:
                    os.close(current)
                return name, later
        return None if current is None else ("current", current)

    def _later(self) -> list[str]:
        """The rotated files after the one being read; all, if that was never rotated.

        The file may be gone, compressed or removed: its name is what is left of it.
        """
        names = rotated_names(self.directory)
        if self._fd < 0:
            return names
        own = self._name
        if own == "current":
            own = os.path.basename(os.readlink(f"/proc/self/fd/{self._fd}"))
            own = own.removesuffix(" (deleted)")
        return [name for name in names if not own.startswith("@") or stem(name) > stem(own)]

    def _go_on(self, name: str, fd: int) -> None:
        self.close()
        self._name, self._fd, self._offset, self._rest = name, fd, 0, b""

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: str) -> int | None:
    with contextlib.suppress(FileNotFoundError):  # rotated or removed: the next look finds more
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def _open_rotated(path: str) -> int | None:
    """Open a rotated file under the name that it has now; what is packed is unpacked."""
    for name in (path, stem(path) + PACKED):
        fd = _open(name)
        if fd is None:
            continue
        if not is_packed(name):
            return fd
        with open(fd, "rb") as packed, unpack(packed, name) as plain:
            return os.dup(plain.fileno())
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
