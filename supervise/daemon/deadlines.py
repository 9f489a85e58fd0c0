"""One sleeper for all deadlines: idle while there is none, awake only when one is due."""

import heapq
import time
from collections.abc import Callable

import trio


class Deadlines:
    """At most one deadline per key.

    Args:
        due: called with the key whose deadline has come.
        clock: what the times are of.
    """

    def __init__(
        self, due: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._due = due
        self._clock = clock
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._changed = trio.Event()

    def set(self, key: str, at: float | None) -> None:
        """Move the key's deadline; None takes it away."""
        if self._at.get(key) == at:
            return
        if at is None:
            del self._at[key]
            return
        self._at[key] = at
        heapq.heappush(self._heap, (at, key))
        if self._heap[0] == (at, key):
            self._changed.set()

    async def serve(self) -> None:
        """Call ``due(key)`` for each deadline as it comes, for ever."""
        while True:
            self._changed = trio.Event()
            self._fire(self._clock())
            left_s = self._heap[0][0] - self._clock() if self._heap else float("inf")
            with trio.move_on_after(max(left_s, 0)):
                await self._changed.wait()

    def _fire(self, now: float) -> None:
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) != at:
                heapq.heappop(self._heap)  # moved or taken away since
            elif at <= now:
                heapq.heappop(self._heap)
                del self._at[key]
                self._due(key)
            else:
                return
