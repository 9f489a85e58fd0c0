"""The control FIFO: orders that survive kill -9 of the shim that has read them.

They pass through a spool file as lines do. Whoever takes them obeys what must not be lost, or notes
it in a journal, and only then calls ``forget``; a kill before that brings them back.
"""

import os

from supervise.kernel.fifo import make_fifo, open_fifo
from supervise.log.descriptors import Descriptors
from supervise.log.stream import Stream


class Mailbox:
    """The control FIFO below ``directory``, made if it is missing, and its spool.

    Raises:
        HostError, SystemCallFailed: it is no FIFO, or cannot be made.
    """

    def __init__(self, directory: str, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._stream = Stream(0, b"", directory + "/spool/.control")
        make_fifo(directory + "/control", 0o600)
        self._stream.fifo = open_fifo(directory + "/control")

    def fileno(self) -> int:
        """Readable when orders are there."""
        return self._stream.fifo

    def read(self) -> list[bytes]:
        """All lines that were written until now, with those not yet forgotten.

        A line is one write(2), so an empty FIFO means that the last line is whole.
        """
        while self._stream.take(self._descriptors, 1 << 16):
            pass
        spool = self._stream.open_spool(self._descriptors)
        return os.pread(spool, self._stream.size, 0).splitlines()

    def forget(self) -> None:
        """They need not be read again."""
        if self._stream.size:
            os.ftruncate(self._stream.open_spool(self._descriptors), 0)
            self._stream.size = 0
