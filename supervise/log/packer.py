"""Rotated files compressed behind the shim's back: one at a time, in a process of its own.

The shim never reads the file, so a large one delays no line. What is on disk tells what there is
to do, so a kill at any moment costs no file and no queue:

    .@….s.PID.new       being written; of another PID: cut short, it goes
    @….s and @….s.zst   whole and flushed; @….s goes
    @….s                to be compressed

The program ``zstd`` was weighed against the Python package: it needs a process for itself anyway,
is on every machine that has the package's library, and the shim stays small.
"""

import contextlib
import os
import signal
from collections.abc import Callable

from supervise.log.logfile import PACKED, is_packed, is_rotated_name

_BESIDE = ".new"
_NICE = 19
_SCRIPT = 'zstd -q -f -o "$2" -- "$1" && sync "$2"'
_NOT_FOUND = 127


class Packer:
    """Compresses what it is told of; call ``done`` when ``fd`` is readable.

    Args:
        warn: says one line to people.
        watch: called with ``fd`` when there is one to be watched.

    Attributes:
        fd: readable when the process has ended; -1 when there is none.
    """

    def __init__(self, warn: Callable[[str], None], watch: Callable[[int], None]) -> None:
        self.fd = -1
        self._warn = warn
        self._watch = watch
        self._directories: dict[str, None] = {}
        self._pid = 0
        self._plain = ""
        self._failed: set[str] = set()

    def add(self, directory: str) -> None:
        """Compress all rotated files of this log, soon."""
        self._directories[directory] = None
        if self.fd < 0:
            self._next()

    def _next(self) -> None:
        while self._directories:
            directory = next(iter(self._directories))
            with contextlib.suppress(OSError):
                if plain := self._tidy(directory):
                    self._begin(plain)
                    return
            del self._directories[directory]

    def _tidy(self, directory: str) -> str | None:
        """Remove what was left half done; returns the oldest file that is to be compressed."""
        found = set(os.listdir(directory))
        for name in sorted(found):
            path = f"{directory}/{name}"
            if name.startswith(".@") and name.endswith(_BESIDE):
                os.unlink(path)
            elif is_rotated_name(name) and not is_packed(name):
                if name + PACKED in found:
                    os.unlink(path)
                elif path not in self._failed:
                    return path
        return None

    def _beside(self) -> str:
        directory, _, name = self._plain.rpartition("/")
        return f"{directory}/.{name}.{os.getpid()}{_BESIDE}"

    def _begin(self, plain: str) -> None:
        self._plain = plain
        null = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
        self._pid = os.posix_spawnp(
            "sh",
            ["sh", "-c", _SCRIPT, "csv-pack", plain, self._beside()],
            os.environ,
            file_actions=[null],
            setpgroup=0,
            setsigdef=[signal.SIGPIPE],
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._pid, _NICE)
        self.fd = os.pidfd_open(self._pid)
        self._watch(self.fd)

    def done(self) -> None:
        """Take in that the process has ended: put its file in place, and go on with the next."""
        status = self._reap()
        try:
            if status:
                raise OSError(f"zstd exits {status}")
            if os.path.exists(self._plain):  # else retention was faster
                os.rename(self._beside(), self._plain + PACKED)
                os.unlink(self._plain)
        except OSError as error:
            self._failed.add(self._plain)
            hint = "install the program zstd" if status == _NOT_FOUND else str(error)
            self._warn(f"{self._plain} stays as it is, not compressed: {hint}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._beside())
        self._next()

    def _reap(self) -> int:
        _, status = os.waitpid(self._pid, 0)
        os.close(self.fd)
        self.fd = -1
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End the process; the next shim does its work again."""
        if self.fd >= 0:
            os.killpg(self._pid, signal.SIGKILL)
            self._reap()
