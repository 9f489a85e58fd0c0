"""The run directory is one supervisor's, of one boot."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.daemon.rundir import AlreadySupervised, RunDir
from supervise.errors import HostError, SystemCallFailed
from supervise.paths import Paths
from tests.waiting import kill

HOLDS = """
import os, sys
from supervise.daemon.rundir import RunDir
from supervise.paths import Paths
rundir = RunDir(Paths(*sys.argv[1:]))
rundir.open()
if os.fork() == 0:
    # As a runtime does, which its supervisor left in the middle: it holds the lock until it ends.
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def rundir(place: Paths) -> Iterator[RunDir]:
    made = RunDir(place)
    made.open()
    yield made
    made.remove()


def test_a_second_one_is_refused_with_what_to_do(rundir: RunDir) -> None:
    with pytest.raises(AlreadySupervised) as error:
        RunDir(rundir.paths).open()
    assert str(error.value) == (
        f"{rundir.paths.run_dir}: the supervisor with pid {os.getpid()} serves it already; "
        "stop that one, or give --run-dir"
    )


def test_the_next_one_waits_for_a_runtime_that_outlives_its_supervisor(place: Paths) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        runtime = int(holder.stdout.readline())
        kill(holder.pid)
        waits = subprocess.Popen(
            [sys.executable, "-c", HOLDS, *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with waits:
            assert waits.stdout is not None
            # It is at the lock once the lock's queue names it; the runtime has it still.
            _wait_for_waiter(place.lock)
            kill(runtime)
            other = int(waits.stdout.readline())
            kill(waits.pid)
            kill(other)


def _wait_for_waiter(path: str) -> None:
    """Wait until somebody waits for the lock; /proc/locks marks him with an arrow."""
    inode = f":{os.stat(path).st_ino} "
    while not any(
        "->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()
    ):
        os.sched_yield()


def test_a_dead_ones_directory_is_taken_over_with_all_in_it(place: Paths) -> None:
    first = RunDir(place)
    first.open()
    first.announce()
    (Path(place.run_dir) / "web").mkdir()
    (Path(place.run_dir) / "web/state.json").touch()
    (Path(place.run_dir) / "leaving").mkdir()
    os.close(first.lock_fd)
    second = RunDir(place)
    second.open()
    assert second.names() == (["web"], ["leaving"])
    assert not Path(place.supervisor).exists(), "it is not ready yet"
    os.close(second.lock_fd)


def test_what_is_of_a_former_boot_is_forgotten(place: Paths) -> None:
    first = RunDir(place)
    first.open()
    os.close(first.lock_fd)
    run = Path(place.run_dir)
    (run / ".boot").write_text("another boot")
    (run / "web").mkdir()
    (run / "web/state.json").touch()
    (run / ".runtime").mkdir()
    (run / "file").touch()
    second = RunDir(place)
    second.open()
    assert second.names() == ([], [])
    assert sorted(os.listdir(run)) == [".boot", ".lock"]
    os.close(second.lock_fd)


def test_readiness_names_the_process(rundir: RunDir) -> None:
    rundir.announce()
    assert json.loads(Path(rundir.paths.supervisor).read_text())["pid"] == os.getpid()


def test_in_the_end_nothing_is_left(place: Paths) -> None:
    rundir = RunDir(place)
    rundir.open()
    rundir.announce()
    run = Path(place.run_dir)
    (run / ".syslogd").mkdir()
    (run / ".syslogd/record").touch()
    rundir.remove()
    assert not run.exists()
    os.mkdir(run)


def test_lines_that_were_not_written_stay(place: Paths) -> None:
    rundir = RunDir(place)
    rundir.open()
    run = Path(place.run_dir)
    (run / ".syslogd").mkdir()
    (run / ".syslogd/record").touch()
    for name in ("web", "gone", "written", ".csv"):
        (run / name).mkdir()
        (run / name / "log.json").touch()
    with pytest.raises(HostError, match="6 bytes of the logs of csv, gone, web could not be"):
        rundir.remove(unwritten={"web": 1, "gone": 2, "csv": 3})
    assert (run / ".syslogd/record").exists()
    assert not (run / "written").exists()
    (Path(place.scan_dir) / "web").mkdir()
    later = RunDir(place)
    later.open()
    assert (run / ".csv/log.json").exists()
    assert later.names() == ([], ["gone"]), "web may start: its log goes on"
    assert later.names() == ([], ["gone", "web"]), "and this is believed once"
    later.remove()


def test_the_lock_is_held_and_not_inherited_by_itself(rundir: RunDir) -> None:
    assert not os.get_inheritable(rundir.lock_fd)
    with open(rundir.paths.lock) as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_place_that_cannot_be(place: Paths) -> None:
    (Path(place.lib_dir) / "file").touch()
    with pytest.raises(SystemCallFailed, match=r"mkdir .*file/run: Not a directory"):
        RunDir(place._replace(run_dir=place.lib_dir + "/file/run")).open()
