"""Saying never blocks and never fails, and owns up to what was dropped."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from supervise.daemon.journal import Journal
from supervise.kernel.fifo import make_fifo, open_fifo


class Pipe:
    """A pipe whose writing end is the journal's standard error."""

    def __init__(self, stack: ExitStack) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        stack.callback(os.close, self.reader)
        stack.callback(os.close, self.writer)

    def lines(self) -> list[str]:
        """All there is now."""
        data = b""
        while True:
            try:
                data += os.read(self.reader, 1 << 20)
            except BlockingIOError:
                return data.decode().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with ExitStack() as stack:
        yield Pipe(stack)


def test_every_line_bears_the_name(pipe: Pipe) -> None:
    journal = Journal(pipe.writer)
    journal.say("one\ntwo", "web")
    journal.say("three")
    assert pipe.lines() == ["web: one", "web: two", "three"]


def test_a_full_pipe_drops_and_says_how_many(pipe: Pipe) -> None:
    journal = Journal(pipe.writer)
    assert os.get_blocking(pipe.writer), "a blocking end must not block either"
    said = 20_000
    for number in range(said):
        journal.say(f"line {number}")
    taken = pipe.lines()
    assert taken == [f"line {number}" for number in range(len(taken))]
    assert len(taken) < said
    journal.say("afterwards")
    assert pipe.lines() == [
        f"({said - len(taken)} lines of the supervisor were dropped here)",
        "afterwards",
    ]
    journal.say("and on")
    assert pipe.lines() == ["and on"]


def test_each_outlet_counts_for_itself(pipe: Pipe, tmp_path: Path) -> None:
    make_fifo(str(tmp_path / "out"), 0o600)
    journal = Journal(pipe.writer)
    journal.also_to(str(tmp_path / "out"))
    held = open_fifo(str(tmp_path / "out"))
    said = 20_000
    for number in range(said):
        journal.say(f"line {number}")
        assert os.read(held, 100) == b"line %d\n" % number
    before = len(pipe.lines())
    journal.say("both")
    assert os.read(held, 100) == b"both\n"
    assert re.fullmatch(rf"\({said - before} lines .*", pipe.lines()[0])
    os.close(held)
    open_descriptors = len(os.listdir("/proc/self/fd"))
    journal.close()
    assert len(os.listdir("/proc/self/fd")) == open_descriptors - 1
    journal.say("still there")
    assert pipe.lines() == ["still there"]


def test_nobody_reads_any_more() -> None:
    reader, writer = os.pipe()
    journal = Journal(writer)
    os.close(reader)
    journal.say("nobody hears")
    os.close(writer)


def test_what_is_long_or_no_text_is_said_all_the_same(pipe: Pipe) -> None:
    journal = Journal(pipe.writer)
    journal.say("x" * 100_000)
    journal.say("a name \udcff of bytes")
    long, bytes_name = pipe.lines()
    assert long == "x" * 4000
    assert bytes_name == r"a name \udcff of bytes"
