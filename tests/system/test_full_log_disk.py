"""The logs' disk is full when the end comes: it says so, and what waits is written later, once."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.system.services import SLEEP
from tests.waiting import wait_for

COUNT = 20_000
PRINTS = f"""#!/bin/sh
[ -e {{mark}} ] && {SLEEP}
i=0
while [ $i -lt {COUNT} ]; do i=$((i+1)); echo line $i; done
touch {{mark}}
{SLEEP}
"""


@pytest.fixture
def small_disk(place: Paths) -> Iterator[str]:
    """The log directory on a file system of 64 KiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", place.log_dir], check=True)
    yield place.log_dir
    subprocess.run(["umount", "-l", place.log_dir], check=True)


@pytest.fixture
def full(small_disk: str, place: Paths) -> Iterator[Supervisor]:
    """A supervisor whose service ``web`` has printed more than the disk holds."""
    supervisor = Supervisor(place)
    supervisor.start()
    mark = Path(place.lib_dir, "printed")
    supervisor.add("web", PRINTS.format(mark=mark))
    wait_for(mark.exists, place.lib_dir)
    yield supervisor
    _make_space(small_disk)
    if not supervisor.alive:
        supervisor.start()
    assert supervisor.stop() == 0, supervisor.output.read_text()


def _make_space(disk: str) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


def _numbers(supervisor: Supervisor) -> list[int]:
    lines = supervisor.log("web").splitlines()
    return [int(line.split(" line ")[1]) for line in lines if " out line " in line]


def _wait_for_all(supervisor: Supervisor) -> None:
    supervisor.wait_for_line("web", f"line {COUNT}")
    assert _numbers(supervisor) == list(range(1, COUNT + 1))


@pytest.mark.parametrize("folder", ["stays", "goes"])
def test_lines_wait_for_the_next_supervisor(full: Supervisor, folder: str) -> None:
    assert full.stop() == 1
    said = full.output.read_text().splitlines()[-1]
    assert "web could not be written" in said, said
    assert f"they wait in {full.place.shim}/spool" in said
    if folder == "goes":
        shutil.rmtree(f"{full.place.scan_dir}/web")
    _make_space(full.place.log_dir)
    full.start()
    _wait_for_all(full)
    if folder == "goes":
        run = full.place.service("web").run
        wait_for(lambda: not os.path.exists(run), full.place.run_dir)
    else:
        full.wait_for("web", phase="up")


def test_services_start_though_lines_of_their_former_life_wait(full: Supervisor) -> None:
    assert full.stop() == 1
    full.start()
    full.wait_for("web", phase="up")
    assert full.stop() == 1
    _make_space(full.place.log_dir)
    full.start()
    _wait_for_all(full)


def test_a_name_that_is_not_free_is_said_and_starts_when_it_is(full: Supervisor) -> None:
    shutil.rmtree(f"{full.place.scan_dir}/web")
    wait_for(lambda: not full.state("web"), full.place.run_dir)
    full.add("web", f"#!/bin/sh\n{SLEEP}\n")
    said = "web: its name is not free: lines of the former service of that name are still to be"
    wait_for(lambda: said in full.output.read_text(), str(full.output.parent))
    assert full.output.read_text().count(said) == 1
    assert "no space is left there" in full.output.read_text()
    assert not full.state("web")
    _make_space(full.place.log_dir)
    full.wait_for("web", phase="up")
    _wait_for_all(full)
