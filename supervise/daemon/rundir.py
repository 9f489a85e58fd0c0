"""The run directory: one supervisor, one boot, and what a former one left there."""

import contextlib
import fcntl
import json
import os
import shutil

from supervise.daemon.logdir import log_of
from supervise.errors import CsvError, SystemCallFailed
from supervise.kernel import files, proc
from supervise.paths import Paths


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
        with os.scandir(self.paths.run_dir) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                has_log = os.path.exists(entry.path + "/log")
                if has_log or os.path.exists(entry.path + "/state.json"):
                    recorded.append(entry.name)
                else:
                    departing.append(entry.name)
                if has_log:
                    recorded.append(log_of(entry.name))
        return recorded, departing

    def remove(self, *, spool: bool) -> None:
        """Take away what is ours and let go of the lock: this supervisor ends for good.

        Args:
            spool: the shim's directory too; else lines in it wait for the next shim.
        """
        with os.scandir(self.paths.run_dir) as entries:
            for entry in entries:
                for left in ("out", "err", "pipe", "log.json"):
                    files.remove_file(f"{entry.path}/{left}")
                files.remove_directory(entry.path)
        if spool:
            shutil.rmtree(self.paths.shim, ignore_errors=True)
        for path in (self.paths.supervisor, self.paths.run_dir + "/.boot", self.paths.lock):
            files.remove_file(path)
        files.remove_directory(self.paths.run_dir)
        os.close(self.lock_fd)


def _whoami() -> bytes:
    pid = os.getpid()
    return json.dumps({"pid": pid, "start_time": proc.start_time(pid)}).encode() + b"\n"
