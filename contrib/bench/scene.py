"""What is measured upon: a supervisor on places of its own, services, raw runs of a bundle."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Execs

ROOT = Path(__file__).resolve().parents[2]
CSV = str(ROOT / ".venv/bin/csv")
SVC = str(ROOT / ".venv/bin/svc")

CONTAINER = """\
#!/usr/bin/env csv-run
rootfs = "host"
command = ["sleep", "{mark}"]
network_mode = "none"
read_only = true
"""
PLAIN = "#!/bin/sh\nexec sleep {mark}\n"

_marks = itertools.count(1_000_000 + os.getpid() % 1000 * 10_000)


class Scene:
    """One supervisor, started by supervise(); everything lies below ``top``, with a short path."""

    def __init__(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="csv-bench-", dir="/run"))
        self.scan = self.top / "scan"
        self.scan.mkdir()
        self.environment = os.environ | {
            f"CSV_{kind.upper()}_DIR": str(self.top / kind)
            for kind in ("scan", "run", "lib", "log")
        }
        self.process: subprocess.Popen[bytes] | None = None

    def add(self, name: str, text: str) -> str:
        """Lay a service folder out beside, and move it into place; returns its payload's argv."""
        mark = next(_marks)
        run = self.prepare(name, text.format(mark=mark))
        run.parent.rename(self.scan / name)
        return f"sleep {mark}"

    def prepare(self, name: str, text: str) -> Path:
        """Lay a service folder out beside the scan directory."""
        folder = self.top / f"new-{name}"
        folder.mkdir()
        run = folder / "run"
        run.write_text(text)
        run.chmod(0o755)
        return run

    @contextlib.contextmanager
    def supervise(self) -> Iterator[int]:
        """``csv scan`` while the block runs; gives its pid. Nothing is left afterwards."""
        log = (self.top / "supervisor.log").open("wb")
        argv = [CSV, "scan", str(self.scan)]
        self.process = subprocess.Popen(argv, env=self.environment, stdout=log, stderr=log)
        try:
            yield self.process.pid
        finally:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            log.close()

    def wait_until_ready(self) -> None:
        """Return when the first scan is done and the shim is there."""
        deadline = time.monotonic() + 60
        while not (self.top / "run/.supervisor").exists() or not self.shim():
            if time.monotonic() > deadline:
                raise TimeoutError((self.top / "supervisor.log").read_text())
            time.sleep(0.01)

    def shim(self) -> int:
        """The shim's pid; 0 while there is none."""
        try:
            return int(json.loads((self.top / "run/.syslogd/pid").read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return 0

    def svc(self, letters: str, *names: str) -> None:
        subprocess.run([SVC, letters, *names], env=self.environment, check=True)

    def bundle(self, service: str, copy: Path) -> str:
        """The bundle that the service runs in now, once more: the same but for its cgroup.

        Returns:
            The payload's argv.
        """
        (current,) = (self.top / "run" / service).glob("bundle.*")
        config = json.loads((current / "config.json").read_text())
        config["linux"].pop("cgroupsPath", None)
        config["root"]["path"] = str(current / config["root"]["path"])
        config["process"]["args"] = ["sleep", str(next(_marks))]
        copy.mkdir(parents=True)
        (copy / "config.json").write_text(json.dumps(config))
        return " ".join(config["process"]["args"])

    def remove(self) -> None:
        shutil.rmtree(self.top)


def raw_run(runtime: str, bundle: Path, execs: Execs) -> float:
    """The ms from the spawn of ``RUNTIME run`` to its payload's exec; all is gone afterwards."""
    config = json.loads((bundle / "config.json").read_text())
    command = " ".join(config["process"]["args"])
    argv = [runtime, "--root", f"{bundle}.root", "run", "-b", str(bundle), f"raw-{next(_marks)}"]
    start_ns = time.monotonic_ns()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        pid, at_ns = execs.wait(command, 10)
    except TimeoutError:
        process.kill()
        raise
    else:
        os.kill(pid, signal.SIGKILL)
    finally:
        process.wait()
    return (at_ns - start_ns) / 1e6


def raw_run_whole(runtime: str, bundle: Path) -> float:
    """The ms that ``RUNTIME run`` of the bundle takes with ``true``, from spawn to reaped."""
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = ["true"]
    (bundle / "config.json").write_text(json.dumps(config))
    argv = [runtime, "--root", f"{bundle}.root", "run", "-b", str(bundle), f"raw-{next(_marks)}"]
    start_ns = time.monotonic_ns()
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
    return (time.monotonic_ns() - start_ns) / 1e6
