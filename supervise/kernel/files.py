"""Files that other processes read, and links: made whole or not at all."""

import contextlib
import os

from supervise.errors import SystemCallFailed


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Give ``path`` this content, atomically: a reader sees the old or the new, never a part.

    Not fsynced: for files of this boot.

    Raises:
        SystemCallFailed: it could not be written; what was there before is still there.
    """
    beside = path + ".new"
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            os.write(fd, content)
        finally:
            os.close(fd)
        os.rename(beside, path)
    except OSError as error:
        raise SystemCallFailed.of("rename", path, error) from error


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


def remove_directory(path: str) -> None:
    """Remove an empty directory; a missing or a filled one is left as it is."""
    with contextlib.suppress(OSError):
        os.rmdir(path)
