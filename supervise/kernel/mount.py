"""mount(2) and umount2(2) by their own names, and the list of what is mounted.

Standard library and ctypes only; the C library is called without the interpreter's lock, so a
slow mount holds up only its own thread.

Source: mount(2), umount2(2), proc(5) on ``mountinfo``.
"""

import ctypes
import errno
import os
import re
from typing import NamedTuple

from supervise.errors import SystemCallFailed

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8

# The kernel copies one page of options and drops the rest in silence: a lower layer, or the
# upper one, would be missing from a mount that looks right.
_MAX_DATA_BYTES = 4095
_ESCAPE = re.compile(r"\\([0-7]{3})")
_libc = ctypes.CDLL(None, use_errno=True)


class MountPoint(NamedTuple):
    """A line of ``mountinfo``: where, of which kind, and the file system's own options."""

    path: str
    kind: str
    options: str


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change a mount; done when this returns.

    Raises:
        SystemCallFailed: EINVAL (an option or a file system that is refused), EBUSY, E2BIG when
            ``data`` is longer than the kernel would read.
    """
    options = os.fsencode(data)
    if len(options) > _MAX_DATA_BYTES:
        raise SystemCallFailed("mount", target, errno.E2BIG)
    arguments = (os.fsencode(source), os.fsencode(target), os.fsencode(kind))
    if _libc.mount(*arguments, ctypes.c_ulong(flags), options) < 0:
        raise SystemCallFailed("mount", target, ctypes.get_errno())


def umount2(target: str, flags: int = 0) -> None:
    """Unmount the topmost mount at ``target``.

    Raises:
        SystemCallFailed: EINVAL when nothing is mounted there, ENOENT, EBUSY without MNT_DETACH.
    """
    if _libc.umount2(os.fsencode(target), flags) < 0:
        raise SystemCallFailed("umount2", target, ctypes.get_errno())


def detach(target: str) -> None:
    """Take all mounts at ``target`` out of sight; idempotent, no error when there are none."""
    while True:
        try:
            umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW)
        except SystemCallFailed as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return
            raise


def mount_points(mountinfo: str = "/proc/self/mountinfo") -> list[MountPoint]:
    """What is mounted in this mount namespace, oldest first; a later one covers an earlier."""
    points = []
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            path = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
            kind, _source, options = after.rstrip("\n").split(" ", 2)
            points.append(MountPoint(path, kind, options))
    return points
