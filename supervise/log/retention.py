"""Which rotated files have to go: by count, by what all take together, and by the room left.

The last is what keeps a machine of many services from filling its disk with logs, each of which
keeps to its own limits: while less is free than a floor, a log that rotates keeps one rotated file.
"""

import contextlib
import os
from collections.abc import Sequence

from supervise.log.policy import Policy

FLOOR_BYTES = 1 << 30
FLOOR_SHARE = 20
"""The floor: one gibibyte, or a twentieth of the file system where that is less."""


def surplus(directory: str, names: Sequence[str], policy: Policy) -> Sequence[str]:
    """Those of a log's rotated files that are to be removed.

    Args:
        directory: the log.
        names: all of its rotated files, oldest first.

    Returns:
        The oldest of them, in their order.
    """
    going = max(0, len(names) - policy.keep)
    if policy.max_total_bytes:
        going = max(going, _beyond(directory, names, policy))
    if missing := _missing_bytes(directory):
        missing -= sum(_size_bytes(f"{directory}/{name}") for name in names[:going])
        while going < len(names) - 1 and missing > 0:
            missing -= _size_bytes(f"{directory}/{names[going]}")
            going += 1
    return names[:going]


def _beyond(directory: str, names: Sequence[str], policy: Policy) -> int:
    """How many of the oldest do not fit into ``max_total_bytes`` beside a full ``current``."""
    room = policy.max_total_bytes - policy.max_size_bytes
    for number, name in enumerate(reversed(names)):
        room -= _size_bytes(f"{directory}/{name}")
        if room < 0:
            return len(names) - number
    return 0


def _size_bytes(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size
    return 0


def _missing_bytes(directory: str) -> int:
    """How much has to become free until the floor is reached."""
    found = os.statvfs(directory)
    floor = min(FLOOR_BYTES, found.f_blocks * found.f_frsize // FLOOR_SHARE)
    return max(0, floor - found.f_bavail * found.f_frsize)
