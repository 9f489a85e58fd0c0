"""Many descriptors, one task: an epoll inside trio's own.

``trio.lowlevel.wait_readable`` wants a task per descriptor, which would cost more memory than all
else that is kept for a service. The kernel lets an epoll be polled itself.
"""

import select
import traceback
from collections.abc import Callable

import trio

from supervise.errors import CsvError


class Poll:
    """Calls back when a descriptor becomes readable.

    Args:
        report: told of a callback that raised. One that meets a full disk, or a bug, must not take
            all the others along.
    """

    def __init__(self, report: Callable[[str], None] = lambda text: None) -> None:
        self._report = report
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
                    self._call(callback)

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except (CsvError, OSError) as error:
            self._report(str(error))
        except Exception:  # noqa: BLE001 - a bug in one place must not end the supervisor
            self._report(traceback.format_exc())
