"""A part of a log by time and by launch: the same as reading everything and choosing."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.logline import TAI64N, Record, format_record, make_stamp, parse_record
from supervise.log.reader import open_log, read_last_lines, read_lines
from supervise.log.span import between, of_launch

NS = 10**9


def record(second: int, text: bytes, origin: str = "out") -> bytes:
    return format_record(Record(second * NS, origin, text))


def rotated(second: int) -> str:
    return make_stamp(second * NS, TAI64N).decode() + ".s"


def lay_out(directory: Path, files: list[list[tuple[int, bytes]]]) -> None:
    """Files of (second, text), the last one ``current``, the others named as rotation would."""
    directory.mkdir()
    for number, lines in enumerate(files):
        is_last = number == len(files) - 1
        name = "current" if is_last else rotated(lines[-1][0] if lines else number)
        (directory / name).write_bytes(b"".join(record(*line) for line in lines))


@given(data=st.data())
def test_between_is_what_a_full_reading_finds(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    steps = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([b"", b"x", b"y" * 90_000])))
    at, files = 1, []
    for _ in range(data.draw(st.integers(1, 4))):
        lines = []
        for step, text in data.draw(steps):
            at += step
            lines.append((at, text))
        at += 1  # no two files are finished in the same moment
        files.append([*lines, (at, b"last")])
    directory = tmp_path_factory.mktemp("logs") / "web"
    lay_out(directory, files)
    moment = st.none() | st.integers(0, at + 2).map(lambda second: second * NS)
    since_ns, until_ns = data.draw(moment), data.draw(moment)
    with contextlib.ExitStack() as stack:
        found = list(read_lines(between(open_log(str(directory), stack), since_ns, until_ns)))
    with contextlib.ExitStack() as stack:
        everything = list(read_lines(open_log(str(directory), stack)))

    def chosen(line: bytes) -> bool:
        parsed = parse_record(line)
        assert parsed is not None
        low = since_ns is None or parsed.time_ns >= since_ns
        return low and (until_ns is None or parsed.time_ns <= until_ns)

    assert found == [line for line in everything if chosen(line)]


def test_since_reads_only_a_little_of_a_large_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "web"
    lay_out(directory, [[(n, b"x" * 100) for n in range(100_000)]] * 1)
    read = 0
    whole = os.pread

    def pread(fd: int, length: int, at: int) -> bytes:
        nonlocal read
        data = whole(fd, length, at)
        read += len(data)
        return data

    monkeypatch.setattr(os, "pread", pread)
    with contextlib.ExitStack() as stack:
        parts = between(open_log(str(directory), stack), 99_990 * NS, None)
        lines = list(read_lines(parts))
    assert len(lines) == 10
    assert read < (directory / "current").stat().st_size / 2


def test_a_launch_is_found_by_its_marks(tmp_path: Path) -> None:
    directory = tmp_path / "web"
    directory.mkdir()
    first = (
        record(1, b"launch 1 started", "csv") + record(2, b"one") + record(3, b"launch 9 started")
    )
    second = record(4, b"launch 1 ended: exit 0", "csv") + record(5, b"launch 2 started", "csv")
    (directory / rotated(5)).write_bytes(first + second)
    third = record(6, b"two") + record(7, b"launch 3 started", "csv") + record(8, b"three")
    (directory / "current").write_bytes(third)

    def texts(number: int) -> list[bytes]:
        with contextlib.ExitStack() as stack:
            lines = read_lines(of_launch(open_log(str(directory), stack), number))
            return [line.split(b" ", 2)[2] for line in lines]

    assert texts(0) == texts(3) == [b"launch 3 started", b"three"]
    assert texts(-1) == texts(2) == [b"launch 2 started", b"two"]
    assert texts(-2)[:2] == [b"launch 1 started", b"one"]
    assert texts(1)[-1] == b"launch 1 ended: exit 0"
    assert texts(-3) == texts(9) == []


def test_compressed_files_are_read_like_the_others(tmp_path: Path) -> None:
    directory = tmp_path / "web"
    lay_out(directory, [[(1, b"one")], [(2, b"two")], [(3, b"three")]])
    packed = directory / rotated(1)
    subprocess.run(["zstd", "-q", "--rm", packed], check=True)
    subprocess.run(["zstd", "-q", directory / rotated(2)], check=True)  # and the plain one stays
    with contextlib.ExitStack() as stack:
        parts = open_log(str(directory), stack)
        assert [line[-3:] for line in read_lines(parts)] == [b"one", b"two", b"ree"]
        assert len(read_last_lines(parts, 3)) == 3
        assert [line[-3:] for line in read_lines(between(parts, 1 * NS, 1 * NS))] == [b"one"]
