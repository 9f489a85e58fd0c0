"""A program, or a message, in memory that nobody can change any more.

Source: memfd_create(2), fcntl(2) "File Sealing".
"""

import fcntl
import os

from supervise.errors import SystemCallFailed

_MFD_EXEC = 0x10
_F_ADD_SEALS = 1033
_SEALS = 0x1 | 0x2 | 0x4 | 0x8  # seal, shrink, grow, write


def sealed_copy(path: str) -> int:
    """Copy a program into a sealed memory file; returns its descriptor, close-on-exec.

    Raises:
        SystemCallFailed: it cannot be read, or the machine forbids such files
            (``vm.memfd_noexec``).
    """
    try:
        with open(path, "rb") as program:
            fd = _create(os.path.basename(path))
            try:
                left = os.fstat(program.fileno()).st_size
                while left:
                    left -= os.sendfile(fd, program.fileno(), None, left)
                fcntl.fcntl(fd, _F_ADD_SEALS, _SEALS)
            except BaseException:
                os.close(fd)
                raise
            return fd
    except OSError as error:
        raise SystemCallFailed.of("memfd_create", path, error) from error


def sealed_bytes(name: str, content: bytes) -> int:
    """Put bytes into a sealed memory file; returns its descriptor, close-on-exec.

    Raises:
        SystemCallFailed: there is no memory for it.
    """
    try:
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(content)
            fcntl.fcntl(fd, _F_ADD_SEALS, _SEALS)
        except BaseException:
            os.close(fd)
            raise
        return fd
    except OSError as error:
        raise SystemCallFailed.of("memfd_create", name, error) from error


def _create(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError:  # before Linux 6.3 there was no such flag, and no need for it
        return os.memfd_create(name, flags)
