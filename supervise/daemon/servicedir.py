"""The files of one service that other programs see: ``RUN/NAME`` and the ``supervise`` link.

``ok`` and ``control`` are two names of one FIFO: clients open either and cannot tell, and the
supervisor holds one descriptor instead of two. It is held for reading and writing, so that a
client's exit is no end of file.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable

from supervise.daemon import folderlink
from supervise.errors import HostError, SystemCallFailed
from supervise.kernel import files
from supervise.kernel.datagrams import bind_socket
from supervise.kernel.descriptors import Parking
from supervise.kernel.fifo import make_fifo, open_fifo
from supervise.kernel.tree import remove_tree
from supervise.paths import ServicePaths

_SOCKET = "log"
_SOCKET_MODE = 0o666
_SOCKETS_PART = 5 / 8
"""Up to this part of all descriptors sockets are made; beyond, they are left to what must be."""

LOG_FIFO_MODE = 0o622
"""A program that became another user reopens /dev/stdout: it may write to the inode, not read."""


class ServiceDir:
    """Made by open(), taken away by remove(); both idempotent.

    Attributes:
        piped: the service's stdout goes to its ``log/run`` (``daemon.logdir``), not to the shim.
    """

    def __init__(self, paths: ServicePaths, parking: Parking) -> None:
        self.paths = paths
        self._parking = parking
        self._held: list[int] = []
        self._logs: list[int] = []
        self._link: str | None = None
        self.control: int | None = None
        self.piped = False
        self.syslog: int | None = None

    def open(self) -> int:
        """Make the directory and its FIFO; returns the descriptor that commands come in on.

        Raises:
            SystemCallFailed, HostError: it cannot be made; what was opened is closed again.
        """
        if self.control is not None:
            return self.control
        files.make_directory(self.paths.supervise, 0o700)
        os.chmod(self.paths.run, 0o700)
        make_fifo(self.paths.control, 0o600)
        self._link_ok()
        self.control = self._parking.park(open_fifo(self.paths.control))
        self._lock()
        self.link()
        return self.control

    def _link_ok(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self.paths.ok).st_ino == os.stat(self.paths.control).st_ino:
                return
            os.unlink(self.paths.ok)
        try:
            os.link(self.paths.control, self.paths.ok)
        except OSError as error:
            raise SystemCallFailed.of("link", self.paths.ok, error) from error

    def _lock(self) -> None:
        """Keep daemontools' own ``supervise`` out, while there are descriptors to spare."""
        lock = os.open(self.paths.supervise + "/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            self.close()
            raise HostError(
                f"{self.paths.supervise}/lock is held by another program: "
                "end the supervise that runs in this folder"
            ) from None
        if self._parking.spare():
            self._held.append(self._parking.park(lock))
        else:
            os.close(lock)

    def link(self) -> None:
        """Let clients that know only the folder find us; on a read-only disk they cannot.

        Idempotent; to be called again when another folder may have taken the place of the former.
        """
        made = folderlink.make(self.paths)
        if made is None:
            return  # what was made before stays: a folder may be broken for a moment
        if self._link is not None and self._link != made:
            folderlink.remove(self._link, self.paths)
        self._link = made

    def read_commands(self, size_bytes: int) -> bytes:
        """What was written to ``control`` since, at most ``size_bytes``; never blocks."""
        if self.control is None:
            return b""
        try:
            return os.read(self.control, size_bytes)
        except BlockingIOError:
            return b""

    def hold_logs(self, *, separate: bool) -> None:
        """Make the FIFOs of stdout and stderr, and hold them while descriptors are plenty.

        What is in a FIFO lives as long as somebody has it open: with the shim dead and the
        service ended, that is us.

        Args:
            separate: stderr gets a FIFO of its own.
        """
        paths = (self.paths.out, self.paths.err)[: 2 if separate else 1]
        for path in (self.paths.err,) if self.piped else paths:
            make_fifo(path, LOG_FIFO_MODE)
            if self._parking.spare():
                self._logs.append(self._parking.park(open_fifo(path)))

    def hold_syslog(self, held: Callable[[str], int | None]) -> int:
        """The socket of the service's ``/dev/log``, which we hold as the shim does; idempotent.

        Args:
            held: asks the shim, by the directory, for a descriptor of what it holds. With none
                there either the socket is made anew, in the same place.

        Raises:
            SystemCallFailed: it cannot be made.
            HostError: there are too few descriptors.
        """
        if self.syslog is None:
            if self._parking.used > self._parking.capacity * _SOCKETS_PART:
                raise HostError(
                    f"no descriptor is left for a /dev/log, after {self._parking.used}: "
                    "raise the limit of open files (LimitNOFILE=, ulimit -n)"
                )
            files.make_directory(self.paths.syslog)
            os.chmod(self.paths.syslog, 0o755)
            found = held(self.paths.syslog)
            if found is None:
                found = bind_socket(self.paths.syslog, _SOCKET, _SOCKET_MODE)
            self.syslog = self._parking.park(found)
        return self.syslog

    def has_syslog(self) -> bool:
        """Whether a supervisor before us has made a socket."""
        return os.path.exists(f"{self.paths.syslog}/{_SOCKET}")

    def open_output(self) -> tuple[int, int]:
        """Descriptors to be a launch's stdout and stderr, read-write and blocking: to be closed.

        Raises:
            SystemCallFailed: one cannot be opened.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            out = os.open(self.paths.pipe if self.piped else self.paths.out, flags)
            try:
                return out, os.open(self.paths.err, flags)
            except FileNotFoundError:
                return out, os.dup(out)
        except OSError as error:
            raise SystemCallFailed.of("open", self.paths.out, error) from error

    def open_input(self) -> int | None:
        """A descriptor to be a launch's stdin, to be closed; None is /dev/null."""
        return None

    def release_logs(self) -> None:
        """Hold the FIFOs no more: the shim has what was in them, or another holds them."""
        while self._logs:
            self._parking.close(self._logs.pop())
        if self.syslog is not None:
            self._parking.close(self.syslog)
            self.syslog = None

    def close(self) -> None:
        """Close every descriptor but those of the logs; the files stay, for the next supervisor."""
        if self.control is not None:
            self._parking.close(self.control)
            self.control = None
        while self._held:
            self._parking.close(self._held.pop())

    def remove(self) -> None:
        """Take the files away that the supervisor made; the log's own are the shim's to remove."""
        self.close()
        # A supervisor before us may have made it.
        link = self._link or os.path.realpath(self.paths.folder) + "/supervise"
        folderlink.remove(link, self.paths)
        for path in ("control", "ok", "lock", "status"):
            files.remove_file(f"{self.paths.supervise}/{path}")
        for path in (self.paths.status, self.paths.state, self.paths.log_policy):
            files.remove_beside(path)
        files.remove_directory(self.paths.supervise)
        remove_tree(self.paths.syslog)
        files.remove_file(self.paths.state)
        if not os.path.exists(self.paths.log_policy):
            # Its making was cut short: the shim has never heard of it.
            for path in (self.paths.out, self.paths.err):
                files.remove_file(path)
        files.remove_directory(self.paths.run)
