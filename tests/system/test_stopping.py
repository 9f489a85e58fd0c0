"""The end: of one service, in its own time, and of all, in parallel, leaving nothing."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from supervise.container.host import probe
from supervise.container.names import cgroup_parent
from supervise.paths import Paths
from tests import leftovers
from tests.supervisor import CSV, Supervisor
from tests.system.services import SLEEP, WAIT, Kind, container
from tests.waiting import LIMIT_S, wait_for, wait_for_exit

STUBBORN = f"trap 'echo no' TERM\necho ready\n{WAIT}"


def grace(kind: Kind, name: str, seconds: float) -> tuple[str, dict[str, str]]:
    """A stubborn service that is given so much time."""
    line = f'stop_grace_period = "{seconds}s"'
    if kind.name == "plain":
        return kind.run(STUBBORN), {"csv.toml": line}
    return kind.run(STUBBORN, line), {}


def test_killed_at_the_end_of_its_grace(supervisor: Supervisor, kind: Kind) -> None:
    text, files = grace(kind, "web", 0.7)
    supervisor.add("web", text, **files)
    supervisor.wait_for_line("web", "ready")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    begun = time.monotonic()
    supervisor.csv("svc", "-w", "30", "-d", "web")
    assert time.monotonic() - begun >= 0.7
    wait_for_exit(pid)
    supervisor.wait_for_line("web", "no")
    assert supervisor.state("web")["last_exit"]["words"] == "SIGKILL"


def test_what_it_left_behind_ends_with_it(supervisor: Supervisor, kind: Kind) -> None:
    """Also what left the session, and would outlive a plain kill."""
    setsid = "" if kind.name == "busybox" else "setsid "
    script = f"(trap '' TERM HUP; exec {setsid}sleep 1000) &\necho left; {SLEEP}"
    supervisor.add("web", kind.run(script, "init = true"))
    supervisor.wait_for_line("web", "left")
    supervisor.csv("svc", "-w", "30", "-d", "web")
    top = os.path.dirname(supervisor.place.run_dir)
    out = supervisor.place.service("web").out

    def holders() -> list[int]:
        shim = json.loads(Path(supervisor.place.shim, "pid").read_text())["pid"]
        ours = (supervisor.pid, shim)
        found = leftovers.processes(top)
        return [pid for pid in found if pid not in ours and _has_open(pid, out)]

    wait_for(lambda: not holders(), supervisor.place.run_dir)


def test_an_init_without_a_handler_ends_at_once(supervisor: Supervisor) -> None:
    """The kernel drops TERM for it; waiting for the grace period would be in vain."""
    supervisor.add("web", container(SLEEP, 'stop_grace_period = "1h"'))
    supervisor.wait_for("web", phase="up")
    assert supervisor.csv("svc", "-w", "30", "-d", "web").returncode == 0
    assert supervisor.state("web")["last_exit"]["words"] == "SIGKILL"


def test_its_own_stop_signal(supervisor: Supervisor, kind: Kind) -> None:
    script = f"trap 'echo asked; exit 0' USR2\ntrap 'echo no' TERM\necho ready\n{WAIT}"
    line = 'stop_signal = "SIGUSR2"'
    extra = {"csv.toml": line} if kind.name == "plain" else {}
    supervisor.add("web", kind.run(script, *([] if extra else [line])), **extra)
    supervisor.wait_for_line("web", "ready")
    assert supervisor.csv("svc", "-w", "30", "-d", "web").returncode == 0
    assert supervisor.state("web")["last_exit"]["words"] == "exit 0"
    assert "no" not in supervisor.log("web")


def test_term_ends_all_in_parallel_and_leaves_nothing(place: Paths, kind: Kind) -> None:
    supervisor = Supervisor(place)
    supervisor.start()
    for number in range(4):
        text, files = grace(kind, f"stubborn{number}", 1)
        supervisor.add(f"stubborn{number}", text, **files)
    supervisor.add("crasher", kind.run("exit 1"))
    supervisor.add("broken", "#!/bin/sh\n").joinpath("run").chmod(0o644)
    supervisor.add("down", kind.run(SLEEP), down="")
    pids = [_ready(supervisor, f"stubborn{number}") for number in range(4)]
    begun = time.monotonic()
    os.kill(supervisor.pid, signal.SIGTERM)
    for number in range(4):
        supervisor.wait_for_line(f"stubborn{number}", "no")
    os.kill(supervisor.pid, signal.SIGTERM)  # a second one must not hurry it into leaking
    os.kill(supervisor.pid, signal.SIGINT)
    wait_for(lambda: not os.path.exists(place.run_dir), os.path.dirname(place.run_dir))
    os.kill(supervisor.pid, signal.SIGTERM)  # nor one in its very last moment
    assert supervisor.stop() == 0, supervisor.output.read_text()
    assert 1 <= time.monotonic() - begun < 4
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()
    _assert_nothing_left(place)


def test_term_while_it_still_starts(place: Paths, kind: Kind) -> None:
    for number in range(20):
        folder = Path(place.scan_dir, f"s{number}")
        folder.mkdir()
        (folder / "run").write_text(kind.run(SLEEP))
        (folder / "run").chmod(0o755)
    supervisor = Supervisor(place)
    supervisor.start()
    assert supervisor.stop() == 0, supervisor.output.read_text()
    _assert_nothing_left(place)


def test_a_second_supervisor_is_refused(supervisor: Supervisor) -> None:
    argv = [*CSV, "scan", supervisor.place.scan_dir]
    second = subprocess.run(
        argv, env=supervisor.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode not in (0, 2)
    assert second.stderr.count("\n") == 1
    assert f"the supervisor with pid {supervisor.pid} serves it already" in second.stderr
    assert supervisor.alive


def test_supervisors_with_places_of_their_own_do_not_meet(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    paths = Paths(*(str(tmp_path / name) for name in ("scan", "run", "lib", "log")))
    for path in paths:
        os.mkdir(path)
    other = Supervisor(paths)
    other.start()
    try:
        for each in (supervisor, other):
            each.add("web", container(SLEEP))
        pids = [each.wait_for("web", phase="up")["pid"] for each in (supervisor, other)]
    finally:
        assert other.stop() == 0
    assert supervisor.state("web")["pid"] == pids[0]
    assert Path(f"/proc/{pids[0]}").exists()
    assert not Path(f"/proc/{pids[1]}").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_it(place: Paths, number: int) -> None:
    supervisor = Supervisor(place)
    supervisor.start()
    os.kill(supervisor.pid, number)
    wait_for_exit(supervisor.pid)
    assert supervisor.stop() == 0


def test_hup_reads_every_folder_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """The one way to tell of a change where inotify sees none: beyond a link of run itself."""
    (tmp_path / "program").write_text(f"#!/bin/sh\n{SLEEP}\n")
    (tmp_path / "program").chmod(0o755)
    new = Path(supervisor.place.scan_dir, ".web")
    new.mkdir()
    (new / "run").symlink_to(tmp_path / "program")
    new.rename(new.with_name("web"))
    supervisor.wait_for("web", phase="up")
    (tmp_path / "program").write_text(f"#!/bin/sh\necho changed; {SLEEP}\n")
    os.kill(supervisor.pid, signal.SIGHUP)
    supervisor.wait_for("web", changed=True)


def _ready(supervisor: Supervisor, name: str) -> int:
    supervisor.wait_for_line(name, "ready", LIMIT_S)
    pid: int = supervisor.wait_for(name, phase="up")["pid"]
    return pid


def _has_open(pid: int, path: str) -> bool:
    try:
        descriptors = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return path in descriptors


def _assert_nothing_left(place: Paths) -> None:
    top = os.path.dirname(place.run_dir)
    assert leftovers.processes(top) == {}
    assert leftovers.mounts(top) == []
    assert not os.path.exists(place.run_dir), os.listdir(place.run_dir)
    assert not os.path.exists(place.layers), os.listdir(place.layers)
    assert not os.path.exists("/sys/fs/cgroup" + cgroup_parent(place, probe().own_cgroup))
    for each in Path(place.scan_dir).iterdir():
        assert not (each / "supervise").is_symlink()
