"""One service's intake in this process: what a repetition writes, and where it goes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervise.core.logline import ISO8601, TAI64N, make_stamp
from supervise.kernel.fifo import open_fifo
from supervise.log.descriptors import Descriptors
from supervise.log.intake import Intake
from supervise.log.logfile import LogFile, rotated_names
from supervise.log.messages import Inbox
from supervise.log.policy import Policy
from supervise.log.progress import Journal, ProgressFile


class Bench:
    """Intakes of one service, one after the other, as shims that follow each other have them."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.log = top / "log/web"
        os.mkfifo(top / "out")
        self.fifo = open_fifo(str(top / "out"))
        self.descriptors = Descriptors(2)
        self.intake = self.next_life()

    def next_life(self) -> Intake:
        self.descriptors.close_all()
        self.file = ProgressFile(str(self.top / "record"))
        journal = Journal(self.file, self.file.take(b"web"))
        self.intake = Intake(
            name="web",
            journal=journal,
            file=LogFile(str(self.log), journal, self.descriptors),
            descriptors=self.descriptors,
            spool=str(self.top / "spool"),
            inbox=Inbox(str(self.top), self.descriptors),
        )
        self.intake.streams[0].fifo = self.fifo
        return self.intake

    def feed(self, data: bytes) -> None:
        os.write(self.fifo, data)
        self.intake.take(self.intake.streams[0])

    def write(self, *, flush: bool = False) -> None:
        self.intake.write(self.intake.streams[0], flush=flush)

    @property
    def current(self) -> bytes:
        return (self.log / "current").read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.descriptors.close_all()
    os.close(bench.fifo)


class Full:
    """A disk on which a write stops after so many bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 30
        self._write = os.pwritev
        monkeypatch.setattr(os, "pwritev", self.pwritev)

    def pwritev(self, fd: int, buffers: list[bytes], at: int) -> int:
        data = b"".join(buffers)[: self.room]
        if not data:
            raise OSError(28, "No space left on device")
        self.room -= len(data)
        return self._write(fd, [data], at)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    return Full(monkeypatch)


@pytest.mark.parametrize("dies", [False, True])
def test_a_repeated_batch_is_the_same_to_the_byte(bench: Bench, full: Full, dies: bool) -> None:
    """Stamp included: a reader that follows the file sees nothing of it."""
    bench.feed(b"first\nsecond\n")
    with pytest.raises(OSError, match="No space"):
        bench.write()
    begun = bench.current
    assert len(begun) == 30
    full.room = 1 << 20
    bench.feed(b"third\n")
    if dies:
        bench.next_life()
    bench.intake.policy = Policy(form=TAI64N)  # only for what comes after the batch
    bench.write()
    first, second, third = bench.current.splitlines()
    assert first.startswith(begun)
    assert first.split()[0] == second.split()[0]
    assert third.startswith(b"@")
    assert third.endswith(b" out third")


def test_a_short_write_is_gone_on_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, buffers, at: whole(fd, [b"".join(buffers)[:7]], at)
    )
    bench.feed(b"first\nsecond\n")
    bench.write()
    assert [line.split()[-1] for line in bench.current.splitlines()] == [b"first", b"second"]


def test_a_batch_cut_short_does_not_go_into_a_rotated_file(bench: Bench, full: Full) -> None:
    """Not even if the size at which the log is rotated was made smaller meanwhile."""
    full.room = 1 << 20
    bench.feed(b"x" * 3900 + b"\n")
    bench.write()
    bench.feed(b"y" * 500 + b"\n")
    full.room = 100
    with pytest.raises(OSError, match="No space"):
        bench.write()
    full.room = 1 << 20
    bench.intake.policy = Policy(max_size_bytes=4096)
    bench.write()
    (rotated,) = rotated_names(str(bench.log))
    assert b"y" not in (bench.log / rotated).read_bytes()
    assert bench.current.count(b"y") == 500


def test_marks_stand_among_the_lines(bench: Bench) -> None:
    bench.feed(b"line\nbegin")
    bench.write(flush=True)
    bench.intake.say("a mark")
    bench.feed(b" end\n")
    bench.write()
    assert [line.split(b" ", 1)[1] for line in bench.current.splitlines()] == [
        *(b"out line", b"out+ begin", b"csv a mark", b"out  end"),
    ]


def test_what_a_killed_shim_left_of_a_mark_is_taken_away(bench: Bench) -> None:
    bench.feed(b"line\n")
    bench.write()
    with (bench.log / "current").open("ab") as file:
        file.write(b"half a mar")
    bench.next_life()
    bench.feed(b"next\n")
    bench.write()
    assert [line.split()[-1] for line in bench.current.splitlines()] == [b"line", b"next"]


def test_what_somebody_else_appended_stays(bench: Bench) -> None:
    bench.feed(b"line\n")
    bench.write()
    with (bench.log / "current").open("ab") as file:
        file.write(b"a note by hand")
    bench.feed(b"next\n")
    bench.write()
    _, note, following = bench.current.splitlines()
    assert note == b"a note by hand"
    assert following.endswith(b" out next")


def test_a_clock_set_back_does_not_mix_up_the_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 2_000_000_000 * 10**9
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    for number in range(5):
        bench.feed(b"%d\n" % number)
        bench.write()
        bench.intake.file.rotate(bench.intake.policy)
        now_ns -= 1000 * 10**9
    names = rotated_names(str(bench.log))
    assert [(bench.log / name).read_bytes()[-2:] for name in names] == [
        b"%d\n" % number for number in range(5)
    ]


@pytest.mark.parametrize("form", [ISO8601, TAI64N])
@pytest.mark.parametrize(
    "data",
    [b"\n" * 30_000, b"x" * 30_000, b"x" * 3839 + b"\n" * 9000, (b"y" * 3841 + b"\n") * 5],
    ids=["newlines", "one line", "long then empty", "just too long"],
)
def test_no_file_is_ever_larger_than_it_may_be(bench: Bench, data: bytes, form: str) -> None:
    bench.intake.policy = Policy(max_size_bytes=4096, keep=10**6, form=form)
    bench.feed(data)
    bench.write(flush=True)
    files = [bench.log / name for name in (*rotated_names(str(bench.log)), "current")]
    assert max(file.stat().st_size for file in files) <= 4096
    lines = b"".join(file.read_bytes() for file in files).splitlines(keepends=True)
    head = len(make_stamp(0, form))
    texts = (
        line[head + 6 : -1] if line[head + 4 : head + 5] == b"+" else line[head + 5 :]
        for line in lines
    )
    assert b"".join(texts) == data


def test_a_spool_that_was_removed_costs_its_lines_only(bench: Bench) -> None:
    bench.feed(b"lost\n")
    os.unlink(bench.top / "spool.out")
    bench.next_life()
    bench.feed(b"next\n")
    bench.write()
    assert bench.current.endswith(b" out next\n")


def test_the_longest_unused_descriptor_is_closed(tmp_path: Path) -> None:
    opened: list[str] = []

    def opener(path: str) -> int:
        opened.append(Path(path).name)
        return os.open(path, os.O_RDWR | os.O_CREAT)

    descriptors = Descriptors(2)
    get: Callable[[str], int] = lambda name: descriptors.get(str(tmp_path / name), opener)  # noqa: E731
    for name in ("a", "b", "a", "c", "a", "b"):
        os.fstat(get(name))
    assert opened == ["a", "b", "c", "b"]
    descriptors.close(str(tmp_path / "a"))
    descriptors.close_all()
