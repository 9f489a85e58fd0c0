"""openat2(2): opening a path inside a directory tree that is not to be trusted.

Within ``RESOLVE_IN_ROOT`` an absolute link and ``..`` end at the tree's own root, as they would
for a process that lives in it; no name in the tree can lead out.

Source: openat2(2).
"""

import ctypes
import os
import stat
import struct

from supervise.errors import SystemCallFailed

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_IN_ROOT = 0x10
_SYS_OPENAT2 = 437  # the same on every architecture
_HOW = struct.Struct("QQQ")
_libc = ctypes.CDLL(None, use_errno=True)


def open_in_root(root: str, path: str, flags: int = os.O_RDONLY) -> int:
    """Open ``path`` as a process would whose root directory is ``root``; close-on-exec.

    Raises:
        SystemCallFailed: ENOENT, ENOTDIR, ELOOP, EACCES.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = _HOW.pack(flags | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
        fd = _libc.syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(directory),
            os.fsencode(path),
            how,
            ctypes.c_size_t(_HOW.size),
        )
        if fd < 0:
            raise SystemCallFailed("openat2", f"{path} in {root}", ctypes.get_errno())
        return int(fd)
    finally:
        os.close(directory)


def read_in_root(root: str, path: str, limit: int) -> bytes | None:
    """The first ``limit`` bytes of a regular file inside ``root``; None when there is none."""
    try:
        fd = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except SystemCallFailed:
        return None
    try:
        return os.read(fd, limit) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)
