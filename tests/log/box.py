"""A service with a private ``/dev/log``, whose socket the test holds as the supervisor would."""

import os
import select
import socket

from supervise.core.syslog import Message, decompose
from supervise.kernel.datagrams import bind_socket, socket_id
from supervise.kernel.proc import start_time
from tests.log.shim import Logged
from tests.waiting import LIMIT_S


class Box:
    """A service with a socket, which this process holds as the supervisor would."""

    def __init__(self, logged: Logged, **policy: object) -> None:
        self.logged = logged
        self.directory = logged.run + "/syslog"
        os.mkdir(self.directory, 0o755)
        self.fd = -1
        self.bind(**policy)

    @property
    def id(self) -> str:
        """The socket's own name."""
        return socket_id(self.directory)

    @property
    def path(self) -> str:
        return self.directory + "/log"

    def bind(self, **policy: object) -> None:
        """Make the socket, anew if it was there."""
        self.close()
        self.fd = bind_socket(self.directory, "log", 0o666)
        pid = os.getpid()
        self.logged.keep_as(socket=[pid, start_time(pid), self.fd, self.id], **policy)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    def connect(self) -> socket.socket:
        """A sender, which waits while the queue is full."""
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.settimeout(LIMIT_S)
        sender.connect(self.path)
        return sender

    def messages(self) -> list[Message]:
        """What is in the log, partial records joined."""
        found: list[Message] = []
        text = b""
        for record in self.logged.records():
            if "." in record.origin:
                text += record.text
                if not record.partial:
                    found.append(decompose(record.origin, text))
                    text = b""
        return found

    def wait_for(self, *messages: Message) -> None:
        """Wait until the log holds exactly these."""
        self.logged.wait(lambda: self.messages() == list(messages))

    def is_empty(self) -> bool:
        """Whether the shim has taken all messages."""
        return not select.select([self.fd], [], [], 0)[0]
