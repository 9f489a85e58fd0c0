"""SIGKILL before every single line of the intake's code: no byte is lost, doubled or altered.

A child process is traced and kills itself before the nth line that it executes in supervise/log
or in what takes datagrams; the next child finds what it left, together with new output, and dies
one line later.
"""

import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from types import FrameType

import pytest

from supervise import log
from supervise.core.syslog import Message
from supervise.kernel.fifo import is_empty
from supervise.log import services
from supervise.log.services import Services
from supervise.paths import Paths
from tests.log.box import Box
from tests.log.shim import Logged

TRACED = ("/datagrams.py", *(f"/log/{name}" for name in os.listdir(os.path.dirname(log.__file__))))

STEPS = 12000
"""More than any scene here executes."""


def live(place: Paths, *, flush: bool) -> None:
    """One life of a shim in miniature: take up the past, take and write what there is."""
    with select.epoll() as epoll:
        shim = Services(place, epoll, lambda text: None)
        shim.start()
        for fd, _ in epoll.poll(0):
            shim.on_ready(fd)
        if flush:
            shim.stop()


def die_before_line(number: int, place: Paths, *, flush: bool) -> bool:
    """Live in a child that is killed before its nth line; False if it came to its end."""
    pid = os.fork()
    if pid == 0:
        left = number

        def trace(frame: FrameType, event: str, _argument: object) -> object:
            nonlocal left
            if not frame.f_code.co_filename.endswith(TRACED):
                return None
            if event == "line":
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            live(place, flush=flush)
            sys.settrace(None)
        except BaseException:  # noqa: BLE001 - reported through the exit code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL), "it failed of itself: see above"
    return status != 0


def numbered(start: int) -> Iterator[bytes]:
    number = start
    while True:
        yield b"%06d %s\n" % (number, b"x" * (number * 37 % 300))
        number += 1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few lines, so that one life has several."""
    monkeypatch.setattr("supervise.log.intake.BATCH_BYTES", 2000)
    monkeypatch.setattr(services, "_STOP_ROUNDS", 3)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("size", "flush", "stride"), [(700, False, 1), (2500, True, 3), (9000, False, 7)]
)
def test_nothing_is_lost_whenever_it_is_killed(
    place: Paths, size: int, flush: bool, stride: int
) -> None:
    os.makedirs(place.shim + "/spool")
    web = Logged(place, "web", max_size_bytes=4096, keep=100000)
    lines = {web.out: numbered(0), web.err: numbered(500000)}
    written = {web.out: b"", web.err: b""}
    rests = dict(written)
    for step in range(1, STEPS, stride):
        for fifo in (web.out, web.err):
            while is_empty(fifo) and len(rests[fifo]) < size:
                rests[fifo] += next(lines[fifo])
            if is_empty(fifo):
                # Cut anywhere: the beginning of a line has to wait in the spool.
                os.write(fifo, rests[fifo][:size])
                written[fifo] += rests[fifo][:size]
                rests[fifo] = rests[fifo][size:]
        if not die_before_line(step, place, flush=flush):
            break
    else:
        pytest.fail("a life had more lines than are tried")
    for _ in range(100):
        die_before_line(0, place, flush=True)
        if is_empty(web.out) and is_empty(web.err):
            break
    assert web.text("out") == written[web.out]
    assert web.text("err") == written[web.err]
    assert all(os.stat(f"{web.log}/{name}").st_size <= 4096 for name in os.listdir(web.log))
    web.close()


@pytest.mark.usefixtures("small")
def test_no_message_is_lost_whenever_it_is_killed(place: Paths) -> None:
    os.makedirs(place.shim + "/spool")
    web = Logged(place, "web")
    box = Box(web)
    sent: list[Message] = []
    with box.connect() as sender:
        for step in range(1, STEPS):
            while box.is_empty() or len(sent) % 3:
                sent.append(Message(13, b"%d%s." % (len(sent), b"\n" * (len(sent) % 50)), "tag"))
                sender.send(b"<13>tag: %s\0" % sent[-1].text)
            if not die_before_line(step, place, flush=False):
                break
        else:
            pytest.fail("a life had more lines than are tried")
    while not box.is_empty():
        die_before_line(0, place, flush=True)
    die_before_line(0, place, flush=True)
    assert box.messages() == sent
    box.close()
    web.close()
