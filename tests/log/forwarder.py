"""The real forwarder, in a process of its own, and logs written as the shim writes them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from supervise.core.logline import TAI64N, Record, format_record, make_stamp
from supervise.log.removed import count_removed
from supervise.paths import Paths
from tests.log.shim import ROOT
from tests.waiting import LIMIT_S, wait_for

COMMAND = [sys.executable, "-P", "-m", "supervise.cli.forward"]


class Forwarder:
    """``csv forward`` on ``place``."""

    def __init__(self, place: Paths) -> None:
        self.place = place
        self.errors = Path(place.lib_dir, "forwarder.stderr")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it has looked at all services."""
        places = self.place._asdict()
        options = [f"--{kind}-dir={places[f'{kind}_dir']}" for kind in ("run", "lib", "log")]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, *options], env={**os.environ, "PYTHONPATH": ROOT}, stderr=errors
            )
        wait_for(self._is_ready, self.place.run_dir)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.complaints()
        try:
            record = json.loads(Path(self.place.forwarder, "pid").read_text())
        except FileNotFoundError:
            return False
        return bool(record["pid"] == self.process.pid)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT_S)

    def stop(self) -> int:
        """SIGTERM; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def order(self, line: str) -> None:
        """Write one line into the control FIFO."""
        with open(self.place.forwarder + "/control", "r+b", buffering=0) as control:
            control.write(line.encode() + b"\n")

    def hurry(self) -> None:
        """SIGHUP: it tries its targets at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def complaints(self) -> str:
        """All it has written on standard error."""
        return self.errors.read_text()

    def wait_for_complaint(self, text: str) -> None:
        wait_for(lambda: text in self.complaints(), self.place.lib_dir)


class Log:
    """A service's log as the shim writes it: appended to, rotated, the oldest files removed."""

    def __init__(self, place: Paths, name: str, *targets: dict[str, object]) -> None:
        self.name = name
        self.run = Path(place.run_dir, name)
        self.directory = Path(place.log_dir, name)
        self.directory.mkdir()
        self.run.mkdir()
        self.send_to(*targets)

    def send_to(self, *targets: dict[str, object]) -> None:
        content = json.dumps({"name": self.name, "forward": targets})
        Path(self.run, "log.json").write_text(content)

    def append(self, *records: Record) -> None:
        with open(self.directory / "current", "ab") as current:
            current.write(b"".join(map(format_record, records)))

    def write(self, *texts: str) -> set[str]:
        """Append texts of standard output, stamped now; returns them."""
        self.append(*(Record(time.time_ns(), "out", text.encode()) for text in texts))
        return set(texts)

    def rotate(self, keep: int = 10) -> None:
        name = make_stamp(time.time_ns(), TAI64N).decode() + ".s"
        (self.directory / "current").rename(self.directory / name)
        (self.directory / "current").touch()
        for old in sorted(self.directory.glob("@*"))[:-keep]:
            count_removed(str(self.directory), old.name)
            old.unlink()
