"""csv status: one aligned row for each service, the truth about who supervises, and JSON."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from supervise.cli.state import duration
from supervise.cli.status import main
from supervise.kernel.proc import start_time
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir

HEADER = ["NAME", "PHASE", "SINCE", "PID", "LAUNCHES", "LAST-EXIT", "NEXT-TRY", "ERROR"]


def last_exit(words: str) -> dict[str, Any]:
    return {"launch": 1, "status": 0, "words": words, "at": 0.0, "ran_s": 1.0}


def rows(out: str) -> list[list[str]]:
    """The cells, cut where the header's columns begin: that they align is part of the test."""
    head, *lines = out.splitlines()
    assert head.split() == HEADER
    starts = [head.index(word) for word in HEADER]
    ends = [*starts[1:], None]
    return [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines]


def test_the_table_tells_of_each_service(places: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    with SuperviseDir(places, "web") as web, SuperviseDir(places, "a-long-name") as worker:
        web.set_state(phase="up", want="up", since=now - 180, pid=77, launch=12, changed=True)
        worker.set_state(
            phase="waiting",
            since=now - 3600 * 5,
            launch=3,
            last_exit=last_exit("SIGKILL (out of memory)"),
            next_attempt=now + 30 * 60,
            error="crun: no such\nfile",
        )
        assert main([]) == 0
    assert rows(capsys.readouterr().out) == [
        [
            *["a-long-name", "waiting", "5 h ago", "-", "3"],
            *["SIGKILL (out of memory)", "in 30 min", "crun: no such file"],
        ],
        ["web", "up, changed", "3 min ago", "77", "12", "-", "-", ""],
    ]


def test_json_is_the_whole_state(places: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="up", pid=77)
        Path(places.scan_dir, "fresh").mkdir()
        assert main(["--json"]) == 0
        fresh, known = json.loads(capsys.readouterr().out)
        assert known == json.loads((web.run / "state.json").read_text()) | {"supervised": True}
    assert fresh == {
        "name": "fresh",
        "folder": f"{places.scan_dir}/fresh",
        "phase": None,
        "supervised": False,
    }


def test_what_no_supervisor_knows_is_shown(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state()
        Path(places.scan_dir, "fresh").mkdir()
        Path(places.scan_dir, ".hidden").mkdir()
        Path(places.scan_dir, "csv.toml").touch()
        assert main([]) == 0
    table = rows(capsys.readouterr().out)
    assert [row[:2] for row in table] == [["fresh", "unsupervised"], ["web", "down"]]


def test_a_removed_folder_is_shown_while_its_service_stops(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="stopping")
        (web.folder / "supervise").unlink()
        web.folder.rmdir()
        assert main([]) == 0
    assert [row[:2] for row in rows(capsys.readouterr().out)] == [["web", "stopping"]]


def test_a_dead_supervisor_is_said_to_be_dead(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="up", pid=5)
    assert main([]) == 102
    out, err = capsys.readouterr()
    assert rows(out)[0][:2] == ["web", "up, unsupervised"]
    assert err.startswith("csv status: no supervisor is running for web; what is shown is what")


def test_one_named_and_not_supervised_is_102(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        web.set_state()
        assert main(["web"]) == 0
        assert main(["web", "nothing"]) == 102
    error = f"csv status: nothing: there is no service folder {places.scan_dir}/nothing\n"
    assert capsys.readouterr().err == error


def test_a_name_cannot_command_the_terminal(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(places.scan_dir, "a\nb\x1b[2J").mkdir()
    Path(os.fsdecode(os.fsencode(places.scan_dir) + b"/\xff")).mkdir()
    assert main([]) == 102
    out, err = capsys.readouterr()
    assert [row[0] for row in rows(out)] == [r"a\nb\x1b[2J", r"\udcff"]
    assert r"a\nb\x1b[2J" in err


def test_links_that_lead_nowhere_are_shown(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, target in (("loop", "loop"), ("gone", "nowhere")):
        Path(places.scan_dir, name).symlink_to(target)
    assert main([]) == 102
    assert [row[0] for row in rows(capsys.readouterr().out)] == ["gone", "loop"]


def test_a_living_supervisor_is_not_said_to_be_missing(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    me = {"pid": os.getpid(), "start_time": start_time(os.getpid())}
    Path(places.supervisor).write_text(json.dumps(me))
    with SuperviseDir(places, "web") as web:
        web.leave()
        assert main(["web"]) == 102
    err = capsys.readouterr().err
    assert f"web: the supervisor (pid {os.getpid()}) does not have it" in err
    assert f"kill -HUP {os.getpid()}" in err
    Path(places.supervisor).write_text(json.dumps({**me, "start_time": 1}))
    assert main(["web"]) == 102
    assert "no supervisor is running for web" in capsys.readouterr().err


def test_no_services_is_no_error(places: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr() == ("", f"no services: {places.scan_dir} holds no folder\n")


@pytest.mark.parametrize(
    ("data", "reason"), [(b"{", "not JSON"), (b"[]", "not of version 1"), (b"\xff", "not JSON")]
)
def test_a_state_that_nobody_wrote_is_no_traceback(
    places: Paths, capsys: pytest.CaptureFixture[str], data: bytes, reason: str
) -> None:
    with SuperviseDir(places, "web") as web:
        (web.run / "state.json").write_bytes(data)
        assert main([]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"csv status: {web.run}/state.json: {reason}")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.26, "0.3 s"),
        (1, "1 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (121, "2 min"),
        (7201, "2 h"),
        (172801, "2 d"),
    ],
)
def test_durations_have_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("environment", "painted"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(
    places: Paths, environment: dict[str, str], painted: bool
) -> None:
    status = [sys.executable, "-m", "supervise.cli.main", "status"]
    terminal, theirs = os.openpty()
    with SuperviseDir(places, "web") as web:
        web.set_state(phase="up")
        subprocess.run(status, env=os.environ | environment, stdout=theirs, check=True)
        piped = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    os.close(theirs)
    out = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert ("\x1b[32mup\x1b[0m" in out) is painted
    assert re.sub("\x1b[^m]*m|\r", "", out) == piped
