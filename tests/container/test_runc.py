"""The other runtime: what holds with crun holds with runc, where that is what there is."""

import shutil

import pytest
from attrs import evolve

from supervise.container.runtime import CANNOT_RUN, NOT_FOUND
from supervise.errors import LaunchError
from tests.container.conftest import Containers
from tests.waiting import wait_for_exit


@pytest.fixture
def with_runc(containers: Containers) -> Containers:
    path = shutil.which("runc", path="/usr/sbin:/usr/bin")
    assert path is not None, "runc is not installed"
    containers.use(evolve(containers.host, runtime="runc", runtime_path=path))
    return containers


def test_status_filter_and_capabilities(with_runc: Containers) -> None:
    script = "grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status; mount -t tmpfs x /mnt; exit 7"
    ended = with_runc.shell(f"({script}) 2>/dev/null")
    assert ended.status == 7
    assert set(ended.output.split()) == {
        *("CapEff:", "00000000800405fb", "Seccomp:", "2", "NoNewPrivs:", "1"),
    }


def test_volumes_are_read_only_with_all_below(with_runc: Containers) -> None:
    script = "touch /v/x 2>/dev/null || echo refused; cat /v/run"
    with open(f"{with_runc.folder}/run", "w", encoding="ascii") as file:
        file.write("own\n")
    assert with_runc.shell(script, 'volumes = [".:/v:ro"]').output == "refused\nown\n"


@pytest.mark.parametrize("name", ["web", "a:b", "-dash"])
def test_a_detached_container_is_found_and_killed(with_runc: Containers, name: str) -> None:
    launch = with_runc.launch("command = ['sleep', '1000']", name=name)
    pid = with_runc.start(launch)
    assert with_runc.launcher.running(launch) == pid
    with_runc.launcher.kill(launch)
    wait_for_exit(pid)
    with_runc.launcher.clean(launch)
    assert with_runc.left() == []


@pytest.mark.parametrize(
    ("command", "expected", "status"),
    [
        ("nosuch", '"nosuch" is not in the PATH of the container', NOT_FOUND),
        ("/no/such", '"/no/such" does not exist in the container', NOT_FOUND),
        ("/etc", '"/etc" is no program that can be run', CANNOT_RUN),
    ],
)
def test_a_failure_says_why(
    with_runc: Containers, command: str, expected: str, status: int
) -> None:
    launch = with_runc.launch(f"command = '{command}'")
    with pytest.raises(LaunchError, match=expected) as caught:
        with_runc.start(launch)
    assert caught.value.exec_status == status
    with_runc.launcher.clean(launch)
