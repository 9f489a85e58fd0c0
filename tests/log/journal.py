"""A real systemd-journald with no systemd: in a mount namespace in which /run is its own.

``python -m tests.log.journal`` becomes it. Its socket is reached, and its journal read, through
/proc/PID/root.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.log.shim import ROOT
from tests.waiting import wait_for

PROGRAM = "/lib/systemd/systemd-journald"
_CLONE_NEWNS = 0x00020000


class Journald:
    """A journald that runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._run = _run_of(pid)
        self.socket = self._run + "/systemd/journal/socket"
        self.directory = self._run + "/log/journal"

    def entries(self) -> list[dict[str, Any]]:
        """All entries of services, oldest first."""
        shown = subprocess.run(
            ["journalctl", "-D", self.directory, "-o", "json", "--all", "_TRANSPORT=journal"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        entries = map(json.loads, shown.splitlines())
        return [entry for entry in entries if "CSV_SERVICE" in entry]

    def synced_entries(self) -> list[dict[str, Any]]:
        """The entries, once journald has taken all that was sent to it."""
        synced = self._run + "/systemd/journal/synced"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(synced)
        os.kill(self._pid, signal.SIGRTMIN + 1)
        wait_for(lambda: os.path.exists(synced), os.path.dirname(synced))
        return self.entries()


def _run_of(pid: int) -> str:
    """The /run that a process has, seen from here."""
    return os.path.join("/proc", str(pid), "root", "run")


@contextlib.contextmanager
def journald(errors: Path) -> Iterator[Journald]:
    """Run one; returns when it takes entries."""
    with errors.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.log.journal"],
            env={**os.environ, "PYTHONPATH": ROOT},
            stdout=stderr,
            stderr=stderr,
            stdin=subprocess.PIPE,
        )
    try:
        found = Journald(process.pid)
        run = _run_of(process.pid)
        wait_for(lambda: os.path.exists(run + "/ready"), str(errors.parent))
        assert process.stdin is not None
        process.stdin.close()  # now the directories to be watched are there
        wait_for(lambda: os.path.exists(run + "/systemd/journal/kernel-seqnum"), run)
        yield found
    finally:
        process.terminate()
        process.wait()


def _become() -> None:
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS) != 0:
        raise SystemExit("unshare failed")
    for argv in (
        ["--make-rprivate", "/"],
        ["-t", "tmpfs", "tmpfs", "/run"],
        ["-t", "tmpfs", "tmpfs", "/var/log"],
    ):
        subprocess.run(["mount", *argv], check=True)
    os.makedirs("/run/systemd/journal")
    os.makedirs("/run/log/journal")
    Path("/run/ready").touch()
    os.write(1, b"ready\n")  # whoever waits for a change of this file looks again
    sys.stdin.read()
    os.execv(PROGRAM, [PROGRAM])


if __name__ == "__main__":
    _become()
