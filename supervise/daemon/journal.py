"""What the supervisor has to say: to its standard error, and to the log of service ``csv``.

Saying never blocks and never fails: what cannot be taken now is counted, and the count is said as
soon as anything is taken again. A supervisor that waited for its own log would supervise nothing.
"""

import contextlib
import os
import select

from supervise.kernel.fifo import open_fifo

_LINE_BYTES = 4000
"""Below PIPE_BUF: a pipe that is writable takes such a line whole."""


class Journal:
    """Writes lines to descriptors, each of which may be full, slow, or gone."""

    def __init__(self, stderr: int = 2) -> None:
        self._outlets = [_Outlet(stderr)]

    def also_to(self, fifo: str) -> None:
        """Write to this FIFO too, from now on."""
        self._outlets.append(_Outlet(open_fifo(fifo)))

    def say(self, text: str, service: str | None = None) -> None:
        """Write one line (of each line of ``text``); never blocks, never raises."""
        prefix = "" if service is None else f"{service}: "
        for line in text.splitlines():
            data = f"{prefix}{line}".encode("utf-8", "backslashreplace")[:_LINE_BYTES]
            for outlet in self._outlets:
                outlet.write(data + b"\n")

    def close(self) -> None:
        """Close what also_to() opened."""
        for outlet in self._outlets[1:]:
            os.close(outlet.fd)
        del self._outlets[1:]


class _Outlet:
    """One descriptor, and how many lines it missed."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._missed = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, line: bytes) -> None:
        if self._missed:
            line = b"(%d lines of the supervisor were dropped here)\n" % self._missed + line
        self._missed += 1
        with contextlib.suppress(OSError):
            if any(mask & select.POLLOUT for _, mask in self._poll.poll(0)):
                os.write(self.fd, line)
                self._missed = 0
