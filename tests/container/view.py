"""Run a program in a view of the machine where limits can be applied.

``python -m tests.container.view PROGRAM...``: with version 2 and its controllers this is the
view that there is. Else the version 1 hierarchies are mounted in a mount namespace of its own,
and version 2 is not: there crun works, and limits with it.
"""

import ctypes
import os
import subprocess
import sys

from supervise.container.host import probe

_CLONE_NEWNS = 0x00020000
_CGROUP = "/sys/fs/cgroup"
WANTED = {"memory", "cpu", "pids", "devices"}


def enter() -> None:
    """Make sure that this process sees controllers for limits."""
    if probe().controllers >= WANTED - {"devices"}:
        return
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS) != 0:
        raise SystemExit("unshare failed")
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "tmpfs", _CGROUP)
    for controllers in _version_1():
        os.mkdir(f"{_CGROUP}/{controllers}")
        _mount("-t", "cgroup", "-o", controllers, "cgroup", f"{_CGROUP}/{controllers}")


def _version_1() -> list[str]:
    """The version 1 hierarchies of this machine, by the controllers that share each."""
    shared: dict[str, list[str]] = {}
    with open("/proc/cgroups", encoding="ascii") as lines:
        for line in lines:
            name, hierarchy, *_ = line.split()
            if not name.startswith("#") and hierarchy != "0":
                shared.setdefault(hierarchy, []).append(name)
    return [",".join(names) for names in shared.values()]


def _mount(*argv: str) -> None:
    subprocess.run(["mount", *argv], check=True)


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])
