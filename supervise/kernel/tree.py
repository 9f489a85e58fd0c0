"""Removing a directory tree that somebody hostile has filled.

What a container wrote may be nested deeper than any recursion, and may change while it is read;
links are never followed. ``shutil.rmtree`` recurses, so a container could make itself
unremovable with a few thousand ``mkdir``.
"""

import os
import stat

from supervise.errors import SystemCallFailed

_MAX_DEPTH = 64


def remove_tree(path: str) -> None:
    """Remove a file or directory and all in it; idempotent, follows no link.

    Raises:
        SystemCallFailed: something in it is a mount point (EBUSY) or immutable (EPERM).
    """
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SystemCallFailed.of("open", path, error) from error
    try:
        while _empty(top, top, 0):
            pass
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SystemCallFailed.of("unlink", f"in {path}", error) from error
    finally:
        os.close(top)


def _empty(top: int, directory: int, depth: int) -> bool:
    """Remove what is in ``directory``; True when deeper parts were moved up into ``top``."""
    moved = False
    with os.scandir(directory) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in names:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
        elif depth >= _MAX_DEPTH:
            # Its inode number makes the name: no two directories to be moved share one.
            number = os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino
            os.rename(name, f".deep-{number}", src_dir_fd=directory, dst_dir_fd=top)
            moved = True
        else:
            moved |= _descend(top, directory, name, depth)
    return moved


def _descend(top: int, directory: int, name: str, depth: int) -> bool:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    inner = os.open(name, flags, dir_fd=directory)
    try:
        moved = _empty(top, inner, depth + 1)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=directory)
    return moved
