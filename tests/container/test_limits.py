"""Limits: applied and felt, or refused with the key, the reason and the cure."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import evolve

from supervise.container.cgroups import hand_down
from supervise.container.host import Host
from supervise.core.definition import Limits
from supervise.errors import HostError, SystemCallFailed
from supervise.kernel import cgroup
from supervise.paths import Paths
from tests.waiting import LIMIT_S


def run(place: Paths, text: str) -> tuple[int, str]:
    """Run a container by hand where limits can be applied; its status, and what was written."""
    file = Path(place.scan_dir, "limited.toml")
    file.write_text(f'rootfs = "host"\n{text}\n')
    csv_run = [sys.executable, "-m", "supervise.cli.run"]
    places = ["--run-dir", place.run_dir, "--lib-dir", place.lib_dir]
    done = subprocess.run(
        [sys.executable, "-m", "tests.container.view", *csv_run, *places, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout


def test_memory(place: Paths) -> None:
    text = "command = ['perl', '-e', '$x = \"x\" x (1 << 27); print \"had it\"']"
    assert run(place, text) == (0, "had it")
    assert run(place, f"mem_limit = '32M'\n{text}") == (137, "")


def test_pids(place: Paths) -> None:
    text = (
        "command = ['perl', '-e', 'for (1..20) { my $p = fork; last unless defined $p; "
        "if (!$p) { sleep 1000; exit } $n++ } print $n']"
    )
    assert run(place, text) == (0, "20")
    assert run(place, f"pids_limit = 8\n{text}") == (0, "7")


def test_cpus(place: Paths) -> None:
    script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null | head -1"
    status, output = run(place, f"cpus = 0.25\ncommand = ['sh', '-c', '{script}']")
    assert status == 0
    assert output.split()[0] == "25000"


def test_device_rules(place: Paths) -> None:
    # A node that the container makes itself, with the capability to make it.
    script = (
        "mknod /dev/loop b 7 0 && head -c 1 /dev/loop 2>&1 | grep -o permitted; echo > /dev/null"
    )
    status, output = run(
        place, f"cap_add = ['MKNOD']\ncommand = ['sh', '-c', '{script} && echo end']"
    )
    assert (status, output) == (0, "permitted\nend\n")


@pytest.mark.parametrize(
    ("own", "cure"),
    [("", "boot with "), ("/system.slice/csv.service", "set Delegate=yes in the unit")],
)
def test_a_limit_that_cannot_be_applied_is_refused(host: Host, own: str, cure: str) -> None:
    poor = evolve(host, cgroup_mode="v2", own_cgroup=own, controllers=frozenset({"cpu"}))
    poor.check_limits(Limits(cpus=1.0))
    with pytest.raises(HostError) as caught:
        poor.check_limits(Limits(memory_bytes=1 << 25))
    message = str(caught.value)
    assert "mem_limit cannot be applied: the memory controller is not available" in message
    assert cure in message


def test_a_limit_that_version_1_does_not_offer_is_refused(host: Host) -> None:
    poor = evolve(host, cgroup_mode="v1", own_cgroup="", controllers=frozenset())
    with pytest.raises(HostError, match=r"pids_limit cannot be .*\(version 1\); mount it there"):
        poor.check_limits(Limits(pids=5))


def test_version_2_controllers_are_handed_down_and_processes_make_room() -> None:
    # Any controller will do, and this one has no other user; our own cgroup is a fresh one.
    (controller, *_) = Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
    root = Path("/sys/fs/cgroup")
    before = (root / "cgroup.subtree_control").read_text().split()
    cgroup.write(str(root / "cgroup.subtree_control"), f"+{controller}")
    own = root / f"csv-test-{os.getpid()}"
    own.mkdir()
    process = subprocess.Popen(["sleep", "1000"])
    try:
        cgroup.write(str(own / "cgroup.procs"), str(process.pid))
        for _ in range(2):
            hand_down(f"/{own.name}", f"/{own.name}/csv", [controller])
        assert controller in (own / "csv/cgroup.subtree_control").read_text().split()
        assert cgroup.processes(str(own)) == []
        assert cgroup.processes(str(own / "supervisor")) == [process.pid]
        with pytest.raises(HostError, match=r"cannot be handed down in .*Delegate=yes"):
            hand_down(f"/{own.name}", f"/{own.name}/csv", ["nosuch"])
    finally:
        process.kill()
        process.wait()
        assert cgroup.remove(str(own))
        if controller not in before:
            with suppress(SystemCallFailed):  # another run of this test still needs it
                cgroup.write(str(root / "cgroup.subtree_control"), f"-{controller}")
