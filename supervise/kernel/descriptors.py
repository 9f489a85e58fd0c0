"""Descriptors of a process that holds thousands, and starts programs that should not know.

The soft limit is inherited by every program we start, and many behave badly under a large one
(they close all numbers up to it, or call select(2)). So it is never raised for long: a descriptor
that is kept is *parked* above it, which leaves the numbers below it for passing work. This was
weighed against prlimit(2) on each child, which comes too late for its first instructions, and
against a shell in between, which costs an exec per launch.
"""

import fcntl
import os
import resource

from supervise.errors import HostError

_PASSING = 1024
_MOST = 1 << 20


class Parking:
    """Where long-lived descriptors stand. Only the main thread may park.

    Attributes:
        capacity: how many there can be.
        used: how many there are.
    """

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        hard = self._limits[1]
        self._most = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
        self._first = min(_PASSING, self._most // 2)
        self.capacity = self._most - self._first
        self.used = 0

    def spare(self) -> bool:
        """True while more than half is free: then what is only good to have may be kept too."""
        return self.used < self.capacity // 2

    def park(self, fd: int) -> int:
        """Move a descriptor to its lasting place, close-on-exec; the old number is closed.

        Raises:
            HostError: all places are taken; ``fd`` is closed.
        """
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._most, self._limits[1]))
            parked = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, self._first)
        except OSError as error:
            raise HostError(
                f"out of descriptors after {self.used}: raise the limit of open files "
                f"(LimitNOFILE=, ulimit -n), now {self._most}"
            ) from error
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
            os.close(fd)
        self.used += 1
        return parked

    def close(self, fd: int) -> None:
        """Close a parked descriptor."""
        os.close(fd)
        self.used -= 1
