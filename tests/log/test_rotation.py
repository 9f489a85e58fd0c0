"""Rotation by time, retention by size and room, compression, marks: what only a policy asks for."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervise.log.logfile import is_packed, rotated_names
from supervise.log.policy import Policy
from supervise.log.retention import surplus
from tests.log.shim import Logged, Shim
from tests.log.test_broken_disk import lines, small_disk
from tests.log.test_intake import Bench
from tests.waiting import wait_for

Make = Callable[..., Logged]

__all__ = ["small_disk"]

DAY_NS = 86400 * 10**9


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.descriptors.close_all()
    os.close(bench.fifo)


def test_a_file_holds_one_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = 20_000 * DAY_NS
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    bench.intake.policy = Policy(rotate_every_s=86400.0)
    for number, step_ns in enumerate([0, DAY_NS - 1, 1, DAY_NS // 2, 3 * DAY_NS]):
        now_ns += step_ns
        bench.feed(b"%d\n" % number)
        bench.write()
        if number == 3:  # a shim that comes later knows the day by the file
            bench.next_life().policy = Policy(rotate_every_s=86400.0)
    files = [bench.log / name for name in rotated_names(str(bench.log))]
    texts = [[line[-1:] for line in file.read_bytes().splitlines()] for file in files]
    assert texts == [[b"0", b"1"], [b"2", b"3"]]
    assert bench.current.endswith(b" out 4\n")


@pytest.mark.parametrize(
    ("policy", "going"),
    [
        (Policy(keep=10), 0),
        (Policy(keep=3), 2),
        (Policy(max_size_bytes=4096, max_total_bytes=4096 + 3500), 2),
        (Policy(max_size_bytes=4096, max_total_bytes=4096), 5),
    ],
)
def test_the_oldest_go(tmp_path: Path, policy: Policy, going: int) -> None:
    names = [f"@{number:024x}.s" for number in range(5)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(1000))
    assert surplus(str(tmp_path), names, policy) == names[:going]


def test_below_the_floor_of_free_room_one_rotated_file_stays(small_disk: str) -> None:
    directory = Path(small_disk, "web")
    directory.mkdir()
    names = [f"@{number:024x}.s" for number in range(3)]
    for name in names:
        (directory / name).write_bytes(bytes(4096))
    assert surplus(str(directory), names, Policy()) == []
    with contextlib.suppress(OSError):
        Path(small_disk, "ballast").write_bytes(bytes(1 << 20))
    assert surplus(str(directory), names, Policy()) == names[:2]


def test_rotated_files_are_compressed_and_read_back(shim: Shim, logged: Make) -> None:
    web = logged(max_size_bytes=8192, keep=1000, compress="zstd")
    shim.start()
    os.write(web.out, lines(1000))
    web.wait(lambda: web.text("out") == lines(1000))
    web.wait(lambda: all(map(is_packed, rotated_names(web.log))))
    assert len(rotated_names(web.log)) > 5
    assert web.text("out") == lines(1000)


def test_what_a_kill_left_of_a_compression_is_mended(shim: Shim, logged: Make) -> None:
    web = logged(compress="zstd")
    os.mkdir(web.log)
    stamped = b"".join(b"2026-11-23T15:00:00.000000Z out %d\n" % n for n in range(3))
    one, two, three = (Path(web.log, f"@40000000{number:016x}.s") for number in range(3))
    for path, line in zip((one, two, three), stamped.splitlines(keepends=True), strict=True):
        path.write_bytes(line)
    subprocess.run(["zstd", "-q", str(one)], check=True)  # and killed before the plain one went
    Path(web.log, f".{two.name}.99.new").write_bytes(b"half of it")
    assert web.text("out") == b"0\n1\n2\n"
    shim.start()
    names = [f"{path.name}.zst" for path in (one, two, three)]
    web.wait(lambda: sorted(os.listdir(web.log)) == names)
    assert web.text("out") == b"0\n1\n2\n"


def test_without_the_program_files_stay_and_it_is_said(
    shim: Shim, logged: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    web = logged(compress="zstd")
    shim.start()
    os.write(web.out, b"one\n")
    web.wait_for_text(b"one\n")
    shim.order("rotate", "web")
    wait_for(lambda: "install the program zstd" in shim.complaints(), shim.place.lib_dir)
    assert not is_packed(rotated_names(web.log)[0])


def test_a_mark_stands_after_all_that_came_before_it(shim: Shim, logged: Make) -> None:
    web = logged()
    os.write(web.out, lines(1000) + b"unfinished")
    os.write(web.err, b"an error\n")
    former = len(lines(1000) + b"unfinished")
    os.mkdir(shim.place.shim)
    os.mkfifo(shim.place.shim + "/control")
    control = os.open(shim.place.shim + "/control", os.O_RDWR)
    shim.order("mark", "web", "launch 1 ended: exit 3", former, 9)
    os.write(web.out, b"next\n")
    shim.order("mark", "web", "launch 2 ended: exit 3", former + 5, 9)
    os.write(web.out, b"last\n")
    shim.start()  # only now: what came meanwhile is still told apart
    os.close(control)
    web.wait(lambda: web.texts()[-1] == b"last")
    assert web.text("out") == lines(1000) + b"unfinishednext\nlast\n"
    ends = [b"launch 1 ended: exit 3", b"next", b"launch 2 ended: exit 3", b"last"]
    assert web.texts()[-4:] == ends
    assert web.texts()[-5] == b"an error"


def test_a_mark_waits_for_a_disk(shim: Shim, logged: Make, small_disk: str) -> None:
    web = logged()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    shim.start()
    os.write(web.out, b"one\n")
    wait_for(lambda: "cannot be written" in shim.complaints(), shim.place.lib_dir)
    shim.order("mark", "web", "launch 1 ended: exit 0")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    web.wait(lambda: b"launch 1 ended: exit 0" in web.texts())
    assert web.texts()[0] == b"one"
