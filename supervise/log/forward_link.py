"""A connection to a target: messages out, and how much of them the other side's kernel has.

TCP tells nobody what the other *program* has read. What can be known is how many bytes its kernel
has acknowledged: those that were sent, less those still in the send queue (SIOCOUTQ). For
datagrams even that is unknown; what was sent counts as taken.

Source: tcp(7), unix(7), RFC 5425, RFC 5426, RFC 6587.
"""

import errno
import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import trio

from supervise.core.definition import ForwardTarget, Transport
from supervise.errors import HostError
from supervise.kernel.memfd import sealed_bytes

CONNECT_S = 20.0

_DEAD_AFTER_S = 30.0
_KEEPALIVE_S = 60
# A receiver's queue of datagrams is short, and what does not fit into it is lost without a word.
_BURST = 64
_PAUSE_S = 0.005


class Link(Protocol):
    """A connection."""

    @property
    def sent(self) -> int:
        """How many bytes were handed to our kernel."""

    async def send(self, messages: Sequence[bytes]) -> None:
        """Hand them to the kernel, waiting while it takes no more; OSError: it is broken."""

    def unacknowledged(self) -> int:
        """How many of the bytes sent are not yet known to have arrived."""

    async def watch(self) -> None:
        """Wait until the connection is broken; returns, or raises OSError, when it is."""


@asynccontextmanager
async def connect(target: ForwardTarget) -> AsyncIterator[Link]:
    """Connect to the target; closed at the end.

    Raises:
        OSError: it cannot be reached, or is not who it should be (ssl.SSLError).
        HostError: a file that TLS needs cannot be read.
        trio.TooSlowError: it does not answer.
    """
    match target.transport:
        case Transport.SYSLOG | Transport.JOURNALD:
            with _unix(target) as connected:
                yield _Datagrams(connected)
        case Transport.UDP:
            with await _udp(target) as connected:
                yield _PacedDatagrams(connected)
        case _:
            async with _stream(target) as link:
                yield link


def _unix(target: ForwardTarget) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        connected.connect(target.path)
    except BaseException:
        connected.close()
        raise
    return connected


async def _udp(target: ForwardTarget) -> socket.socket:
    found = await trio.socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    family, kind, _, _, address = found[0]
    connected = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    try:
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected


@asynccontextmanager
async def _stream(target: ForwardTarget) -> AsyncIterator["_Stream"]:
    with trio.fail_after(CONNECT_S):
        plain = await trio.open_tcp_stream(target.host, target.port)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
    dead_after_ms = int(_DEAD_AFTER_S * 1000)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, dead_after_ms)
    counted = _Counted(plain)
    stream: trio.abc.Stream = counted
    try:
        if target.transport is Transport.TLS:
            stream = await _secured(counted, target)
        yield _Stream(stream, counted)
    finally:
        await trio.aclose_forcefully(stream)


async def _secured(plain: "_Counted", target: ForwardTarget) -> trio.abc.Stream:
    context = _context(target)
    stream = trio.SSLStream(plain, context, server_hostname=target.name)
    try:
        with trio.fail_after(CONNECT_S):
            await stream.do_handshake()
    except trio.BrokenResourceError as error:
        raise error.__cause__ or error from None
    return stream


def _context(target: ForwardTarget) -> ssl.SSLContext:
    # ssl's own errors do not name the file.
    try:
        context = ssl.create_default_context(cafile=target.ca)
    except OSError as error:
        raise HostError(f"{target.ca}: is no file of CA certificates: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if target.certificate:
        try:
            context.load_cert_chain(target.certificate, target.key)
        except OSError as error:
            files = " and ".join(filter(None, (target.certificate, target.key)))
            raise HostError(f"{files}: no certificate with its key: {error}") from error
    return context


class _Counted(trio.abc.Stream):
    """A TCP stream that counts what is sent: under TLS more than what was to be sent."""

    def __init__(self, plain: trio.SocketStream) -> None:
        self._plain = plain
        self.sent = 0

    def unacknowledged(self) -> int:
        queued = fcntl.ioctl(self._plain.socket.fileno(), termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", queued)[0])

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._plain.send_all(data)
        self.sent += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._plain.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self._plain.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._plain.aclose()


class _Stream:
    """TCP, or TLS over it."""

    def __init__(self, stream: trio.abc.Stream, counted: _Counted) -> None:
        self._stream = stream
        self._counted = counted

    @property
    def sent(self) -> int:
        return self._counted.sent

    async def send(self, messages: Sequence[bytes]) -> None:
        try:
            await self._stream.send_all(b"".join(messages))
        except trio.BrokenResourceError as error:
            raise _reason(error) from error

    def unacknowledged(self) -> int:
        return self._counted.unacknowledged()

    async def watch(self) -> None:
        """A receiver has nothing to say; what it says is not kept, its end is the news."""
        try:
            while await self._stream.receive_some():
                pass
        except trio.BrokenResourceError as error:
            raise _reason(error) from error


def _reason(error: BaseException) -> OSError:
    """The system's or TLS's own error behind trio's."""
    cause = error.__cause__
    return cause if isinstance(cause, OSError) else OSError(errno.ECONNRESET, "connection lost")


class _Datagrams:
    """A socket of this machine: a full queue makes us wait, so nothing is lost on the way."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._sent = 0

    @property
    def sent(self) -> int:
        return self._sent

    async def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            while not self._send_now(message):
                await trio.lowlevel.wait_writable(self._socket)
            self._sent += len(message)

    def _send_now(self, message: bytes) -> bool:
        try:
            self._socket.send(message)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            return self._pass(message)
        return True

    def _pass(self, message: bytes) -> bool:
        """Pass a message that is too large for a datagram as a file, as journald has it."""
        fd = sealed_bytes("journal-entry", message)
        try:
            socket.send_fds(self._socket, [b""], [fd])
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def unacknowledged(self) -> int:
        return 0

    async def watch(self) -> None:
        """Its end shows when something is sent."""
        await trio.sleep_forever()


class _PacedDatagrams(_Datagrams):
    """UDP: sent in bursts that a receiver's queue can hold."""

    async def send(self, messages: Sequence[bytes]) -> None:
        for start in range(0, len(messages), _BURST):
            if start:
                await trio.sleep(_PAUSE_S)
            await super().send(messages[start : start + _BURST])

    async def watch(self) -> None:
        """A receiver's machine says that nobody listens by an error, which is read here."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            self._socket.recv(1)
