"""A log directory read back: all of it, or its last lines, and on from there."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.log.follow import Follower
from supervise.log.reader import open_log, read_last_lines, read_lines


class Log:
    """Writes a log directory as the shim would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self._rotations = 0

    @property
    def current(self) -> Path:
        return self.directory / "current"

    def write(self, data: bytes) -> None:
        with self.current.open("ab") as file:
            file.write(data)

    def rotate(self) -> None:
        self.current.rename(self.directory / f"@{self._rotations:024x}.s")
        self._rotations += 1
        self.current.touch()

    def remove_oldest(self) -> None:
        min(self.directory.glob("@*")).unlink()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "web")


def everything(log: Log) -> list[bytes]:
    with contextlib.ExitStack() as stack:
        return list(read_lines(open_log(str(log.directory), stack)))


def last(log: Log, count: int) -> list[bytes]:
    with contextlib.ExitStack() as stack:
        return read_last_lines(open_log(str(log.directory), stack), count)


def test_all_files_oldest_first_without_the_unfinished_line(log: Log) -> None:
    log.write(b"1\n2\n")
    log.rotate()
    log.write(b"3\n")
    log.rotate()
    log.write(b"4\n5\nunfin")
    assert everything(log) == [b"1", b"2", b"3", b"4", b"5"]
    assert last(log, 3) == [b"3", b"4", b"5"]


def test_no_log(tmp_path: Path) -> None:
    assert everything(Log(tmp_path / "none")) == []
    with contextlib.ExitStack() as stack:
        assert open_log(str(tmp_path / "missing"), stack) == []


@given(data=st.data())
def test_last_lines_are_the_last_of_all(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = Log(tmp_path_factory.mktemp("logs") / "web")
    log.write(b"")
    for piece in data.draw(
        st.lists(st.sampled_from([b"\n", b"a\n", b"x" * 40_000 + b"\n", b"rotate"]), max_size=12)
    ):
        if piece == b"rotate":
            log.rotate()
        else:
            log.write(piece)
    count = data.draw(st.integers(0, 14))
    lines = everything(log)
    assert last(log, count) == lines[max(0, len(lines) - count) :]


@pytest.fixture
def follower(log: Log) -> Iterator[Follower]:
    """Follows from the end of ``1``."""
    log.write(b"1\n")
    with contextlib.ExitStack() as stack:
        follower = Follower(str(log.directory), open_log(str(log.directory), stack))
    yield follower
    follower.close()


def new(follower: Follower) -> list[bytes]:
    lines: list[bytes] = []
    while more := follower.read():
        lines += more
    return lines


def test_follows_whole_lines(log: Log, follower: Follower) -> None:
    assert new(follower) == []
    log.write(b"2\nthr")
    assert new(follower) == [b"2"]
    log.write(b"ee\n")
    assert new(follower) == [b"three"]


def test_follows_across_several_rotations(log: Log, follower: Follower) -> None:
    log.write(b"2\n")
    log.rotate()
    log.write(b"3\n")
    log.rotate()
    log.rotate()
    log.write(b"4\n")
    assert new(follower) == [b"2", b"3", b"4"]
    log.write(b"5\n")
    assert new(follower) == [b"5"]


def test_goes_on_with_what_is_left_when_its_file_is_removed(log: Log, follower: Follower) -> None:
    log.write(b"2\n")
    log.rotate()
    log.write(b"3\n")
    log.rotate()
    log.write(b"4\n")
    log.remove_oldest()
    assert new(follower) == [b"2", b"3", b"4"]


def test_begins_again_when_current_was_cut(log: Log, follower: Follower) -> None:
    log.write(b"long enough\n")
    assert new(follower) == [b"long enough"]
    log.current.write_bytes(b"new\n")
    assert new(follower) == [b"new"]


def test_waits_between_rename_and_new_current(log: Log, follower: Follower) -> None:
    log.current.rename(log.directory / f"@{0:024x}.s")
    assert new(follower) == []
    log.write(b"2\n")
    assert new(follower) == [b"2"]


def test_follows_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    follower = Follower(str(tmp_path / "web"), ())
    assert new(follower) == []
    log = Log(tmp_path / "web")
    log.write(b"1\n")
    log.rotate()
    log.write(b"2\n")
    assert new(follower) == [b"1", b"2"]
    follower.close()


def test_goes_on_after_its_file_was_compressed(log: Log, follower: Follower) -> None:
    log.write(b"2\n")
    log.rotate()
    log.write(b"3\n")
    log.rotate()
    log.write(b"4\n")
    for plain in log.directory.glob("@*"):
        subprocess.run(["zstd", "-q", "--rm", plain], check=True)
    assert new(follower) == [b"2", b"3", b"4"]
