"""The scan directory: which service folders there are, and when one has to be read again.

inotify tells; nothing is polled. A folder that was renamed into place, or is a link, is whole at
once. Anything else is read when it has been still for ``SETTLED_S``: it may be in the middle of
being copied. Only what a definition is made from counts; a service may write data in its folder.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterable

from supervise.errors import SystemCallFailed
from supervise.kernel.inotify import (
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_ISDIR,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    Event,
    Inotify,
)

SETTLED_S = 0.3

_SCAN_MASK = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR
_FOLDER_MASK = (
    IN_CREATE
    | IN_CLOSE_WRITE
    | IN_MOVED_TO
    | IN_MOVED_FROM
    | IN_DELETE
    | IN_ATTRIB
    | IN_DELETE_SELF
    | IN_MOVE_SELF
    | IN_ONLYDIR
)
_READ = frozenset(("run", "finish", "down", "csv.toml", "log", ""))
_NAME_BYTES = 128


def is_service_name(name: str) -> bool:
    """True for a name that a service can have; the rest is nobody's or cannot be written down."""
    if name.startswith(".") or name == "csv" or len(os.fsencode(name)) > _NAME_BYTES:
        return False
    return name.isprintable()  # surrogates, which stand for bytes that are no UTF-8, are not


class Folders:
    """Watches the scan directory and its folders.

    Args:
        scan_dir: the directory.
        later: ``later(name, at)`` has to call ``due(name)`` at that monotonic time; a further
            call for the same name replaces the time.
        read: ``read(names)``: these folders are to be read (again), or are gone.
    """

    def __init__(
        self,
        scan_dir: str,
        later: Callable[[str, float], None],
        read: Callable[[Iterable[str]], None],
    ) -> None:
        self._scan_dir = scan_dir
        self._later = later
        self._read = read
        self._inotify = Inotify()
        # One directory may be several services' (links to it) or be renamed while it is watched,
        # and the kernel gives an inode one watch.
        self._watched: dict[int, dict[str, set[str] | None]] = {}
        self._watches: dict[str, set[int]] = {}
        self._settling: set[str] = set()
        self._scan_wd = -1

    def fileno(self) -> int:
        """Readable when something changed: then call look()."""
        return self._inotify.fileno()

    def open(self) -> list[str]:
        """Watch the scan directory; returns the folders that are there.

        Raises:
            SystemCallFailed: it cannot be watched or listed.
        """
        self._scan_wd = self._inotify.add_watch(self._scan_dir, _SCAN_MASK)
        return self.list()

    def list(self) -> list[str]:
        """The names of all folders there are, sorted; for those that cannot be services too.

        Raises:
            SystemCallFailed: the scan directory cannot be read.
        """
        try:
            with os.scandir(self._scan_dir) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".") and (entry.is_symlink() or entry.is_dir())
                )
        except OSError as error:
            raise SystemCallFailed.of("opendir", self._scan_dir, error) from error

    def exists(self, name: str) -> bool:
        """True while there is such a folder, or a link that should lead to one."""
        try:
            mode = os.lstat(f"{self._scan_dir}/{name}").st_mode
        except OSError:
            return False
        return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)

    def watch(self, name: str, inputs: Iterable[str] = ()) -> None:
        """Be told of changes of the folder.

        A folder that cannot be watched (it is unreadable, or gone) is told of when its entry in
        the scan directory changes.

        Args:
            name: the folder.
            inputs: files, or directories of files, in the folder that it is defined by as well.

        Raises:
            SystemCallFailed: ENOSPC, the machine has no watches left
                (``fs.inotify.max_user_watches``).
        """
        former = self._watches.pop(name, set())
        watches = set()
        for path, read in _directories(f"{self._scan_dir}/{name}", inputs).items():
            watches |= self._add(path, name, read)
        for wd in former - watches:
            self._drop(wd, name)
        if watches:
            self._watches[name] = watches

    def _add(self, path: str, name: str, read: set[str] | None) -> set[int]:
        try:
            wd = self._inotify.add_watch(path, _FOLDER_MASK)
        except SystemCallFailed as error:
            if error.errno == errno.ENOSPC:
                raise
            return set()
        self._watched.setdefault(wd, {})[name] = read
        return {wd}

    def forget(self, name: str) -> None:
        """Watch the folder no more."""
        for wd in self._watches.pop(name, set()):
            self._drop(wd, name)

    def _drop(self, wd: int, name: str) -> None:
        del self._watched[wd][name]
        if not self._watched[wd]:
            del self._watched[wd]
            self._inotify.remove_watch(wd)

    def look(self) -> None:
        """Take in what changed; never blocks."""
        at_once: set[str] = set()
        for event in self._inotify.read():
            if event.mask & IN_Q_OVERFLOW:
                at_once.update(self.list(), self._watches)
            elif event.wd == self._scan_wd:
                self._in_scan_dir(event, at_once)
            else:
                self._in_folder(event)
        if at_once:
            self._settling -= at_once
            self._read(at_once)

    def _in_scan_dir(self, event: Event, at_once: set[str]) -> None:
        if not event.name or event.name.startswith("."):
            return
        is_link = os.path.islink(f"{self._scan_dir}/{event.name}")
        if event.mask & IN_CREATE and event.mask & IN_ISDIR and not is_link:
            with contextlib.suppress(SystemCallFailed):  # told of when the folder is read
                self.watch(event.name)  # so that every further change postpones the reading
            self._settle(event.name)
        elif is_link or event.mask & (IN_ISDIR | IN_MOVED_FROM | IN_DELETE):
            at_once.add(event.name)

    def _in_folder(self, event: Event) -> None:
        for name, read in self._watched.get(event.wd, {}).items():
            if read is None or event.name in read or name in self._settling:
                self._settle(name)

    def _settle(self, name: str) -> None:
        self._settling.add(name)
        self._later(name, time.monotonic() + SETTLED_S)

    def due(self, name: str) -> None:
        """The time given to ``later`` has come: the folder was still for long enough."""
        self._settling.discard(name)
        self._read((name,))

    def close(self) -> None:
        """Watch nothing any more."""
        self._inotify.close()


def _directories(folder: str, inputs: Iterable[str]) -> dict[str, set[str] | None]:
    """What to watch for a folder: directories, and the names in each that count (None: all)."""
    top = set(_READ)
    found: dict[str, set[str] | None] = {folder: top}
    for path in inputs:
        if not path.startswith(folder + "/"):
            continue
        top.add(path[len(folder) + 1 :].partition("/")[0])
        directory, _, name = path.rpartition("/")
        names = found.setdefault(directory, set())
        if names is not None:
            names.add(name)
        if os.path.isdir(path):
            found[path] = None
    return found
