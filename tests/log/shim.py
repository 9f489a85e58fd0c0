"""The real shim, in a process of its own, and services that are nothing but their FIFOs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from supervise.core.logline import Record, parse_record
from supervise.kernel.fifo import is_empty
from supervise.log.control import Order, format_order
from supervise.log.reader import open_log, read_lines
from supervise.paths import Paths
from tests.waiting import LIMIT_S, wait_for, wait_for_exit

COMMAND = [sys.executable, "-P", "-m", "supervise.cli.main", "syslogd"]
ROOT = str(Path(__file__).resolve().parent.parent.parent)


class Shim:
    """``csv syslogd`` on ``place``."""

    def __init__(self, place: Paths) -> None:
        self.place = place
        self.errors = Path(place.lib_dir, "shim.stderr")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self.spawn()
        wait_for(self._is_ready, self.place.run_dir)

    def spawn(self) -> None:
        """Start it, and return at once."""
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "--run-dir", self.place.run_dir, "--log-dir", self.place.log_dir],
                env={**os.environ, "PYTHONPATH": ROOT},
                stderr=errors,
            )

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.errors.read_text()
        try:
            record = json.loads(Path(self.place.shim, "pid").read_text())
        except FileNotFoundError:
            return False
        return bool(record["pid"] == self.pid)

    def order(self, verb: str, name: str, text: str = "", *unread: int) -> None:
        """Write one line into the control FIFO."""
        with open(self.place.shim + "/control", "r+b", buffering=0) as control:
            control.write(format_order(Order(verb, name, text, unread)))

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT_S)

    def stop(self) -> int:
        """SIGTERM; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        wait_for_exit(self.pid)
        return self.process.wait()

    def complaints(self) -> str:
        """All it has written on standard error."""
        return self.errors.read_text()


class Logged:
    """A service as the shim knows it: two FIFOs and a policy.

    Args:
        entry: its name in the run directory, if that is another than ``name``.
    """

    def __init__(self, place: Paths, name: str, *, entry: str = "", **policy: object) -> None:
        self.name = name
        self.run = f"{place.run_dir}/{entry or name}"
        self.log = f"{place.log_dir}/{name}"
        os.mkdir(self.run, 0o700)
        for fifo in ("out", "err"):
            os.mkfifo(f"{self.run}/{fifo}", 0o622)
        self.out = os.open(self.run + "/out", os.O_RDWR | os.O_CLOEXEC)
        self.err = os.open(self.run + "/err", os.O_RDWR | os.O_CLOEXEC)
        self.keep_as(**policy)

    def keep_as(self, **policy: object) -> None:
        """Write log.json."""
        content = json.dumps({"name": self.name, **policy})
        Path(self.run, "log.json").write_text(content)

    def is_taken(self) -> bool:
        """Whether the shim has taken all that was written."""
        return is_empty(self.out) and is_empty(self.err)

    def records(self) -> list[Record]:
        """Every record of the log, oldest first; a line that is none is a failure."""
        with contextlib.ExitStack() as stack:
            lines = list(read_lines(open_log(self.log, stack)))
        records = [record for line in lines if (record := parse_record(line))]
        assert len(records) == len(lines)
        return records

    def text(self, origin: str) -> bytes:
        """What was written to one stream, from the log."""
        return b"".join(
            record.text if record.partial else record.text + b"\n"
            for record in self.records()
            if record.origin == origin
        )

    def texts(self) -> list[bytes]:
        """The texts alone."""
        return [record.text for record in self.records()]

    def wait_for_text(self, text: bytes, origin: str = "out", limit_s: float = LIMIT_S) -> None:
        """Wait until the stream's text is exactly this."""

        self.wait(lambda: self.text(origin) == text, limit_s)

    def wait(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait until the condition holds, asking again whenever the log changes."""
        wait_for(condition, os.path.dirname(self.log), limit_s=limit_s)

    def close(self) -> None:
        """Let go of the FIFOs."""
        os.close(self.out)
        os.close(self.err)
