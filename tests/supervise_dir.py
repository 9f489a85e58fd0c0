"""A ``supervise`` directory held open by the test: the supervisor's side of the protocol, alone."""

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from supervise.core.status import Status, encode
from supervise.paths import Paths


class SuperviseDir:
    """One service folder with its run directory; a context manager that holds the FIFOs open."""

    def __init__(self, places: Paths, name: str, *, linked: bool = True) -> None:
        self.name = name
        self.folder = Path(places.scan_dir, name)
        self.run = Path(places.run_dir, name)
        self.supervise = self.run / "supervise"
        self.folder.mkdir(parents=True)
        self.supervise.mkdir(parents=True)
        if linked:
            (self.folder / "supervise").symlink_to(self.supervise)
        self.launch = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        os.mkfifo(self.supervise / "control", 0o600)
        # Two names of one inode, as the supervisor does it.
        os.link(self.supervise / "control", self.supervise / "ok")
        self._control = os.open(self.supervise / "control", os.O_RDWR | os.O_CLOEXEC)
        self._open.callback(os.close, self._control)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def letters(self) -> str:
        """Wait for a write on ``control`` and return it."""
        return os.read(self._control, 4096).decode()

    def leave(self) -> None:
        """Supervise the service no more: nothing of its run directory stays."""
        self._open.close()
        shutil.rmtree(self.run)

    def set_status(self, status: Status) -> None:
        """Put the record into place, as the supervisor does: beside, then renamed."""
        self._replace(self.supervise / "status", encode(status))

    def set_state(self, **fields: object) -> None:
        """Put ``state.json`` into place; fields not named describe a service that is down."""
        state: dict[str, object] = {
            "version": 1,
            "name": self.name,
            "folder": str(self.folder),
            "kind": "plain",
            "phase": "down",
            "want": "down",
            "paused": False,
            "since": 0.0,
            "since_monotonic": 0.0,
            "pid": None,
            "start_time": None,
            "launch": 0,
            "failures": 0,
            "last_exit": None,
            "next_attempt": None,
            "error": None,
            "changed": False,
            "normally_down": False,
            "fingerprint": "",
            "progress": None,
            "faults": 0,
        }
        self._replace(self.run / "state.json", json.dumps(state | fields).encode())

    @staticmethod
    def _replace(path: Path, data: bytes) -> None:
        beside = path.with_name(f".{path.name}.new")
        beside.write_bytes(data)
        beside.rename(path)
