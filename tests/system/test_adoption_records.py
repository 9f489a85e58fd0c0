"""The supervisor is killed, and its records are lost or tampered with: one copy lives, no more."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervise.daemon.means import MARK
from supervise.kernel import proc
from tests.supervisor import Supervisor
from tests.waiting import wait_for_exit

RUN = "#!/bin/sh\nexec sleep 9999\n"


def copies(supervisor: Supervisor, name: str) -> list[int]:
    """All processes that bear a mark of the service."""
    owner = os.fsencode(f"{supervisor.place.run_dir}/{name}")
    marks = {pid: proc.environment(pid).get(MARK.encode(), b"") for pid in proc.pids()}
    return [pid for pid, mark in marks.items() if mark.rpartition(b"/")[0] == owner]


def _write(path: Path, state: dict[str, Any]) -> None:
    path.write_text(json.dumps(state))


def _without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {field: value for field, value in state.items() if field != key}


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir(0o700)


LOST: dict[str, Callable[[Path, dict[str, Any]], object]] = {
    "truncated": lambda path, state: path.write_text(""),
    "cut": lambda path, state: path.write_text(json.dumps(state)[:100]),
    "removed": lambda path, state: path.unlink(),
    "all removed": lambda path, state: _empty(path.parent),
    "another version": lambda path, state: _write(path, state | {"version": 2}),
    "renamed": lambda path, state: _write(path, _without(state, "phase") | {"fase": "up"}),
    "no pid": lambda path, state: _write(path, _without(state, "pid")),
    "pid abc": lambda path, state: _write(path, state | {"pid": "abc"}),
    "pid 2**40": lambda path, state: _write(path, state | {"pid": 2**40}),
    "faults": lambda path, state: _write(path, state | {"faults": "x"}),
    "deadline": lambda path, state: _write(
        path, state | {"clock": state["clock"] | {"deadline": "x"}}
    ),
    "paused": lambda path, state: _write(path, state | {"paused": [1]}),
    "last exit": lambda path, state: _write(
        path, state | {"last_exit": {"launch": 1, "status": "x", "ran_s": 0, "at": "q"}}
    ),
}


@pytest.mark.parametrize("how", LOST)
def test_a_launch_whose_record_is_lost_is_not_doubled(supervisor: Supervisor, how: str) -> None:
    for name in ("a", "beside"):
        supervisor.add(name, RUN)
    beside = supervisor.wait_for("beside", phase="up")
    before = supervisor.wait_for("a", phase="up")
    supervisor.kill()
    LOST[how](Path(supervisor.place.service("a").state), before)
    supervisor.start()
    wait_for_exit(before["pid"])
    after = supervisor.wait_for("a", phase="up", launch=2)
    assert copies(supervisor, "a") == [after["pid"]]
    assert supervisor.state("beside")["pid"] == beside["pid"]
    assert supervisor.alive


@pytest.mark.parametrize("name", [5, "../../etc", None])
def test_what_the_record_calls_it_is_of_no_account(supervisor: Supervisor, name: object) -> None:
    supervisor.add("a", RUN)
    before = supervisor.wait_for("a", phase="up")
    supervisor.kill()
    _write(Path(supervisor.place.service("a").state), before | {"name": name})
    supervisor.start()
    after = supervisor.wait_for("a", phase="up")
    assert (after["name"], after["pid"]) == ("a", before["pid"])
    assert copies(supervisor, "a") == [before["pid"]]


def test_it_is_ended_though_its_folder_is_gone(supervisor: Supervisor) -> None:
    folder = supervisor.add("a", RUN)
    before = supervisor.wait_for("a", phase="up")
    supervisor.kill()
    Path(supervisor.place.service("a").state).write_text("{")
    folder.rename(folder.with_name(".gone"))
    supervisor.start()
    wait_for_exit(before["pid"])
    folder.with_name(".gone").rename(folder)
    after = supervisor.wait_for("a", phase="up", launch=2)
    assert copies(supervisor, "a") == [after["pid"]]


@pytest.mark.parametrize("lost", [("a",), ("a/log",), ("a", "a/log")])
def test_neither_is_a_log_program_nor_its_service(
    supervisor: Supervisor, lost: tuple[str, ...]
) -> None:
    folder = supervisor.add(".a", RUN)
    (folder / "log").mkdir()
    (folder / "log/run").write_text("#!/bin/sh\nexec cat >/dev/null\n")
    (folder / "log/run").chmod(0o755)
    folder.rename(folder.with_name("a"))
    pids = {name: supervisor.wait_for(name, phase="up")["pid"] for name in ("a", "a/log")}
    supervisor.kill()
    for name in lost:
        Path(supervisor.place.service(name).state).unlink()
    supervisor.start()
    for name in lost:
        wait_for_exit(pids[name])
        supervisor.wait_for(name, phase="up", launch=2)
    # A log program whose service was ended before it was taken over has read all, and begins anew.
    supervisor.wait_for("a/log", phase="up", **{} if lost == ("a/log",) else {"launch": 2})
    for name in pids:
        after = supervisor.wait_for(name, phase="up")
        assert copies(supervisor, name) == [after["pid"]]
    if "a" not in lost:
        assert supervisor.state("a")["pid"] == pids["a"]
