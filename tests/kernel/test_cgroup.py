"""Cgroups of the machine this runs on, each test in one of its own."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel import cgroup
from tests.waiting import wait_for_exit

ROOT = "/sys/fs/cgroup"


@pytest.fixture
def group() -> Iterator[str]:
    """A new cgroup of version 2 below the root."""
    path = tempfile.mkdtemp(prefix="csv-test-", dir=ROOT)
    yield path
    cgroup.kill(path)
    for below, _, _ in os.walk(path, topdown=False):
        for pid in cgroup.processes(below):
            wait_for_exit(pid)
    cgroup.remove(path)


def start_in(group: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "1000"])
    assert cgroup.write(f"{group}/cgroup.procs", str(process.pid))
    return process


def test_kill_takes_all_below_along(group: str) -> None:
    os.mkdir(f"{group}/inner")
    processes = [start_in(group + "/inner"), start_in(group)]
    assert cgroup.processes(group) == [processes[1].pid]
    name = os.path.basename(group)
    assert cgroup.memberships(processes[0].pid)[""].endswith(f"/{name}/inner")
    assert not cgroup.remove(group)
    cgroup.kill(group)
    assert [process.wait() for process in processes] == [-signal.SIGKILL] * 2
    assert cgroup.remove(group)
    assert not os.path.exists(group)


def test_wait_for_a_death(group: str) -> None:
    process = start_in(group)
    assert not cgroup.wait_for_a_death(group, 0)
    process.kill()
    assert cgroup.wait_for_a_death(group, 30)
    process.wait()
    assert cgroup.wait_for_a_death(group, 1)


def test_what_is_gone_is_no_error(group: str) -> None:
    missing = f"{group}/missing"
    cgroup.kill(missing)
    assert cgroup.processes(missing) == []
    assert cgroup.oom_kills(missing) == 0
    assert cgroup.remove(missing)
    assert cgroup.read(f"{missing}/memory.max") == ""
    assert not cgroup.write(f"{missing}/memory.max", "1")
    assert cgroup.memberships(2**22 + 1) == {}


def test_a_refusal_names_the_file(group: str) -> None:
    with pytest.raises(SystemCallFailed, match=r"write .*/cgroup\.type: "):
        cgroup.write(f"{group}/cgroup.type", "nonsense")


def test_both_versions_memory_files_are_understood(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert cgroup.oom_kills(str(tmp_path)) == 2
    (tmp_path / "memory.events").write_text("low 0\noom 4\noom_kill 3\n")
    assert cgroup.oom_kills(str(tmp_path)) == 3


def test_without_cgroup_kill_each_is_killed(tmp_path: Path) -> None:
    """Version 1 has no such file; what a process of another pid namespace reads as is 0."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        (tmp_path / "below").mkdir()
        (tmp_path / "below/cgroup.procs").write_text(f"0\n{process.pid}\n")
        cgroup.kill(str(tmp_path))
        assert process.wait() == -signal.SIGKILL
