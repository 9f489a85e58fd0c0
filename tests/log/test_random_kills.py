"""A flood of numbered lines from several writers, and a shim that is killed again and again."""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable

from supervise.core.logline import Record
from tests.log.shim import Logged, Shim
from tests.waiting import LIMIT_S, wait_for

KILLS = 12
WRITERS = 4

FLOOD = """
import os, random, sys
name, seed = sys.argv[1], int(sys.argv[2])
pick = random.Random(seed)
numbers = [0, 0]
rest = [b"", b""]
running = True
def stop(*_):
    global running
    running = False
import signal
signal.signal(signal.SIGTERM, stop)
while running:
    fd = pick.randrange(2)
    for _ in range(pick.choice((1, 3, 400))):
        padding = b"x" * pick.choice((0, 10, 10, 300))
        rest[fd] += b"%s %d %d %s\\n" % (name.encode(), fd + 1, numbers[fd], padding)
        numbers[fd] += 1
    cut = pick.choice((len(rest[fd]), len(rest[fd]) // 2))
    view, rest[fd] = rest[fd][:cut], rest[fd][cut:]
    while view:
        view = view[os.write(fd + 1, view):]
for fd in (0, 1):
    while rest[fd]:
        rest[fd] = rest[fd][os.write(fd + 1, rest[fd]):]
print(*numbers, file=open(sys.argv[3], "w"))
"""


def test_every_line_once_in_order_unaltered(shim: Shim, logged: Callable[..., Logged]) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)  # noqa: T201 - shown if it fails
    pick = random.Random(seed)
    services = [
        logged(f"w{number}", max_size_bytes=pick.choice([100_000, 1 << 24]), keep=1 << 20)
        for number in range(WRITERS)
    ]
    shim.start()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", FLOOD, s.name, str(pick.randrange(1000)), s.run + "/numbers"],
            stdout=s.out,
            stderr=s.err,
        )
        for s in services
    ]
    for _ in range(KILLS):
        pidfd = os.pidfd_open(shim.pid)
        died, _, _ = select.select([pidfd], [], [], pick.uniform(0.0, 0.25))
        os.close(pidfd)
        assert not died, shim.complaints()
        shim.kill()
        shim.spawn()
    for writer in writers:
        writer.send_signal(signal.SIGTERM)
    for writer in writers:
        assert writer.wait(LIMIT_S) == 0
    wait_for(lambda: all(s.is_taken() for s in services), shim.place.log_dir)
    assert shim.stop() == 0
    for service in services:
        with open(service.run + "/numbers", encoding="ascii") as file:
            counts = [int(number) for number in file.read().split()]
        records = service.records()
        for fd, origin in ((1, "out"), (2, "err")):
            check(service.name, fd, counts[fd - 1], [r for r in records if r.origin == origin])


def check(name: str, fd: int, count: int, records: list[Record]) -> None:
    """Exactly the lines 0 to ``count - 1``; the stamps never go back."""
    text = b"".join(r.text if r.partial else r.text + b"\n" for r in records)
    lines = text.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == count
    for number, line in enumerate(lines):
        head, _, padding = line.rpartition(b" ")
        assert head == b"%s %d %d" % (name.encode(), fd, number)
        assert not padding.strip(b"x")
        assert len(padding) in (0, 10, 300)
    times = [record.time_ns for record in records]
    assert times == sorted(times)
