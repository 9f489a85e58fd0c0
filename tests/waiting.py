"""Waiting for an event, under a limit: inotify for files, pidfd for processes. Nothing sleeps."""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from supervise.errors import SystemCallFailed
from supervise.kernel.inotify import (
    IN_ATTRIB,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    Inotify,
)

Value = TypeVar("Value")

LIMIT_S = 30.0
"""Generous: a loaded machine is no reason to fail. A test that needs this long has failed."""

_MASK = IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB


def wait_for(
    value: Callable[[], Value | None], *directories: str, limit_s: float = LIMIT_S
) -> Value:
    """Wait until ``value()`` is true, asking again whenever a file below the directories changes.

    Returns:
        The value.

    Raises:
        AssertionError: it was not true in time.
    """
    deadline = time.monotonic() + limit_s
    with Inotify() as inotify:
        while True:
            for directory in directories:
                _watch(inotify, directory)
            if result := value():
                return result
            left_s = deadline - time.monotonic()
            ready, _, _ = select.select([inotify], [], [], max(0.0, left_s))
            if not ready:
                raise AssertionError(f"not in {limit_s:g} s: {value.__qualname__}: {result!r}")
            inotify.read()


def _watch(inotify: Inotify, directory: str) -> None:
    # Adding a watch twice is harmless, and is how directories made since are found. The watch
    # comes before the look (os.walk does it the other way round): what is made in between is
    # listed, or is an event.
    with suppress(SystemCallFailed, OSError):  # gone in the meantime
        inotify.add_watch(directory, _MASK)
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                _watch(inotify, entry.path)


def wait_for_exit(pid: int, limit_s: float = LIMIT_S) -> None:
    """Wait until the process is dead; one that has never been there is.

    Raises:
        AssertionError: it lives on.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([pidfd], [], [], limit_s)
        if not ready:
            raise AssertionError(f"process {pid} did not end in {limit_s:g} s")
    finally:
        os.close(pidfd)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal and, if it is KILL, wait for the death; no such process is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        if number == signal.SIGKILL:
            wait_for_exit(pid)
