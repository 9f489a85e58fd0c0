"""Many descriptors, one task: an epoll inside trio's own.

``trio.lowlevel.wait_readable`` wants a task per descriptor, which would cost more memory than all
else that is kept for a service. The kernel lets an epoll be polled itself.
"""

import select
from collections.abc import Callable

import trio


class Poll:
    """Calls back when a descriptor becomes readable."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def add(self, fd: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` (on trio's thread) whenever ``fd`` is readable."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Forget ``fd``, which is still open."""
        del self._callbacks[fd]
        self._epoll.unregister(fd)

    async def serve(self) -> None:
        """Call back for ever; idle while nothing is readable."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for fd, _ in self._epoll.poll(0):
                callback = self._callbacks.get(fd)
                if callback is not None:
                    callback()
