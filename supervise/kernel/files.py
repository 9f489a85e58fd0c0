"""Files that other processes read, and links: made whole or not at all."""

import contextlib
import ctypes
import os

from supervise.errors import SystemCallFailed

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)

_BESIDE = ".new"


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Give ``path`` this content, atomically: a reader sees the old or the new, never a part.

    Not fsynced: for files of this boot. They lie on a tmpfs, or should; on a disk, ext4 takes a
    rename over an existing file as a wish to have it flushed, which takes milliseconds. So the
    two files change places, and the old one is removed.

    Raises:
        SystemCallFailed: it could not be written; what was there before is still there.
    """
    beside = path + _BESIDE
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            os.write(fd, content)
        finally:
            os.close(fd)
        if _exchange(beside, path):
            _remove_exchanged(beside, path)
        else:
            os.rename(beside, path)
    except OSError as error:
        raise SystemCallFailed.of("rename", path, error) from error


def _remove_exchanged(beside: str, path: str) -> None:
    try:
        os.unlink(beside)
    except OSError:  # it was no file
        _exchange(beside, path)
        raise


def _exchange(one: str, other: str) -> bool:
    """Let two files change places; False when one is missing or the file system cannot do it.

    Source: renameat2(2), RENAME_EXCHANGE.
    """
    names = os.fsencode(one), os.fsencode(other)
    return bool(_libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def make_directory(path: str, mode: int = 0o755) -> None:
    """Make sure that the directory and its parents exist; idempotent.

    Raises:
        SystemCallFailed: mkdir(2) failed, or something else is there.
    """
    try:
        os.makedirs(path, mode, exist_ok=True)
    except OSError as error:
        raise SystemCallFailed.of("mkdir", path, error) from error


def remove_file(path: str) -> None:
    """Unlink; idempotent; a place that cannot be written keeps the file."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def remove_beside(path: str) -> None:
    """Unlink what a ``replace_file`` that was cut short left; idempotent."""
    remove_file(path + _BESIDE)


def remove_directory(path: str) -> None:
    """Remove an empty directory; a missing or a filled one is left as it is."""
    with contextlib.suppress(OSError):
        os.rmdir(path)
