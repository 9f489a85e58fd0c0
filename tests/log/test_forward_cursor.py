"""A saved position finds its place again: whatever has happened to the files, or to itself."""

import subprocess
from pathlib import Path

import pytest

from supervise.core.definition import ForwardTarget, Transport
from supervise.log.forward_cursor import Cursor
from supervise.log.forward_position import Position, Positions, left_behind
from supervise.paths import Paths
from tests.log.forwarder import Log

TARGET = ForwardTarget(transport=Transport.TCP, host="logs", port=601)


def texts(cursor: Cursor) -> list[str]:
    """All that it has to read now, without stamp and origin."""
    found: list[str] = []
    while batch := cursor.read():
        found += [line.split(b" ", 2)[2].decode() for line in batch.lines]
    return found


class Missed(list[int | None]):
    """What a cursor has said was missed."""


@pytest.fixture
def log(place: Paths) -> Log:
    return Log(place, "web")


def cursor(log: Log, position: Position | None, missed: Missed | None = None) -> Cursor:
    told = Missed() if missed is None else missed
    return Cursor(str(log.directory), position, told.append)


def after(log: Log, count: int) -> Position:
    """The position after the lines that are there, of which there must be so many."""
    reader = cursor(log, None)
    batch = reader.read()
    reader.close()
    assert batch is not None
    assert len(batch.lines) == count
    return batch.position


@pytest.mark.parametrize("rotations", [0, 1, 3])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_it_is_found_under_its_new_name(log: Log, rotations: int, packed: bool) -> None:
    log.write("before")
    log.rotate()
    log.write("a", "b")
    reader = cursor(log, None)
    assert texts(reader) == ["before", "a", "b"]
    reader.rewind(None)
    first = reader.read()
    second = reader.read()
    assert first is not None
    assert second is not None
    reader.close()
    log.write("c")
    for number in range(rotations):
        log.rotate()
        log.write(f"file {number}")
    if packed:
        for path in log.directory.glob("@*"):
            subprocess.run(["zstd", "-q", "--rm", str(path)], check=True)
    missed = Missed()
    again = cursor(log, second.position, missed)
    assert texts(again) == ["c", *(f"file {number}" for number in range(rotations))]
    assert not missed
    again.close()


def test_an_unfinished_line_is_left_until_it_is_whole(log: Log) -> None:
    log.write("a")
    reader = cursor(log, after(log, 1))
    with open(log.directory / "current", "ab") as current:
        current.write(b"2026-11-23T15:53:40.529074Z out unfin")
        current.flush()
        assert texts(reader) == []
        current.write(b"ished\n")
    assert texts(reader) == ["unfinished"]
    reader.close()


def test_what_somebody_else_removed_cannot_be_counted(log: Log) -> None:
    log.write("a", "b")
    position = after(log, 2)
    log.rotate()
    log.write("c")
    for path in log.directory.glob("@*"):
        path.unlink()
    missed = Missed()
    reader = cursor(log, position, missed)
    assert texts(reader) == ["c"]
    assert missed == [None]
    reader.close()


def test_a_position_comes_back(place: Paths) -> None:
    positions = Positions(place.positions, TARGET)
    for position in (
        Position("", 0, 0, 0, 0),
        Position("@4" + "0" * 23 + ".s", 1, 256, 1 << 40, 9),
    ):
        positions.save("grüße an alle", position)
        assert Positions(place.positions, TARGET).load("grüße an alle") == position
    assert left_behind(place.positions) == [(TARGET, "grüße an alle")]
    positions.forget("grüße an alle")
    assert positions.load("grüße an alle") is None


def test_a_position_that_a_crash_has_spoilt_is_none(place: Paths) -> None:
    positions = Positions(place.positions, TARGET)
    positions.save("web", Position("", 123, 256, 456, 789))
    (path,) = Path(place.positions).glob("*/web")
    good = path.read_bytes()
    for bad in (b"", good.replace(b"456", b"457"), bytes(len(good)), good[:20]):
        path.write_bytes(bad)
        assert positions.load("web") is None
