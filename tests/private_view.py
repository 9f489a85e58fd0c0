"""A private view of the mounts for the test run: what it mounts, nobody else sees.

On a machine with hybrid cgroups (version 1 hierarchies, and a version 2 mount without controllers)
crun refuses to work; in the private view only version 2 is mounted. The machine's own mounts are
never touched.
"""

import ctypes
import os
import subprocess
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CGROUP = "/sys/fs/cgroup"


def enter() -> str:
    """Move this process, and so all that it starts, into a mount namespace of its own.

    Returns:
        What was done, in words, for the head of the test report.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")
    if is_version_2():
        return "a private mount namespace"
    _run("umount", "-l", _CGROUP)
    _run("mount", "-t", "cgroup2", "cgroup2", _CGROUP)
    return "a private mount namespace, in it cgroup version 2 alone"


def is_version_2() -> bool:
    """Whether cgroup version 2, alone, is what this process sees."""
    return Path(_CGROUP, "cgroup.controllers").exists()


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
