"""log/run: real multilog, svlogd and s6-log take a service's output, and lose none of it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.supervisor import Supervisor
from tests.waiting import kill, wait_for

LOGGERS = {"multilog": "multilog ./main", "svlogd": "svlogd ./main", "s6-log": "s6-log n20 ./main"}
THREE = """#!/bin/sh
echo error >&2
for i in 1 2 3; do echo line $i; done
exec sleep 1000
"""
AS_TOLD = """#!/bin/sh
[ -p go ] || mkfifo go
exec 3<>go
:> ready
i=0
while read -r to <&3; do
    while [ $i -lt $to ]; do i=$((i+1)); echo line $i; done
done
"""
LAST_WORDS = """#!/bin/sh
trap 'for i in $(seq 2 5000); do echo line $i; done; exit' TERM
echo line 1
while :; do sleep 1000 & wait; done
"""


@pytest.fixture
def make(supervisor: Supervisor) -> Callable[..., Path]:
    """Lays out a service with a log/run, and moves it into place."""

    def make(run: str, logger: str = LOGGERS["multilog"]) -> Path:
        folder = Path(supervisor.place.scan_dir, ".web")
        (folder / "log/main").mkdir(parents=True)
        for file, text in (("run", run), ("log/run", f"#!/bin/sh\nexec {logger}\n")):
            (folder / file).write_text(text)
            (folder / file).chmod(0o755)
        return folder.rename(folder.with_name("web"))

    return make


def numbers(folder: Path) -> list[int]:
    """Of the lines in the log program's own files; one that was killed leaves several."""
    files = [*sorted(folder.glob("log/main/@*")), folder / "log/main/current"]
    text = "".join(file.read_text() for file in files if file.exists())
    return list(map(int, re.findall(r"line (\d+)$", text, re.MULTILINE)))


def wait_for_lines(folder: Path, count: int) -> None:
    wait_for(lambda: len(numbers(folder)) >= count, str(folder / "log"))
    assert numbers(folder) == list(range(1, count + 1))


@pytest.mark.parametrize("logger", LOGGERS)
def test_output_goes_to_the_log_program(
    supervisor: Supervisor, make: Callable[..., Path], logger: str
) -> None:
    folder = make(THREE, LOGGERS[logger])
    wait_for_lines(folder, 3)
    supervisor.wait_for_line("web", "err error")
    assert "line 1" not in supervisor.log("web")
    svstat = subprocess.run(["/usr/bin/svstat", folder / "log"], capture_output=True, check=True)
    assert b": up (pid " in svstat.stdout
    svdir = {"SVDIR": supervisor.place.scan_dir, "PATH": "/usr/bin:/bin"}
    status = subprocess.run(["sv", "status", "web"], env=svdir, capture_output=True, check=True)
    assert re.match(rb"run: web: .*; run: log: \(pid ", status.stdout)


def test_nothing_is_lost_whoever_dies(supervisor: Supervisor, make: Callable[..., Path]) -> None:
    folder = make(AS_TOLD)
    supervisor.wait_for("web", phase="up")
    wait_for((folder / "ready").exists, str(folder))

    def upto(number: int) -> None:
        with open(folder / "go", "r+b", buffering=0) as go:
            go.write(b"%d\n" % number)

    upto(1000)
    wait_for_lines(folder, 1000)
    kill(supervisor.state("web/log")["pid"])
    upto(2000)
    wait_for_lines(folder, 2000)
    supervisor.kill()
    kill(supervisor.state("web/log")["pid"])
    upto(3000)
    supervisor.start()
    wait_for_lines(folder, 3000)
    subprocess.run(["/usr/bin/svc", "-t", folder / "log"], check=True)
    upto(4000)
    wait_for_lines(folder, 4000)


def test_the_last_lines_are_written_when_it_is_taken_away(
    supervisor: Supervisor, make: Callable[..., Path]
) -> None:
    folder = make(LAST_WORDS)
    wait_for_lines(folder, 1)
    away = folder.rename(folder.with_name(".away"))
    run = Path(supervisor.place.run_dir, "web")
    wait_for(lambda: not run.exists(), supervisor.place.run_dir)
    assert numbers(away) == list(range(1, 5001))
    away.rename(folder)
    supervisor.wait_for("web/log", phase="up")
    supervisor.wait_for("web", phase="up")
