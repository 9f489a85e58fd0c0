"""One launch: from prepare to clean, and the ways in which it can fail."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from attrs import evolve

from supervise.container.launcher import Launch, Launcher
from supervise.errors import CsvError, HostError, LaunchError
from tests.container.conftest import Containers
from tests.waiting import wait_for_exit


def test_exit_status(containers: Containers) -> None:
    assert containers.shell("exit 7").status == 7


def test_a_detached_container_lives_and_is_found_again(containers: Containers) -> None:
    launch = containers.launch("command = ['sleep', '1000']")
    pid = containers.start(launch)
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    # Another launcher is what the next supervisor has.
    again = Launcher(containers.place, containers.host)
    assert again.running(launch) == pid
    again.kill(launch)
    wait_for_exit(pid)
    assert again.running(launch) is None
    again.clean(launch)
    again.clean(launch)
    assert again.running(launch) is None


def test_a_strangers_pid_in_the_pid_file_is_not_taken_for_it(containers: Containers) -> None:
    launch = containers.launch("command = ['sleep', '1000']")
    pid = containers.start(launch)
    Path(containers.place.run_dir, "web", f"bundle.{launch.number}", "pid").write_text(
        str(os.getpid())
    )
    assert containers.launcher.running(launch) is None
    containers.launcher.clean(launch)
    wait_for_exit(pid)


def test_kill_ends_everything_in_it(containers: Containers) -> None:
    launch = containers.launch("command = ['sh', '-c', 'setsid sleep 1000 & exec sleep 1000']")
    pid = containers.start(launch)
    containers.launcher.kill(launch)
    wait_for_exit(pid)
    containers.launcher.clean(launch)
    assert containers.left() == []


def test_clean_kills_what_lives(containers: Containers) -> None:
    launch = containers.launch("command = ['sleep', '1000']")
    pid = containers.start(launch)
    containers.launcher.clean(launch)
    wait_for_exit(pid)
    assert containers.left() == []


def test_a_former_launch_does_not_stand_in_the_way(containers: Containers) -> None:
    first = containers.launch("command = ['sleep', '1000']\nwritable = 'keep'")
    pid = containers.start(first)
    os.kill(pid, signal.SIGKILL)
    wait_for_exit(pid)
    second = containers.launch("command = ['sleep', '1000']\nwritable = 'keep'")
    assert containers.start(second) != pid
    containers.launcher.clean(first)
    assert containers.launcher.running(second)
    containers.launcher.clean(second)
    shutil.rmtree(f"{containers.place.layers}/web.keep")


def test_a_launch_that_runs_is_not_started_again(containers: Containers) -> None:
    launch = containers.launch("command = ['sleep', '1000']")
    pid = containers.start(launch)
    with pytest.raises(LaunchError, match="is running already"):
        containers.launcher.prepare(launch)
    assert containers.launcher.running(launch) == pid
    containers.launcher.clean(launch)


def fail(containers: Containers, text: str) -> CsvError:
    """Start it; returns why it does not come to life."""
    launch = containers.launch(text)
    with pytest.raises((LaunchError, HostError)) as caught:
        containers.start(launch)
    containers.launcher.clean(launch)
    assert containers.left() == []
    error = caught.value
    assert isinstance(error, CsvError)
    return error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command = 'nosuch'", 'the command "nosuch" is not in the PATH of the container'),
        ("command = '/no/such'", 'the command "/no/such" does not exist in the container'),
        ("command = '/etc'", 'the command "/etc" is no program that can be run'),
        ("command = 'x'\nuser = 'nobdy'", 'user "nobdy" is not in /etc/passwd of the container'),
        ("command = 'x'\nuser = '0:nogrp'", 'group "nogrp" is not in /etc/group of the container'),
        ("command = 'x'\nvolumes = ['/no/such:/a']", "volumes: /no/such does not exist; make it"),
        ("command = 'x'\nenv_file = 'no'", "/web/no does not exist; make it, or take it out"),
        ("command = 'x'\nrootfs = './no'", "/web/no is no directory; make it, or mend the path"),
        ("command = 'true'\nworking_dir = '/etc/passwd'", "Not a directory"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing(
    containers: Containers, text: str, expected: str
) -> None:
    assert expected in str(fail(containers, text))


def test_command_not_found_is_told_from_command_that_cannot_be_run(containers: Containers) -> None:
    assert getattr(fail(containers, "command = 'nosuch'"), "exec_status", 0) == 127
    assert getattr(fail(containers, "command = '/etc'"), "exec_status", 0) == 126


def test_a_capability_that_we_lack_is_refused(containers: Containers) -> None:
    lame = evolve(containers.host, bounding=containers.host.bounding & ~(1 << 24))
    containers.use(lame)
    error = fail(containers, "command = 'x'\ncap_add = ['SYS_RESOURCE']")
    assert "does not have CAP_SYS_RESOURCE to give" in str(error)


def test_a_machine_without_seccomp_profile_or_init_says_what_to_install(
    containers: Containers,
) -> None:
    bare = evolve(containers.host, seccomp_profile=None, init=None)
    containers.use(bare)
    assert "apt install golang-github" in str(fail(containers, "command = 'x'"))
    containers.use(evolve(containers.host, init=None))
    assert "apt install catatonit" in str(fail(containers, "command = 'x'\ninit = true"))


def test_a_runtime_killed_by_a_signal_is_told(containers: Containers) -> None:
    launch = containers.launch("command = 'x'")
    containers.launcher.prepare(launch)
    assert "was ended by SIGKILL" in str(containers.launcher.failure(launch, -9))
    assert "exit code 3 and left no message" in str(containers.launcher.failure(launch, 3))
    with pytest.raises(LaunchError, match="left no message"):
        containers.launcher.collect(launch)
    containers.launcher.clean(launch)


def test_the_runtime_gets_none_of_our_environment(
    containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    launch = containers.launch("command = 'x'")
    command = containers.launcher.prepare(launch)
    assert command.env is not None
    assert "NOTIFY_SOCKET" not in command.env
    containers.launcher.clean(launch)


@pytest.mark.parametrize(
    "name", ["ä b+c", "x" * 128, "é" * 64, ".run-1-web", "a:b", "-dash", "--root", "a,b=c\\d"]
)
def test_any_name_of_a_service(containers: Containers, name: str) -> None:
    launch = containers.launch("command = ['sleep', '1000']", name=name)
    pid = containers.start(launch)
    assert containers.launcher.running(launch) == pid
    assert Path(f"/proc/{pid}/comm").exists()
    containers.launcher.clean(launch)


def test_ids_are_unambiguous() -> None:
    def launch(name: str, number: int) -> str:
        return Launch(name=name, number=number, folder="", definition=None).id  # type: ignore[arg-type]

    named = [
        (name, n)
        for name in ("a", "-a", "+2Da", "a.1", "a+2E", "é", "+C3+A9", "é" * 64)
        for n in (1, 11)
    ]
    assert len({launch(*each) for each in named}) == len(named)


def test_close_waits_for_the_last(containers: Containers) -> None:
    other = Launcher(containers.place, containers.host)
    launch = containers.launch("command = ['sleep', '1000']")
    containers.start(launch)
    containers.launcher.close()
    assert os.path.isdir(containers.place.skeleton)
    containers.launcher.clean(launch)
    other.sweep()
    containers.launcher.close()
    assert os.path.isdir(containers.place.skeleton)
    other.close()
    assert os.path.isdir(containers.place.skeleton) is False
