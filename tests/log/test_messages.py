"""A service's private ``/dev/log``: real senders, hostile ones, and a shim killed in between."""

import logging
import logging.handlers
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervise.core.logline import parse_record
from supervise.core.syslog import Message, decompose, parse
from supervise.kernel.datagrams import DATAGRAM_BYTES, bind_socket
from supervise.kernel.proc import start_time
from supervise.log.descriptors import Descriptors
from supervise.log.messages import Inbox, Messages
from supervise.paths import Paths
from tests.log.box import Box
from tests.log.shim import Logged, Shim
from tests.waiting import wait_for_exit


@pytest.fixture
def box(shim: Shim, logged: Callable[..., Logged]) -> Iterator[Box]:
    """A service called web with a socket; the shim is not started."""
    made = Box(logged())
    yield made
    made.close()


def test_real_senders(shim: Shim, box: Box) -> None:
    shim.start()
    to = ["-u", box.path]
    commands = [
        ["logger", *to, "-t", "old", "-p", "mail.err", "--id=7", "hello"],
        ["logger", *to, "-t", "new", "-p", "local7.debug", "--rfc5424=notq,notime,nohost", "hello"],
        ["logger", *to, "-t", "sd", "--rfc5424=notq", "--sd-id", "x@1", "--sd-param", 'k="v"', "y"],
    ]
    expected = [
        Message(19, b"hello", "old", "7"),
        Message(191, b"hello", "new"),
        Message(13, b"y", "sd", data=b'[x@1 k="v"]'),
    ]
    for number, command in enumerate(commands):
        subprocess.run(command, check=True)
        box.wait_for(*expected[: number + 1])
    handler = logging.handlers.SysLogHandler(box.path)
    handler.ident = "app: "
    handler.emit(logging.LogRecord("x", logging.CRITICAL, "", 0, "one\ntwo", (), None))
    handler.close()
    box.wait_for(*expected, Message(10, b"one\ntwo", "app"))


def test_a_datagram_can_forge_no_line(shim: Shim, box: Box) -> None:
    shim.start()
    forged = b"<13>a: x\n2026-11-23T16:00:00.000000Z out root logged in\n\x1b[2J\0\xff\\x0a"
    with box.connect() as sender:
        sender.send(forged)
        box.wait_for(parse(forged))
        sender.send(b"")
        box.wait_for(parse(forged), parse(b""))
    content = Path(box.logged.log, "current").read_bytes()
    assert content.count(b"\n") == 2
    assert b"\x1b" not in content


@pytest.mark.parametrize("size", [65_536, 200_000])
def test_a_long_message_is_split_and_whole(shim: Shim, box: Box, size: int) -> None:
    shim.start()
    text = bytes(number % 256 for number in range(size - 1)) + b"."
    with box.connect() as sender:
        sender.send(b"<14>big: " + text)
        box.wait_for(Message(14, text, "big"))


def test_what_is_too_long_is_cut_and_said_so(shim: Shim, box: Box) -> None:
    shim.start()
    with box.connect() as sender:
        sender.setsockopt(socket.SOL_SOCKET, 32, 4 * DATAGRAM_BYTES)  # SO_SNDBUFFORCE
        sender.send(b"x" * (DATAGRAM_BYTES + 1))
    said = b"a syslog message of 262145 bytes was cut to 262144"
    box.logged.wait(lambda: box.logged.records()[-1:] and box.logged.records()[-1].text == said)
    assert box.messages() == [Message(13, b"x" * DATAGRAM_BYTES)]


def test_the_queue_outlives_the_shim(shim: Shim, box: Box) -> None:
    """And a sender waits in a full queue: no message is refused, none is lost."""
    shim.start()
    shim.kill()
    sent = [Message(13, b"%d" % number, "tag") for number in range(100)]

    def send() -> None:
        with box.connect() as sender:
            for message in sent:
                sender.send(b"<13>tag: " + message.text)

    thread = threading.Thread(target=send)
    thread.start()
    shim.start()
    box.wait_for(*sent)
    thread.join()


def test_a_new_socket_is_taken_after_what_is_in_the_old(shim: Shim, box: Box) -> None:
    shim.start()
    with box.connect() as sender:
        sender.send(b"<13>old")
        box.bind()
        shim.order("look", "web")
        box.logged.wait(box.messages)
    with box.connect() as sender:
        sender.send(b"<13>new")
    box.wait_for(Message(13, b"old"), Message(13, b"new"))


def test_a_number_that_is_another_file_by_now_is_not_taken(shim: Shim, box: Box) -> None:
    with open("/dev/null", "rb") as other, box.connect() as unbound:
        for fd in (other.fileno(), unbound.fileno(), 1 << 20):
            place = [os.getpid(), start_time(os.getpid()), fd, box.id]
            box.logged.keep_as(socket=place)
            shim.start()
            with box.connect() as sender:
                sender.send(b"<13>hello")
            assert shim.stop() == 0
        assert not box.is_empty()
        assert not os.path.exists(box.logged.log)


def test_a_dropped_service_loses_no_message(shim: Shim, box: Box) -> None:
    with box.connect() as sender:
        for number in range(5):
            sender.send(b"<13>%d" % number)
    os.unlink(box.path)
    os.rmdir(box.directory)
    shim.start()
    shim.order("drop", "web")
    box.logged.wait(lambda: len(box.messages()) == 5)


def test_every_message_once_though_it_is_killed_again_and_again(shim: Shim, box: Box) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)  # noqa: T201 - shown if it fails
    pick = random.Random(seed)
    program = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.connect(sys.argv[1])\n"
        "for n in range(20000): s.send(b'<13>tag: %d ' % n + b'x' * (n % 1000))\n"
    )
    shim.start()
    with subprocess.Popen([sys.executable, "-c", program, box.path]) as sender:
        while sender.poll() is None:
            try:
                wait_for_exit(shim.pid, pick.uniform(0.0, 0.1))
            except AssertionError:
                shim.kill()
            shim.start()
    assert sender.returncode == 0
    assert shim.stop() == 0
    texts = [message.text for message in box.messages()]
    assert texts == [b"%d " % n + b"x" * (n % 1000) for n in range(20000)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=8), st.integers(40, 65536))
def test_anything_is_taken_in_and_comes_back(
    place: Paths, datagrams: list[bytes], limit: int
) -> None:
    """Also by an inbox that finds the tray as a killed one left it."""
    directory = place.run_dir
    receiver = bind_socket(directory, "log", 0o600)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, directory + "/log")
    descriptors = Descriptors(2)
    inbox = Inbox(directory, descriptors)
    messages = Messages(2, directory + "/web.log", inbox)
    messages.fifo = receiver
    assert inbox.take(messages, limit) == len(datagrams)
    assert messages.is_empty()
    Inbox(directory, descriptors)  # the first one was killed before it could store
    first = Path(messages.spool).read_bytes()
    Inbox(directory, descriptors)
    assert Path(messages.spool).read_bytes() == first
    lines = first.split(b"\n")[:-1]
    assert max(map(len, lines)) <= limit + len("security.warning+ ")
    assert read_back(lines) == [parse(datagram) for datagram in datagrams]
    os.close(receiver)
    descriptors.close_all()
    os.unlink(messages.spool)


def read_back(lines: list[bytes]) -> list[Message]:
    """The messages of a spool's lines."""
    found, text = [], b""
    for line in lines:
        record = parse_record(b"@" + b"4" * 24 + b" " + line)
        assert record is not None
        text += record.text
        if not record.partial:
            found.append(decompose(record.origin, text))
            text = b""
    return found
