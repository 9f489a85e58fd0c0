"""svstat: daemontools' line to the letter, then what only csv knows."""

import itertools
import re
import subprocess
import time
from typing import Any

import pytest

from supervise.cli.svstat import line, main
from supervise.core.status import DOWN, FINISH, RUN, Status
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir

SECONDS = re.compile(r"(\d+) seconds")
NOW_NS = 1_700_000_000_000_000_000


def real_svstat(folder: str) -> str:
    return subprocess.run(
        ["/usr/bin/svstat", folder], check=False, capture_output=True, text=True
    ).stdout


def seconds(line: str) -> int:
    found = SECONDS.search(line)
    assert found is not None, line
    return int(found[1])


def test_every_line_is_the_one_of_daemontools(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        for pid, paused, want, state, down_file in itertools.product(
            (0, 77), (False, True), ("u", "d", ""), (DOWN, RUN, FINISH), (False, True)
        ):
            (web.folder / "down").touch() if down_file else (web.folder / "down").unlink(True)
            changed_ns = time.time_ns() - 5_000_000_000
            web.set_status(Status(changed_ns, pid, paused, want, False, state))
            theirs = real_svstat(str(web.folder))
            assert main([str(web.folder)]) == 0
            ours = capsys.readouterr().out
            # The clock went on in between, by less than a second.
            assert 0 <= seconds(ours) - seconds(theirs) <= 1
            assert SECONDS.sub("", ours) == SECONDS.sub("", theirs)


@pytest.mark.parametrize(
    ("age_ns", "age_s"), [(-5 * 10**9, 0), (0, 0), (1, 1), (10**9, 1), (86400 * 10**9, 86400)]
)
def test_age_is_in_whole_seconds_and_never_negative(age_ns: int, age_s: int) -> None:
    status = Status(NOW_NS - age_ns)
    assert line(status, normally_down=True, now_ns=NOW_NS) == f"down {age_s} seconds"


def test_a_bare_name_is_looked_for_in_the_scan_directory(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_status(Status(time.time_ns() + 10**9, 5))
        assert main(["web"]) == 0
    assert capsys.readouterr().out == "web: up (pid 5) 0 seconds\n"


def test_without_the_link_the_run_directory_is_found(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web", linked=False) as web:
        web.set_status(Status(time.time_ns() + 10**9, 5))
        assert main(["web", str(web.folder)]) == 0
    assert capsys.readouterr().out.count("up (pid 5)") == 2


def test_the_same_name_elsewhere_is_another_service(
    places: Paths, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "web"
    elsewhere.mkdir()
    with SuperviseDir(places, "web", linked=False) as web:
        web.set_status(Status(time.time_ns(), 5))
        assert main([str(elsewhere)]) == 102
    assert capsys.readouterr().out == f"{elsewhere}: supervise not running\n"


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"phase": "up", "pid": 5}, ""),
        ({"phase": "up", "pid": 5, "changed": True}, "; changed since start"),
        ({"phase": "starting", "progress": "mounting"}, "; starting, mounting"),
        (
            {
                "phase": "waiting",
                "next_attempt_in": 3600,
                "last_exit": {
                    "launch": 1,
                    "status": 768,
                    "words": "exit 3",
                    "at": 0.0,
                    "ran_s": 1.0,
                },
            },
            "; exit 3, next try in 60 min",
        ),
        ({"phase": "failed", "error": "run:3: unknown key"}, "; failed, run:3: unknown key"),
    ],
)
def test_what_only_csv_knows_follows_the_line(
    places: Paths, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], more: str
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_status(Status(time.time_ns() + 10**9))
        # Counted from now: the values above are made when the tests are collected.
        wait_s = fields.get("next_attempt_in")
        web.set_state(**fields, next_attempt=wait_s and time.time() + wait_s)
        assert main(["web"]) == 0
    assert capsys.readouterr().out == f"web: down 0 seconds, normally up{more}\n"


def test_each_service_has_its_line_and_the_worst_is_the_exit_code(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web, SuperviseDir(places, "torn") as torn:
        web.set_status(Status(time.time_ns() + 10**9))
        (torn.supervise / "status").write_bytes(b"half")
        assert main(["web", "gone"]) == 102
        assert main(["torn", "web", "gone"]) == 111
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "web: down 0 seconds, normally up",
        "gone: unable to chdir: file does not exist",
        "torn: supervise/status has 4 bytes, expected 18 or 20",
        "web: down 0 seconds, normally up",
        "gone: unable to chdir: file does not exist",
    ]


def test_a_dead_supervisor_is_told_from_a_living_one(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_status(Status(time.time_ns(), 5))
    assert main(["web"]) == 102
    assert capsys.readouterr().out == "web: supervise not running\n"
    assert real_svstat(str(web.folder)).endswith(": supervise not running\n")
