"""How many may do something at once; one that takes too long no longer counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Places:
    """A semaphore that nobody can starve.

    Work that hangs (a volume on a dead file server) would keep its place for ever, and a few such
    would stop every other service. So a place is given up after ``patience_s``, done or not.
    """

    def __init__(self, places: int, patience_s: float = 5.0) -> None:
        self._semaphore = trio.Semaphore(places)
        self._patience_s = patience_s

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it while inside, at most ``patience_s``."""
        await self._semaphore.acquire()
        held = True
        patience = trio.CancelScope()

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._semaphore.release()

        async def lose_patience() -> None:
            with patience:
                await trio.sleep(self._patience_s)
                release()

        # A nursery around the yield would wrap what is raised inside into a group, and nobody
        # who expects an error by its type would see it.
        trio.lowlevel.spawn_system_task(lose_patience)
        try:
            yield
        finally:
            patience.cancel()
            release()
