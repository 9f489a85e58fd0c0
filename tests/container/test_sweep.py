"""What dead supervisors leave is found and removed, and nothing else is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from supervise.container.launcher import Launcher
from supervise.paths import Paths
from tests.container.conftest import Containers
from tests.waiting import LIMIT_S, wait_for_exit


def test_a_death_at_any_step_leaves_nothing_that_a_sweep_does_not_find(place: Paths) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.container.dying", *place],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=2 * LIMIT_S,
    )
    *left, places = done.stdout.splitlines()
    assert left == []
    assert int(places) > 50


def test_a_sweep_keeps_what_it_is_told_to(containers: Containers) -> None:
    kept = containers.launch("command = ['sleep', '1000']")
    gone = containers.launch("command = ['sleep', '1000']", name="other")
    pid, other = containers.start(kept), containers.start(gone)
    successor = Launcher(containers.place, containers.host)
    assert successor.sweep({kept.id}) == [gone.id]
    wait_for_exit(other)
    assert successor.running(kept) == pid
    successor.clean(kept)
    successor.close()


def test_layers_of_a_former_boot_go_and_those_of_others_stay(containers: Containers) -> None:
    layers = Path(containers.place.layers)
    launch = containers.launch("command = ['true']")
    containers.launcher.prepare(launch)
    (own,) = layers.iterdir()
    containers.launcher.clean(launch)
    mark = own.name.partition("+")[2]
    stay = [layers / "web.keep", layers / "web.1", layers / "web.1+01234567"]
    for path in (*stay, layers / f"web.77+{mark}"):
        (path / "upper/deep").mkdir(parents=True)
    assert containers.launcher.sweep() == ["web.77"]
    assert sorted(layers.iterdir()) == sorted(stay)
    for path in stay:
        shutil.rmtree(path)


def test_a_runtime_still_at_work_is_stopped(containers: Containers) -> None:
    launch = containers.launch("command = ['sleep', '1000']")
    command = containers.launcher.prepare(launch)
    # Its argv is that of the runtime, which has not written its pid file yet.
    runtime = subprocess.Popen(["sh", "-c", "sleep 1000; :", *command.argv])
    containers.launcher.clean(launch)
    assert runtime.wait(LIMIT_S) == -9
    assert containers.left() == []


def test_hostile_content_is_removed(containers: Containers) -> None:
    script = """
    i=0; while [ $i -lt 1500 ]; do mkdir d && cd -P d; i=$((i+1)); done
    ln -s /etc /srv/link; mkfifo /srv/fifo; chmod 0 /srv; touch "/opt/$(printf 'a\\nb')"
    """
    assert containers.shell(script).status == 0
    assert containers.left() == []
    assert os.path.exists("/etc/passwd")
