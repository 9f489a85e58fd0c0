"""A container run by hand: a launch of its own, beside whatever the supervisor runs.

It is named ``.run-PID-NAME``, which no service can be called. Its directory below the run
directory is locked while csv-run lives, so that whoever sweeps can tell a living one from one
that was killed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from supervise.container.names import container_id
from supervise.kernel.filelock import lock_directory
from supervise.kernel.files import make_directory, remove_directory
from supervise.paths import Paths

_PREFIX = ".run-"
_NUMBER = 1
_MAX_NAME_BYTES = 128


@contextmanager
def claim(paths: Paths, name: str) -> Iterator[str]:
    """Hold a name for one launch by hand; afterwards its directory is gone, if it is empty.

    Args:
        paths: the directories.
        name: of the service, for people to recognise.

    Yields:
        The launch's name; its number is 1.
    """
    short = name.encode("utf-8", "surrogateescape")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    own = f"{_PREFIX}{os.getpid()}-{short.replace('/', '-')}"
    directory = f"{paths.run_dir}/{own}"
    fd = None
    while fd is None:
        make_directory(directory, 0o700)
        # A sweep may take it away between the two: it was not locked yet.
        fd = lock_directory(directory)
    try:
        yield own
    finally:
        remove_directory(directory)
        os.close(fd)


def live(paths: Paths) -> set[str]:
    """The ids of launches whose csv-run lives."""
    found = set()
    for name in _names(paths):
        fd = lock_directory(f"{paths.run_dir}/{name}")
        if fd is None:
            found.add(container_id(name, _NUMBER))
        else:
            os.close(fd)
    return found


def sweep(paths: Paths) -> None:
    """Remove the empty directories of those that were killed."""
    for name in _names(paths):
        fd = lock_directory(f"{paths.run_dir}/{name}")
        if fd is not None:
            remove_directory(f"{paths.run_dir}/{name}")
            os.close(fd)


def dead(paths: Paths) -> list[str]:
    """The names of launches whose csv-run was killed."""
    living = live(paths)
    return [name for name in _names(paths) if container_id(name, _NUMBER) not in living]


def _names(paths: Paths) -> list[str]:
    try:
        return [name for name in os.listdir(paths.run_dir) if name.startswith(_PREFIX)]
    except FileNotFoundError:
        return []
