"""One process at a time: a lock that its holder's death releases."""

import fcntl
import os


def take_lock(path: str) -> int | None:
    """Take the exclusive flock(2) of ``path``, making the file if needed; never waits.

    The lock lives as long as the returned descriptor (close-on-exec) is open: kill -9 releases it.

    Returns:
        The descriptor to keep, or None when another process holds the lock.

    Raises:
        OSError: the file cannot be opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def lock_directory(path: str) -> int | None:
    """Take the exclusive flock(2) of a directory; never waits, never makes it.

    Returns:
        The descriptor to keep (close-on-exec), or None when another process holds the lock, or
        the directory is gone.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed it in between: the lock would protect nothing.
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None
