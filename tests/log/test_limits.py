"""Rate, burst and on_full: what is dropped is counted and said, and by default nothing is."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from supervise.log.quota import Quota
from tests.log.shim import Logged, Shim
from tests.log.test_broken_disk import complained, lines, small_disk, write_all
from tests.waiting import wait_for

Make = Callable[..., Logged]

__all__ = ["small_disk"]


def dropped(service: Logged) -> int:
    """How many lines the log says were dropped."""
    said = b"\n".join(r.text for r in service.records() if r.origin == "csv")
    return sum(map(int, re.findall(rb"^(\d+) lines? w\w+ dropped here", said, re.MULTILINE)))


def passed(service: Logged) -> int:
    return sum(record.origin == "out" for record in service.records())


def test_a_quota_refills_up_to_its_burst() -> None:
    now = 0.0
    quota = Quota(10.0, 5, lambda: now)
    assert [quota.take(3), quota.take(3), quota.take(1)] == [3, 2, 0]
    now = 0.25
    assert quota.take(9) == 2
    now = 100.0
    assert quota.take(9) == 5


def test_over_the_rate_lines_are_counted(shim: Shim, logged: Make) -> None:
    web = logged(rate_per_s=0.001, burst=100)
    shim.start()
    os.write(web.out, lines(1000))
    web.wait(lambda: dropped(web) == 900)
    assert web.text("out") == lines(100)
    assert b"rate = 0.001/s" in next(r.text for r in web.records() if r.origin == "csv")


def test_the_count_survives_a_kill(shim: Shim, logged: Make) -> None:
    web = logged(rate_per_s=0.001, burst=1)
    shim.start()
    for number in range(3):
        os.write(web.out, lines(100))
        web.wait(web.is_taken)
        shim.kill()
        shim.start()
        web.wait(lambda n=number: passed(web) + dropped(web) == 100 * (n + 1))  # type: ignore[misc]


def test_without_a_rate_nothing_is_dropped(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    data = lines(50_000)
    writer = write_all(web, data)
    web.wait(lambda: len(web.text("out")) == len(data))
    assert writer.wait() == 0
    assert not dropped(web)


def test_on_full_drop_lets_the_writer_go_on_and_counts(
    shim: Shim, logged: Make, small_disk: str
) -> None:
    ballast = Path(small_disk, "ballast")
    ballast.write_bytes(bytes(250_000))
    web = logged(max_size_bytes=1 << 25, on_full="drop")
    shim.start()
    data = lines(200_000)
    writer = write_all(web, data)
    assert writer.wait(60) == 0  # though nothing could be written
    assert complained(shim)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    web.wait(lambda: dropped(web) > 0)
    os.write(web.out, b"after\n")
    web.wait(lambda: web.texts()[-1] == b"after" or b"after" in web.texts())
    assert passed(web) - 1 + dropped(web) == 200_000
    wait_for(lambda: "lines were dropped" in shim.complaints(), shim.place.lib_dir)
