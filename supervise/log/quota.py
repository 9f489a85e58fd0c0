"""How many lines a service may log: a rate, and a burst on top of it (a token bucket).

Source: the algorithm of tc-tbf(8); there is nothing to wake up for, as it counts when it is asked.
"""

import time
from collections.abc import Callable


class Quota:
    """Lines allowed per second.

    Args:
        rate_per_s: how many become allowed each second; above 0.
        burst: how many that were not used stay allowed; at least 1.
        clock: monotonic seconds.
    """

    def __init__(
        self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._clock = clock
        self._at = clock()
        self._allowed = float(burst)

    def take(self, lines: int) -> int:
        """How many of so many lines may pass now; these are used up."""
        now = self._clock()
        self._allowed += (now - self._at) * self.rate_per_s
        self._allowed = min(self._allowed, self.burst)
        self._at = now
        passed = min(lines, int(self._allowed))
        self._allowed -= passed
        return passed
