"""The run directory: one supervisor, one boot, and what a former one left there."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from types import MappingProxyType

from supervise.daemon.logdir import log_of
from supervise.errors import CsvError, HostError, SystemCallFailed
from supervise.kernel import files, proc
from supervise.log.control import log_name
from supervise.paths import Paths

_UNWRITTEN = "/.unwritten"


class AlreadySupervised(CsvError):
    """Another supervisor serves this run directory."""


class RunDir:
    """Locked by open(), until the process ends or close().

    Attributes:
        lock_fd: the lock; runtimes inherit it, so it outlives a supervisor until they have ended.
    """

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.lock_fd = -1

    def open(self) -> None:
        """Make the directory and lock it; what a former boot left in it is removed.

        Waits (milliseconds) for runtimes that a killed supervisor left in the middle of a launch.

        Raises:
            AlreadySupervised: its supervisor lives.
            SystemCallFailed: the directory cannot be made or written.
        """
        files.make_directory(self.paths.run_dir)
        while not self._lock():
            pass  # its former holder removed the file while we waited for it
        files.remove_file(self.paths.supervisor)
        self._forget_former_boot()

    def _lock(self) -> bool:
        try:
            fd = os.open(self.paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SystemCallFailed.of("open", self.paths.lock, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._refuse_if_it_lives()
            fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            same = os.stat(self.paths.lock).st_ino == os.fstat(fd).st_ino
        except FileNotFoundError:
            same = False
        if same:
            self.lock_fd = fd
            os.pwrite(fd, _whoami(), 0)
            os.ftruncate(fd, len(_whoami()))
        else:
            os.close(fd)
        return same

    def _refuse_if_it_lives(self) -> None:
        holder = self.holder()
        if holder is not None:
            raise AlreadySupervised(
                f"{self.paths.run_dir}: the supervisor with pid {holder} serves it already; "
                "stop that one, or give --run-dir"
            )

    def holder(self) -> int | None:
        """The pid of the supervisor that serves this directory, if it lives."""
        try:
            with open(self.paths.lock, "rb") as file:
                record = json.load(file)
            return record["pid"] if proc.start_time(record["pid"]) == record["start_time"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _forget_former_boot(self) -> None:
        """Pids and monotonic times of another boot mean nothing; /run is usually empty then."""
        boot = proc.boot_id()
        marker = self.paths.run_dir + "/.boot"
        with contextlib.suppress(OSError), open(marker, encoding="ascii") as file:
            if file.read() == boot:
                return
        for name in os.listdir(self.paths.run_dir):
            if name != ".lock":
                shutil.rmtree(f"{self.paths.run_dir}/{name}", ignore_errors=True)
                files.remove_file(f"{self.paths.run_dir}/{name}")
        files.replace_file(marker, boot.encode())

    def announce(self) -> None:
        """Say that all folders were read: whoever waits for a supervisor waits for this file.

        Raises:
            SystemCallFailed: it cannot be written.
        """
        files.replace_file(self.paths.supervisor, _whoami())

    def names(self) -> tuple[list[str], list[str]]:
        """The services a former supervisor left a record of, and those it only left a log of.

        A service whose ``log/run`` left anything is among the former: its directory is not free
        before that one is done with.
        """
        recorded, departing = [], []
        unwritten = self._take_unwritten()
        with os.scandir(self.paths.run_dir) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                has_log = os.path.exists(entry.path + "/log")
                if has_log or os.path.exists(entry.path + "/state.json"):
                    recorded.append(entry.name)
                elif entry.name not in unwritten or not self._has_folder(entry.name):
                    departing.append(entry.name)
                if has_log:
                    recorded.append(log_of(entry.name))
        return recorded, departing

    def _take_unwritten(self) -> set[str]:
        """The services of which remove() left lines: they may start, and their log goes on.

        For once: if we are killed, nobody can tell which of them the shim was told to drop.
        """
        path = self.paths.run_dir + _UNWRITTEN
        with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
            names = json.load(file)
            files.remove_file(path)
            return set(names)
        return set()

    def _has_folder(self, name: str) -> bool:
        return os.path.isdir(f"{self.paths.scan_dir}/{name}")

    def remove(self, *, unwritten: Mapping[str, int] = MappingProxyType({})) -> None:
        """Take away what is ours and let go of the lock: this supervisor ends for good.

        Args:
            unwritten: services of which so many bytes wait in the spool: what the next shim needs
                to write them stays. Their FIFOs, too: the shim takes a service without for gone.

        Raises:
            HostError: all this is done, and there is something unwritten.
        """
        if unwritten:
            names = json.dumps(sorted(unwritten)).encode()
            files.replace_file(self.paths.run_dir + _UNWRITTEN, names)
        with os.scandir(self.paths.run_dir) as entries:
            for entry in entries:
                if log_name(entry.name) in unwritten:
                    continue
                for left in ("out", "err", "pipe", "log.json"):
                    files.remove_file(f"{entry.path}/{left}")
                files.remove_directory(entry.path)
        if not unwritten:
            shutil.rmtree(self.paths.shim, ignore_errors=True)
            files.remove_file(self.paths.run_dir + "/.boot")
        for path in (self.paths.supervisor, self.paths.lock):
            files.remove_file(path)
        files.remove_directory(self.paths.run_dir)
        os.close(self.lock_fd)
        if unwritten:
            raise HostError(
                f"{sum(unwritten.values())} bytes of the logs of {', '.join(sorted(unwritten))}"
                f" could not be written to {self.paths.log_dir}; they wait in"
                f" {self.paths.shim}/spool, and are written when a supervisor starts again,"
                " if that is before the machine does"
            )


def _whoami() -> bytes:
    pid = os.getpid()
    return json.dumps({"pid": pid, "start_time": proc.start_time(pid)}).encode() + b"\n"
