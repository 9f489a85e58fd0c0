"""What follows an end: finish, delay, policy, giving up."""

import re
import time

import pytest

from tests.supervisor import Supervisor
from tests.system.services import SLEEP, WAIT, Kind

FAST = '[restart]\nfirst_delay = "10ms"\nmax_delay = "50ms"\n'


def said(supervisor: Supervisor, name: str, pattern: str) -> list[str]:
    """What the supervisor said of a service, as far as it matches."""
    lines = supervisor.output.read_text().splitlines()
    return [match[1] for line in lines if (match := re.fullmatch(f"{name}: {pattern}", line))]


@pytest.mark.parametrize(
    ("end", "arguments", "words"),
    [
        ("exit 3", "3 0", "exit 3"),
        ("kill -KILL $$", "-1 9", "SIGKILL"),
        ("exit 0", "0 0", "exit 0"),
    ],
)
def test_finish_is_told_how_it_ended(
    supervisor: Supervisor, end: str, arguments: str, words: str
) -> None:
    supervisor.add(
        "web",
        f"#!/bin/sh\n{end}\n",
        finish='#!/bin/sh\necho "finish $1 $2 $#"\n',
        **{"csv.toml": '[restart]\npolicy = "never"\n'},
    )
    state = supervisor.wait_for("web", phase="down", launch=1)
    assert state["last_exit"]["words"] == words
    supervisor.wait_for_line("web", f"finish {arguments} 2")


def test_finish_of_a_container_and_of_its_kill(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(SLEEP, "init = true"), finish='#!/bin/sh\necho "finish $1 $2"\n')
    supervisor.wait_for("web", phase="up")
    supervisor.csv("svc", "-k", "web")
    supervisor.wait_for_line("web", "finish -1 9")
    supervisor.wait_for("web", phase="up", launch=2)


def test_finish_that_hangs_is_killed(supervisor: Supervisor) -> None:
    supervisor.add(
        "web",
        "#!/bin/sh\nexit 1\n",
        finish="#!/bin/sh\ntrap '' TERM\necho hangs\nsleep 1000\n",
        **{"csv.toml": f'finish_timeout = "200ms"\n{FAST}'},
    )
    supervisor.wait_for("web", launch=3)
    assert "web: finish took too long; killed" in supervisor.output.read_text()
    assert supervisor.log("web").count("hangs") >= 2


def test_delays_grow_to_their_limit(supervisor: Supervisor) -> None:
    settings = '[restart]\nfirst_delay = "100ms"\nfactor = 2\nmax_delay = "400ms"\njitter = 0\n'
    supervisor.add("web", "#!/bin/sh\nexit 1\n", **{"csv.toml": settings})
    supervisor.wait_for("web", launch=6)
    delays = said(supervisor, "web", r"next start in ([\d.]+) s")
    assert delays[:5] == ["0.1", "0.2", "0.4", "0.4", "0.4"]


def test_the_first_restart_after_a_healthy_run_is_immediate(
    supervisor: Supervisor, kind: Kind
) -> None:
    settings = '[restart]\nreset_after = "0s"\nfirst_delay = "1h"\nmax_delay = "1h"'
    extra = {"csv.toml": settings} if kind.name == "plain" else {}
    text = kind.run("echo begun; sleep 0.1; exit 1", *([] if extra else [settings]))
    supervisor.add("web", text, **extra)
    supervisor.wait_for("web", launch=3)
    assert said(supervisor, "web", r"(next start) in .*") == []


@pytest.mark.parametrize(
    ("policy", "end", "again"),
    [
        ("always", "exit 0", True),
        ("on-failure", "exit 0", False),
        ("on-failure", "exit 1", True),
        ("on-failure", "kill -9 $$", True),
        ("never", "exit 1", False),
    ],
)
def test_policy(supervisor: Supervisor, policy: str, end: str, again: bool) -> None:
    settings = f'{FAST}policy = "{policy}"\n'
    supervisor.add("web", f"#!/bin/sh\n{end}\n", **{"csv.toml": settings})
    if again:
        supervisor.wait_for("web", launch=3)
    else:
        assert supervisor.wait_for("web", phase="down")["launch"] == 1
        assert supervisor.csv("svc", "-u", "web").returncode == 0
        supervisor.wait_for("web", phase="down", launch=2)


def test_given_up_until_it_is_asked_for_again(supervisor: Supervisor, kind: Kind) -> None:
    limits = f'{FAST}max_failures = 3\nwindow = "1h"'
    extra = {"csv.toml": limits} if kind.name == "plain" else {}
    folder = supervisor.add("web", kind.run("exit 4", *([] if extra else [limits])), **extra)
    state = supervisor.wait_for("web", phase="failed")
    assert state["launch"] == 3
    assert state["next_attempt"] is None
    for argv in (["svstat", "web"], ["status", "web"]):
        assert "svc -u tries again" in supervisor.csv(*argv).stdout
    supervisor.csv("svc", "-u", "web")
    assert supervisor.wait_for("web", phase="failed", launch=6)["last_exit"]["words"] == "exit 4"
    (folder / "run").write_text(kind.run(SLEEP, "init = true"))
    supervisor.wait_for("web", phase="up", launch=7)


def test_given_up_is_tried_again_when_it_should(supervisor: Supervisor) -> None:
    limits = f'{FAST}max_failures = 2\nretry_every = "300ms"\n'
    supervisor.add("web", "#!/bin/sh\nexit 4\n", **{"csv.toml": limits})
    assert supervisor.wait_for("web", phase="failed", launch=2)["next_attempt"] is not None
    supervisor.wait_for("web", launch=4)


def test_finish_can_say_that_starting_again_is_of_no_use(supervisor: Supervisor) -> None:
    supervisor.add("web", "#!/bin/sh\nexit 1\n", finish="#!/bin/sh\nexit 125\n")
    assert supervisor.wait_for("web", phase="failed")["launch"] == 1


def test_a_down_file_keeps_it_down_until_asked(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(SLEEP, "init = true"), down="")
    state = supervisor.wait_for("web", phase="down")
    assert (state["launch"], state["want"], state["normally_down"]) == (0, "down", True)
    assert supervisor.csv("svc", "-w", "30", "-u", "web").returncode == 0
    assert supervisor.csv("svstat", "web").stdout.endswith("normally down\n")


def test_a_service_that_crashes_delays_no_other(supervisor: Supervisor) -> None:
    supervisor.add("crasher", "#!/bin/sh\nexit 1\n", **{"csv.toml": FAST})
    supervisor.wait_for("crasher", launch=2)
    supervisor.add("web", f"#!/bin/sh\ntrap 'echo caught' HUP\necho ready\n{WAIT}\n")
    supervisor.wait_for_line("web", "ready")
    begun = time.monotonic()
    supervisor.csv("svc", "-h", "web")
    supervisor.wait_for_line("web", "caught")
    assert time.monotonic() - begun < 5
