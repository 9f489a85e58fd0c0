"""Service folders for the tests, each in three kinds: plain, over the host, over busybox."""

import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.supervisor import Supervisor
from tests.waiting import wait_for

CSV_RUN = "#!/usr/bin/env csv-run\n"
SLEEP = "exec sleep 1000"
WAIT = "while :; do sleep 1000 & wait $!; done"
"""Waits so that a trap runs at once."""
COUNTS = """\
i=0
while :; do
  i=$((i+1)); echo line $i
  [ $((i % 100)) = 0 ] && sleep 0.005
done"""
"""Prints numbered lines: many, but not so many that their writing is all that is tested."""

KINDS = ("plain", "host", "busybox")


class Kind(NamedTuple):
    """How the run files of one test are written.

    Attributes:
        name: one of KINDS.
        root: the root directory of kind ``busybox``.
    """

    name: str
    root: str

    def run(self, script: str, *settings: str) -> str:
        """The text of ``run``; ``settings`` are lines for containers alone."""
        if self.name == "plain":
            return f"#!/bin/sh\n{script}\n"
        return container(script, *settings, rootfs="host" if self.name == "host" else self.root)


def container(script: str, *settings: str, rootfs: str = "host") -> str:
    """A container run file that runs a shell script."""
    command = f"entrypoint = [\"sh\", \"-c\"]\ncommand = ['''\n{script}\n''']\n"
    return f'{CSV_RUN}rootfs = "{rootfs}"\n{command}' + "".join(f"{line}\n" for line in settings)


def busybox(root: Path) -> str:
    """Make a root directory in which there is busybox alone; returns its path."""
    (root / "bin").mkdir(parents=True)
    program = shutil.which("busybox")
    assert program is not None, "apt install busybox-static"
    shutil.copy(program, root / "bin/busybox")
    for name in ("sh", "sleep", "cat", "echo", "kill", "mkdir", "touch"):
        os.symlink("busybox", root / "bin" / name)
    return str(root)


def shim(supervisor: Supervisor, *, other_than: int | None = None) -> int:
    """Wait until there is a syslog shim that is ready, and another than this one; its pid."""
    path = Path(supervisor.place.shim, "pid")

    def ready() -> int | None:
        pid = json.loads(path.read_text())["pid"] if path.exists() else None
        return pid if pid != other_than and Path(f"/proc/{pid}/exe").exists() else None

    return wait_for(ready, supervisor.place.shim)


def counted(supervisor: Supervisor, name: str) -> list[int]:
    """The numbers of the lines of COUNTS in the service's log."""
    return [
        int(line.split(" line ")[1])
        for line in supervisor.log(name).splitlines()
        if " line " in line
    ]
