"""svc -w: it returns when the service is there, not before, and says why when it is not."""

import subprocess
import sys
import time

import pytest

from supervise.cli.state import State
from supervise.cli.svc import main
from supervise.cli.waiting import reached
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir

SVC = [sys.executable, "-c", "from supervise.cli.svc import main; raise SystemExit(main())"]

DOWN = State(name="web", phase="down", want="down", since=0.0, launch=3)
UP = DOWN._replace(phase="up", want="up", pid=9)
AGAIN = UP._replace(launch=4, pid=10)
WAITING = UP._replace(phase="waiting", pid=None)
STARTING = UP._replace(phase="starting", launch=4, pid=None)
STOPPING = UP._replace(phase="stopping", want="down")
FAILED = UP._replace(phase="failed", pid=None)


@pytest.mark.parametrize(
    ("letters", "before", "now", "there"),
    [
        ("u", DOWN, DOWN, False),
        ("u", DOWN, STARTING, False),
        ("u", DOWN, AGAIN, True),
        ("u", UP, UP, True),
        ("u", STOPPING, STOPPING, False),
        ("u", DOWN, AGAIN._replace(want="once"), False),
        ("d", UP, STOPPING, False),
        ("d", UP, DOWN, True),
        ("d", UP, FAILED, False),
        ("d", UP, FAILED._replace(want="down"), True),
        ("d", WAITING, WAITING, False),
        ("du", UP, UP, False),
        ("du", UP, AGAIN, True),
        ("ud", UP, AGAIN, False),
        ("o", DOWN, STARTING._replace(want="once"), True),
        ("o", UP, UP, False),
        ("o", UP, UP._replace(want="once"), True),
        ("o", DOWN, DOWN._replace(launch=4), True),
        ("t", UP, UP, False),
        ("t", UP, STARTING, False),
        ("t", UP, AGAIN, True),
        ("t", UP, WAITING, False),
        ("t", UP, FAILED, False),
        ("k", UP, DOWN, True),
        ("t", DOWN, DOWN, True),
        ("tcu", UP, UP, False),
        ("tcu", UP, AGAIN, True),
        ("tcu", DOWN, DOWN, False),
        ("p", UP, UP, False),
        ("p", UP, UP._replace(paused=True), True),
        ("pc", UP, UP._replace(paused=True), False),
        ("pc", UP, UP, True),
        ("p", DOWN, DOWN, True),
        ("h", UP, UP, True),
    ],
)
def test_what_the_letters_wait_for(letters: str, before: State, now: State, there: bool) -> None:
    assert reached(letters, before, now) is there


def test_it_returns_once_the_service_is_up(places: Paths) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="down")
        with subprocess.Popen([*SVC, "-w", "60", "-u", "web"]) as svc:
            assert web.letters() == "u"
            web.set_state(phase="starting", want="up", launch=1)
            assert svc.poll() is None
            web.set_state(phase="up", want="up", launch=1, pid=77)
            assert svc.wait(30) == 0


def test_several_services_are_waited_for_together(places: Paths) -> None:
    with SuperviseDir(places, "web") as web, SuperviseDir(places, "worker") as worker:
        web.set_state(phase="up", want="up", launch=1, pid=5)
        worker.set_state(phase="up", want="up", launch=1, pid=6)
        with subprocess.Popen([*SVC, "-w", "60", "-t", "web", "worker"]) as svc:
            assert web.letters() == worker.letters() == "t"
            worker.set_state(phase="up", want="up", launch=2, pid=8)
            assert svc.poll() is None
            web.set_state(phase="up", want="up", launch=2, pid=7)
            assert svc.wait(30) == 0


def test_a_service_given_up_goes_when_its_supervisor_lets_it_go(places: Paths) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="down")
        with subprocess.Popen([*SVC, "-w", "60", "-dx", "web"]) as svc:
            assert web.letters() == "dx"
            web.leave()
            assert svc.wait(30) == 0


def test_in_time_or_not_it_says_how_things_stand(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    last = {"launch": 1, "words": "exit 3"}
    with SuperviseDir(places, "web") as web:
        web.set_state(
            phase="waiting", want="up", last_exit=last, next_attempt=time.time() + 30 * 60
        )
        assert main(["-w", "0.01", "-u", "web"]) == 1
    assert capsys.readouterr().err == (
        "svc: web: not there after 0.01 s: it is waiting: exit 3, next try in 30 min\n"
    )


def test_what_csv_does_not_supervise_cannot_be_waited_for(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web"):
        assert main(["-w", "1", "-u", "web"]) == 1
    assert "csv's own supervisor only" in capsys.readouterr().err
    assert main(["-w", "1", "-u", "nothing"]) == 102
    assert "there is no service folder" in capsys.readouterr().err
