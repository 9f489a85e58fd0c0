"""csv's own commands, and each letter, on each kind of service."""

import subprocess
from pathlib import Path

import pytest

from tests.supervisor import Supervisor
from tests.system.services import SLEEP, WAIT, Kind

SIGNALS = {"h": "HUP", "a": "ALRM", "i": "INT", "1": "USR1", "2": "USR2", "q": "QUIT"}
CATCHES = "".join(f"trap 'echo caught {name}' {name}\n" for name in SIGNALS.values())


def test_letters_that_only_send_a_signal(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(f"{CATCHES}echo ready\n{WAIT}"))
    supervisor.wait_for_line("web", "ready")
    for letter, name in SIGNALS.items():
        assert supervisor.csv("svc", f"-{letter}", "web").returncode == 0
        supervisor.wait_for_line("web", f"caught {name}")
    state = supervisor.state("web")
    assert (state["phase"], state["launch"]) == ("up", 1)


def test_up_down_term_kill_once(supervisor: Supervisor, kind: Kind) -> None:
    folder = supervisor.add("web", kind.run(SLEEP, "init = true"))
    first = supervisor.wait_for("web", phase="up", launch=1)
    ask = ("svc", "-w", "30")
    assert supervisor.csv(*ask, "-t", "web").returncode == 0
    second = supervisor.wait_for("web", phase="up", launch=2)
    assert second["pid"] != first["pid"]
    assert second["last_exit"]["words"] in ("SIGTERM", "exit 143")
    assert supervisor.csv(*ask, "-k", str(folder)).returncode == 0
    third = supervisor.wait_for("web", phase="up", launch=3)
    assert third["last_exit"]["words"] in ("SIGKILL", "exit 137")
    assert third["failures"] == 0, "what an operator asked for is no failure"
    assert supervisor.csv(*ask, "-d", "web").returncode == 0
    assert supervisor.csv("svstat", "web").stdout.startswith("web: down ")
    assert supervisor.csv(*ask, "-o", "web").returncode == 0
    assert supervisor.wait_for("web", phase="up", launch=4)["want"] == "once"
    supervisor.csv("svc", "-k", "web")
    supervisor.wait_for("web", phase="down", launch=4, pid=None)
    assert supervisor.csv(*ask, "-u", "web").returncode == 0
    assert supervisor.wait_for("web", launch=5)["phase"] == "up"


def test_pause_and_continue_stop_the_process_itself(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(SLEEP, "init = true"))
    pid = supervisor.wait_for("web", phase="up")["pid"]

    def letter() -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    assert supervisor.csv("svc", "-w", "30", "-p", "web").returncode == 0
    assert letter() == "T"
    assert ", paused" in supervisor.csv("svstat", "web").stdout
    # A paused service must be able to end all the same.
    assert supervisor.csv("svc", "-w", "30", "-d", "web").returncode == 0
    assert supervisor.state("web")["paused"] is False


def test_a_service_that_is_not_supervised(supervisor: Supervisor) -> None:
    folder = supervisor.add("web", f"#!/bin/sh\n{SLEEP}\n")
    supervisor.wait_for("web", phase="up")
    assert supervisor.csv("svok", "web").returncode == 0
    for argv, code in ((["svok"], 1), (["svstat"], 102), (["svc", "-u"], 102)):
        assert supervisor.csv(*argv, "nobody").returncode == code
    assert supervisor.csv("svc", "-w", "30", "-dx", "web").returncode == 0
    assert supervisor.csv("svok", "web").returncode != 0
    assert folder.is_dir()
    assert not (folder / "supervise").is_symlink()


def test_letters_that_are_none_harm_nobody(supervisor: Supervisor) -> None:
    supervisor.add("web", f"#!/bin/sh\ntrap 'echo caught' HUP\necho ready\n{WAIT}\n")
    supervisor.wait_for_line("web", "ready")
    control = Path(supervisor.place.service("web").control)
    with control.open("wb", buffering=0) as fifo:
        fifo.write(b"\0zZ\xff\nh")
    supervisor.wait_for_line("web", "caught")
    assert supervisor.state("web")["launch"] == 1
    supervisor.wait_for_line("csv", r"web: no such command: b'\x00zZ\xff\n'")


@pytest.mark.parametrize("verb", ["start", "stop", "term", "kill"])
def test_sv_verbs(supervisor: Supervisor, verb: str) -> None:
    folder = supervisor.add("web", f"#!/bin/sh\n{SLEEP}\n")
    supervisor.wait_for("web", phase="up")
    subprocess.run(
        ["/usr/bin/sv", "-w", "30", verb, folder], check=True, capture_output=True, timeout=60
    )
    expected = {"start": ("up", 1), "stop": ("down", 1), "term": ("up", 2), "kill": ("up", 2)}
    phase, launch = expected[verb]
    supervisor.wait_for("web", phase=phase, launch=launch)
