"""The real supervisor, in a process of its own, on places of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supervise.paths import Paths
from tests.waiting import LIMIT_S, wait_for

CSV = [sys.executable, "-m", "supervise.cli.main"]


class Supervisor:
    """``csv scan`` on ``place``; start(), then add folders, then stop() or kill().

    Args:
        place: its places.
        program: what to run in its stead, with the same options.
    """

    def __init__(self, place: Paths, program: Sequence[str] = (*CSV, "scan")) -> None:
        self.place = place
        self._program = program
        self.output = Path(place.lib_dir).parent / "supervisor.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which every command finds these places."""
        names = ("CSV_SCAN_DIR", "CSV_RUN_DIR", "CSV_LIB_DIR", "CSV_LOG_DIR")
        return {**os.environ, **dict(zip(names, self.place, strict=True))}

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *options: str, before: tuple[str, ...] = ()) -> None:
        """Start it, and return when it has read the scan directory for the first time.

        Args:
            options: of ``csv scan``.
            before: a program with arguments that executes the rest of its command line.
        """
        assert not self.alive
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*before, *self._program, *options, self.place.scan_dir],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(self._is_ready, os.path.dirname(self.place.run_dir))

    def _is_ready(self) -> bool:
        assert self.alive, f"the supervisor ended at once: {self.output.read_text()}"
        try:
            ready = json.loads(Path(self.place.supervisor).read_text())
        except FileNotFoundError:
            return False
        return bool(ready["pid"] == self.pid)

    def stop(self, limit_s: float = LIMIT_S) -> int:
        """Ask it to end with TERM; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(limit_s)

    def kill(self) -> None:
        """Kill it with KILL; its services go on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def add(self, name: str, run: str, **files: str) -> Path:
        """Lay a service folder out beside, and move it into place; returns the folder.

        Args:
            run: the text of ``run``.
            files: further files; ``finish`` is made executable too.
        """
        new = Path(self.place.scan_dir, f".{name}")
        new.mkdir()
        for file, text in {"run": run, **files}.items():
            (new / file).write_text(text)
            if file in ("run", "finish"):
                (new / file).chmod(0o755)
        return new.rename(new.with_name(name))

    def csv(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a ``csv`` command against it, to its end."""
        return subprocess.run(
            [*CSV, *argv],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )

    def state(self, name: str) -> dict[str, Any]:
        """The service's ``state.json``; empty while there is none."""
        try:
            data: dict[str, Any] = json.loads(Path(self.place.service(name).state).read_text())
        except FileNotFoundError:
            return {}
        return data

    def log(self, name: str) -> str:
        """The service's log as far as it is written; without what was rotated away."""
        try:
            return Path(self.place.service(name).log, "current").read_text()
        except FileNotFoundError:
            return ""

    def wait_for_line(self, name: str, text: str, limit_s: float = LIMIT_S) -> None:
        """Wait until the service has printed a line with this text in it."""

        def printed() -> bool:
            return any(text in line for line in self.log(name).splitlines())

        wait_for(printed, self.place.log_dir, limit_s=limit_s)

    def wait_for(self, name: str, limit_s: float = LIMIT_S, **fields: object) -> dict[str, Any]:
        """Wait until the service's state has these fields; returns the state."""

        def reached() -> dict[str, Any] | None:
            state = self.state(name)
            return state if state and fields.items() <= state.items() else None

        try:
            return wait_for(reached, self.place.run_dir, limit_s=limit_s)
        except AssertionError:
            raise AssertionError(
                f"{name} is not {fields} in {limit_s:g} s but {self.state(name)};"
                f" the supervisor said: {self.output.read_text()[-4000:]}"
            ) from None
