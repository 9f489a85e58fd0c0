"""What it costs: no process besides a container's own, and nothing at all while idle."""

import os
import select
from pathlib import Path

from tests.supervisor import Supervisor
from tests.system.services import SLEEP, container, shim
from tests.waiting import wait_for

IDLE_S = 5.0


def children(pid: int) -> set[int]:
    """The processes whose parent this is."""
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        found |= set(map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()))
    return found


def switches(pid: int) -> int:
    """The context switches of all threads of a process."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        for line in Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines():
            if "ctxt_switches" in line:
                count += int(line.split()[1])
    return count


def test_no_process_besides_the_containers_own(supervisor: Supervisor) -> None:
    pids = set()
    for number in range(5):
        supervisor.add(f"c{number}", container(SLEEP, "init = false"))
        supervisor.add(f"p{number}", f"#!/bin/sh\n{SLEEP}\n")
    for number in range(5):
        for kind in "cp":
            pids.add(supervisor.wait_for(f"{kind}{number}", phase="up")["pid"])
    # The runtimes' own intermediate processes come to us, and go, at once.
    wait_for(
        lambda: children(supervisor.pid) == pids | {shim(supervisor)}, supervisor.place.run_dir
    )
    assert all(not children(pid) for pid in pids)


def test_idle_is_idle(supervisor: Supervisor) -> None:
    """Not one wake-up: what is waited for here is that nothing happens, for this long."""
    for number in range(5):
        supervisor.add(f"c{number}", container(SLEEP))
        supervisor.add(f"p{number}", f"#!/bin/sh\n{SLEEP}\n")
    supervisor.add("down", f"#!/bin/sh\n{SLEEP}\n", down="")
    supervisor.add("broken", "no first line").joinpath("run").chmod(0o644)
    for number in range(5):
        supervisor.wait_for(f"c{number}", phase="up")
        supervisor.wait_for(f"p{number}", phase="up")
    pids = (supervisor.pid, shim(supervisor))
    _until_quiet(pids)
    before = [switches(pid) for pid in pids]
    _let_pass(IDLE_S)
    assert [switches(pid) for pid in pids] == before


def _until_quiet(pids: tuple[int, ...]) -> None:
    """Wait until both sleep for a while: threads that have no work end after some seconds."""
    for _ in range(30):
        before = [switches(pid) for pid in pids]
        _let_pass(1.0)
        if [switches(pid) for pid in pids] == before:
            return
    raise AssertionError("they never come to rest")


def _let_pass(seconds: float) -> None:
    # The passing of time is what is tested; there is no event that could be waited for.
    select.select([], [], [], seconds)
