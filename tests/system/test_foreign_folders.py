"""Folders that are another supervisor's, or were, or that two names lead to."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.system.services import SLEEP
from tests.waiting import wait_for

PLAIN = f"#!/bin/sh\n{SLEEP}\n"


def test_each_of_two_names_of_a_folder_is_reached(supervisor: Supervisor) -> None:
    folder = supervisor.add("b", PLAIN)
    os.symlink("b", folder.with_name("a"))
    kept = supervisor.wait_for("b", phase="up")["pid"]
    supervisor.wait_for("a", phase="up")
    assert supervisor.csv("svc", "-d", "a").returncode == 0
    supervisor.wait_for("a", phase="down")
    assert supervisor.state("b")["pid"] == kept
    assert supervisor.csv("svc", "-d", str(folder.with_name("b"))).returncode == 0
    supervisor.wait_for("b", phase="down")


def test_a_directory_of_daemontools_is_told_and_does_no_harm(supervisor: Supervisor) -> None:
    beside = Path(supervisor.place.scan_dir, ".web")
    (beside / "supervise").mkdir(parents=True)
    (beside / "run").write_text(PLAIN)
    (beside / "run").chmod(0o755)
    folder = beside.rename(beside.with_name("web"))
    supervisor.wait_for("web", phase="up")
    said = f"{folder}/supervise was left by another supervisor: remove it"
    wait_for(lambda: said in supervisor.log("csv"), supervisor.place.log_dir)
    assert said in supervisor.csv("check").stdout
    for name in ("web", str(folder)):
        assert supervisor.csv("svstat", name).stdout.startswith(f"{name}: up (pid ")
    assert supervisor.csv("svc", "-d", "web").returncode == 0
    supervisor.wait_for("web", phase="down")


@pytest.fixture
def runsv(place: Paths) -> Iterator[Path]:
    """A folder under a living runsv, laid out as Debian does; yields the folder."""
    top = Path(place.lib_dir).parent
    folder, real = top / "sv" / "web", top / "runit"
    folder.mkdir(parents=True)
    real.mkdir()
    (folder / "supervise").symlink_to(real)
    (folder / "run").write_text(f"#!/bin/sh\necho life >> lives\n{SLEEP}\n")
    (folder / "run").chmod(0o755)
    with subprocess.Popen(["runsv", str(folder)]) as process:
        wait_for((folder / "lives").exists, str(top))
        yield folder
        if process.poll() is None:
            process.terminate()


def test_a_folder_under_runsv_is_left_alone_until_that_ends(
    supervisor: Supervisor, runsv: Path
) -> None:
    os.symlink(runsv, f"{supervisor.place.scan_dir}/web")
    text = f"{supervisor.place.scan_dir}/web/supervise belongs to another supervisor that runs"
    supervisor.wait_for("web", phase="failed", error=f"{text}: stop it first")
    assert text in supervisor.csv("status").stdout
    assert text in supervisor.csv("check").stdout
    assert (runsv / "supervise").readlink().name == "runit"
    assert (runsv / "lives").read_text() == "life\n"
    subprocess.run(["sv", "force-shutdown", str(runsv)], check=True, stdout=subprocess.DEVNULL)
    (runsv / "run").touch()
    supervisor.wait_for("web", phase="up", error=None)
    assert (runsv / "supervise").readlink().parent.name == "web"


def test_a_second_supervisor_of_the_scan_directory_takes_nothing(supervisor: Supervisor) -> None:
    folder = supervisor.add("web", PLAIN)
    pid = supervisor.wait_for("web", phase="up")["pid"]
    top = Path(supervisor.place.lib_dir).parent / "second"
    second = Supervisor(
        supervisor.place._replace(
            **{f"{kind}_dir": str(top / kind) for kind in ("run", "lib", "log")}
        )
    )
    (top / "lib").mkdir(parents=True)
    second.start()
    try:
        second.wait_for("web", phase="failed")
    finally:
        assert second.stop() == 0
    assert os.readlink(folder / "supervise") == supervisor.place.service("web").supervise
    assert supervisor.state("web")["pid"] == pid


def test_links_to_elsewhere_leave_nothing_there(supervisor: Supervisor) -> None:
    top = Path(supervisor.place.lib_dir).parent
    (top / "data").mkdir()
    os.symlink(top / "data", f"{supervisor.place.scan_dir}/f9")
    supervisor.wait_for("f9", phase="failed")
    assert os.listdir(top / "data") == []
    (top / "data" / "run").write_text(PLAIN)
    (top / "data" / "run").chmod(0o755)
    supervisor.wait_for("f9", phase="up")
    assert (top / "data" / "supervise").is_symlink()
    os.unlink(f"{supervisor.place.scan_dir}/f9")
    gone = top / "data" / "supervise"
    wait_for(lambda: not os.path.lexists(gone), str(top / "data"))


def test_a_loop_and_a_dangling_link_are_shown(supervisor: Supervisor) -> None:
    scan = supervisor.place.scan_dir
    os.symlink("loop", f"{scan}/loop")
    os.symlink("nowhere", f"{scan}/gone")
    for name in ("loop", "gone"):
        supervisor.wait_for(name, phase="failed")
    for command in ("status", "check"):
        shown = supervisor.csv(command)
        assert shown.stderr == ""
        assert f"{scan}/loop: is a link to loop, which cannot be reached: Too many" in shown.stdout
        assert f"{scan}/gone: is a link to nowhere, which cannot be reached: No" in shown.stdout


def test_what_was_let_go_is_told_from_what_never_was_and_comes_back(
    supervisor: Supervisor,
) -> None:
    supervisor.add("web", PLAIN)
    supervisor.wait_for("web", phase="up")
    assert supervisor.csv("svc", "-w", "30", "-dx", "web").returncode == 0
    run_dir = supervisor.place.run_dir
    wait_for(lambda: not os.path.exists(f"{run_dir}/web/supervise"), run_dir)
    for command in (["status", "web"], ["svc", "-u", "web"]):
        told = supervisor.csv(*command)
        assert told.returncode == 102
        assert f"web: the supervisor (pid {supervisor.pid}) does not have it" in told.stderr
    os.kill(supervisor.pid, signal.SIGHUP)
    supervisor.wait_for("web", phase="up")
