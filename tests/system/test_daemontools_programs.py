"""daemontools' and runit's own programs drive csv: containers and plain programs alike."""

import subprocess
from pathlib import Path

import pytest

from tests.supervisor import Supervisor

PLAIN = "#!/bin/sh\nexec sleep 1000\n"
CONTAINER = '#!/usr/bin/env csv-run\nrootfs = "host"\ncommand = ["sleep", "1000"]\ninit = true\n'
CATCHES_USR1 = """\
trap 'echo caught; exit 0' USR1
echo ready
while :; do sleep 1000 & wait $!; done
"""


def run(*argv: object) -> str:
    """The output of a program that has to succeed."""
    words = [str(word) for word in argv]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def svstat(folder: Path) -> str:
    return run("/usr/bin/svstat", folder).removeprefix(f"{folder}: ").strip()


@pytest.fixture(params=[PLAIN, CONTAINER], ids=["plain", "container"])
def folder(request: pytest.FixtureRequest, supervisor: Supervisor) -> Path:
    """A service that is up, its first launch."""
    added = supervisor.add("web", request.param)
    supervisor.wait_for("web", phase="up", launch=1)
    return added


def test_svok_and_svstat(supervisor: Supervisor, folder: Path) -> None:
    run("/usr/bin/svok", folder)
    assert svstat(folder).startswith(f"up (pid {supervisor.state('web')['pid']}) ")
    supervisor.stop()
    assert subprocess.run(["/usr/bin/svok", folder], check=False).returncode != 0


def test_svc_down_and_up(supervisor: Supervisor, folder: Path) -> None:
    run("/usr/bin/svc", "-d", folder)
    supervisor.wait_for("web", phase="down", want="down", pid=None)
    assert svstat(folder).endswith("seconds, normally up")
    run("/usr/bin/svc", "-u", folder)
    supervisor.wait_for("web", phase="up", want="up", launch=2)
    assert svstat(folder).startswith("up (pid ")


def test_svc_term_starts_it_again(supervisor: Supervisor, folder: Path) -> None:
    run("/usr/bin/svc", "-t", folder)
    assert supervisor.wait_for("web", phase="up", launch=2)["want"] == "up"


def test_svc_once_does_not_start_it_again(supervisor: Supervisor, folder: Path) -> None:
    run("/usr/bin/svc", "-o", folder)
    supervisor.wait_for("web", want="once")
    run("/usr/bin/svc", "-k", folder)
    assert supervisor.wait_for("web", phase="down", pid=None)["launch"] == 1


def test_svc_pause_and_continue(supervisor: Supervisor, folder: Path) -> None:
    pid = supervisor.state("web")["pid"]
    run("/usr/bin/svc", "-p", folder)
    supervisor.wait_for("web", paused=True)
    assert svstat(folder).endswith(", paused")
    run("/usr/bin/svc", "-c", folder)
    assert supervisor.wait_for("web", paused=False)["pid"] == pid


def test_svc_exit_lets_the_service_go(supervisor: Supervisor, folder: Path) -> None:
    run("/usr/bin/svc", "-dx", folder)
    assert supervisor.csv("svc", "-w", "30", "-x", "web").returncode in (0, 102)
    assert subprocess.run(["/usr/bin/svok", folder], check=False).returncode != 0


def test_sv_status_restart_and_once(supervisor: Supervisor, folder: Path) -> None:
    pid = supervisor.state("web")["pid"]
    assert run("/usr/bin/sv", "status", folder).startswith(f"run: {folder}: (pid {pid}) ")
    # sv itself waits until the service is up with another pid.
    assert run("/usr/bin/sv", "-w", "30", "restart", folder).startswith(f"ok: run: {folder}: ")
    assert supervisor.wait_for("web", phase="up", launch=2)["pid"] != pid
    assert run("/usr/bin/sv", "-w", "30", "once", folder)
    supervisor.wait_for("web", want="once")
    assert run("/usr/bin/sv", "-w", "30", "down", folder).startswith(f"ok: down: {folder}: ")


@pytest.mark.parametrize(
    "text",
    [
        f"#!/bin/sh\n{CATCHES_USR1}",
        '#!/usr/bin/env csv-run\nrootfs = "host"\nentrypoint = ["sh", "-c"]\n'
        f'command = ["""\n{CATCHES_USR1}"""]\n',
    ],
    ids=["plain", "container"],
)
def test_sv_1_sends_usr1(supervisor: Supervisor, text: str) -> None:
    folder = supervisor.add("web", text)
    supervisor.wait_for_line("web", "ready")
    run("/usr/bin/sv", "1", folder)
    supervisor.wait_for_line("web", "caught")
    assert supervisor.wait_for("web", phase="up", launch=2)["last_exit"]["words"] == "exit 0"
