"""A service's private ``/dev/log``: socket → tray → spool, each datagram exactly once.

Who sent a message is known by the socket that it came in on. From the spool on a message goes the
way of any other line (``log.intake``); this is about the way there:

1. The tray notes whose turn it is, and how long the spool is: ``at``.
2. recvmmsg(2) puts datagrams into the tray, which is a mapped file (``kernel.datagrams``).
3. They become lines, ``origin text`` with all that could harm escaped, written to the spool at
   ``at``, which is cut after them.
4. The tray is cleared, in one step.

A kill before 4 leaves the tray full: the next shim does 3 and 4 before anything else, and 3 may be
done twice, as it always writes to the same place. Nothing else touches the spool between 1 and 4.
"""

import os
import select

from supervise.core.logline import escape
from supervise.core.syslog import compose, parse
from supervise.kernel.datagrams import DATAGRAM_BYTES, Tray
from supervise.log.descriptors import Descriptors
from supervise.log.stream import Stream, open_spool

_ESCAPED = 4
"""By how much a text can grow that is escaped."""


class Messages(Stream):
    """A socket and its spool, as a stream; its ``fifo`` is the socket."""

    __slots__ = ("_inbox",)

    def __init__(self, index: int, spool: str, inbox: "Inbox") -> None:
        super().__init__(index, b"", spool)
        self._inbox = inbox

    def is_empty(self) -> bool:
        """Whether no datagram waits; FIONREAD would take one of no length for none."""
        if self.fifo < 0:
            return True
        poll = select.poll()
        poll.register(self.fifo, select.POLLIN)
        return not poll.poll(0)

    def unread(self) -> int:
        return not self.is_empty()

    def take(self, descriptors: Descriptors, room: int, limit: int = 0) -> int:
        """Take a few messages in, as lines; the last may go beyond ``room``."""
        if not self._inbox.take(self, limit):
            return 0
        return self._inbox.store(self)

    def settled(self, data: bytes, limit: int) -> int:
        return data.rfind(b"\n") + 1

    def first(self, data: bytes, limit: int) -> int:
        return data.find(b"\n") + 1

    def stamped(self, data: bytes, stamp: bytes, limit: int) -> list[bytes | memoryview]:
        head = stamp + b" "
        return [head, memoryview(data.replace(b"\n", b"\n" + head))[: -len(head)]]


class Inbox:
    """The tray that all services share, in turn.

    Args:
        directory: where the tray and the spools lie.
        descriptors: who keeps the spools open.

    Raises:
        OSError: the tray cannot be made, or what a killed shim left in it cannot be spooled.
    """

    def __init__(self, directory: str, descriptors: Descriptors) -> None:
        self._directory = directory
        self._descriptors = descriptors
        self._tray: Tray | None = None
        self._owner: Messages | None = None
        self._hosts = frozenset((os.uname().nodename.encode(), b"localhost"))
        if os.path.exists(self._path):
            self._store(self._open())

    @property
    def _path(self) -> str:
        return self._directory + "/.tray"

    def _open(self) -> Tray:
        if self._tray is None:  # a box without containers needs none
            self._tray = Tray(self._path)
        return self._tray

    def take(self, messages: Messages, limit: int) -> int:
        """Take datagrams into the tray; ``store`` has to follow. Returns how many."""
        if self._owner is not None:
            self.store(self._owner)  # it could not be written before
        note = b"%d %d %s" % (messages.size, limit, os.fsencode(os.path.basename(messages.spool)))
        taken = self._open().take(messages.fifo, note)
        if taken:
            self._owner = messages
        return taken

    def store(self, messages: Messages) -> int:
        """Put what is in the tray into the spool; returns how many bytes that made."""
        size, messages.size = messages.size, self._store(self._open())
        self._owner = None
        return messages.size - size

    def _store(self, tray: Tray) -> int:
        """Steps 3 and 4; returns the size of the spool."""
        note = tray.note
        if note is None:
            return 0
        start, limit, name = note.split(b" ", 2)
        # A container's host name is its service's, unless the run file says otherwise.
        hosts = self._hosts | {name.removesuffix(b".log")}
        lines = (_lines(*each, int(limit), hosts) for each in tray.datagrams())
        spool = self._descriptors.get(f"{self._directory}/{os.fsdecode(name)}", open_spool)
        at = int(start)
        for each in lines:
            _write_all(spool, each, at)
            at += len(each)
        os.ftruncate(spool, at)
        tray.clear()
        return at


def _write_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written


def _lines(datagram: bytes, length: int, limit: int, hosts: frozenset[bytes]) -> bytes:
    """One message as the lines of its records, without their stamps."""
    message = parse(datagram, hosts)
    text = compose(message)
    origin = message.origin.encode()
    lines = []
    if len(text) > limit // _ESCAPED and len(escape(text)) > limit:
        step = limit // _ESCAPED
        while len(text) > step:
            lines.append(b"%s+ %s\n" % (origin, escape(text[:step])))
            text = text[step:]
    lines.append(b"%s %s\n" % (origin, escape(text)))
    if length > DATAGRAM_BYTES:
        cut = b"a syslog message of %d bytes was cut to %d" % (length, DATAGRAM_BYTES)
        lines.append(b"csv %s\n" % cut)
    return b"".join(lines)
