"""The syslog shim is killed: it comes back, and no line is lost or altered."""

import os
import signal

from tests.supervisor import Supervisor
from tests.system.services import COUNTS, Kind, counted, shim
from tests.waiting import kill

LOG = '[log]\nmax_size = "1G"\n'


def test_killed_it_comes_back_and_loses_nothing(supervisor: Supervisor, kind: Kind) -> None:
    extra = {"csv.toml": LOG} if kind.name == "plain" else {}
    supervisor.add("web", kind.run(COUNTS, *([] if extra else [LOG])), **extra)
    supervisor.wait_for_line("web", "line 100")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    for _ in range(3):
        former = shim(supervisor)
        kill(former)
        shim(supervisor, other_than=former)
    assert supervisor.state("web")["pid"] == pid
    supervisor.csv("svc", "-w", "30", "-d", "web")
    assert supervisor.stop() == 0
    numbers = counted(supervisor, "web")
    assert numbers == list(range(1, len(numbers) + 1))
    assert "the syslog shim ended (SIGKILL); starting it again" in supervisor.output.read_text()


def test_the_next_supervisor_takes_it_over(supervisor: Supervisor) -> None:
    before = shim(supervisor)
    supervisor.kill()
    supervisor.start()
    assert shim(supervisor) == before
    kill(before)
    assert shim(supervisor, other_than=before) != before


def test_both_killed(supervisor: Supervisor) -> None:
    supervisor.add("web", f"#!/bin/sh\n{COUNTS}\n", **{"csv.toml": LOG})
    supervisor.wait_for_line("web", "line 100")
    former = shim(supervisor)
    supervisor.kill()
    kill(former)
    supervisor.start()
    shim(supervisor, other_than=former)
    supervisor.csv("svc", "-w", "30", "-d", "web")
    assert supervisor.stop() == 0
    numbers = counted(supervisor, "web")
    assert numbers == list(range(1, len(numbers) + 1))


def test_stopped_it_delays_no_supervision(supervisor: Supervisor) -> None:
    """It reads nothing; the FIFO of the one that floods is full, and that one alone waits."""
    supervisor.add("flood", f"#!/bin/sh\n{COUNTS}\n", **{"csv.toml": LOG})
    supervisor.add("web", "#!/bin/sh\nexec sleep 1000\n")
    supervisor.wait_for_line("flood", "line 100")
    supervisor.wait_for("web", phase="up")
    stopped = shim(supervisor)
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert supervisor.csv("svc", "-w", "30", "-t", "web").returncode == 0
        supervisor.add("later", "#!/bin/sh\nexec sleep 1000\n")
        supervisor.wait_for("later", phase="up")
    finally:
        os.kill(stopped, signal.SIGCONT)
    supervisor.wait_for_line("csv", "later: launch 1 is up")
