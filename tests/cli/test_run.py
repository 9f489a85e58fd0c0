"""``csv-run``: the foreground, signals, a terminal, exit codes, nothing left."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervise.container import cgroups, names
from supervise.container.host import probe
from supervise.kernel.inotify import IN_OPEN, Inotify
from supervise.paths import Paths
from tests.waiting import LIMIT_S, wait_for, wait_for_exit

CSV_RUN = [sys.executable, "-m", "supervise.cli.run"]


@pytest.fixture
def place(place: Paths) -> Iterator[Paths]:
    """The run and lib directories do not exist, and shall not afterwards."""
    os.rmdir(place.run_dir)
    os.rmdir(place.lib_dir)
    yield place
    try:
        assert not os.path.exists(place.run_dir), sorted(Path(place.run_dir).rglob("*"))
        assert not os.path.exists(place.lib_dir), sorted(Path(place.lib_dir).rglob("*"))
        host = probe()
        parent = names.cgroup_parent(place, host.own_cgroup)
        assert not cgroups.children(host, parent)
    finally:
        os.makedirs(place.run_dir, exist_ok=True)


def argv(place: Paths, text: str, *words: str) -> list[str]:
    file = Path(place.scan_dir, "web.toml")
    file.write_text(f'#!/usr/bin/env csv-run\nrootfs = "host"\n{text}\n')
    return [*CSV_RUN, "--run-dir", place.run_dir, "--lib-dir", place.lib_dir, str(file), *words]


def run(place: Paths, text: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(place, text, *words),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@contextmanager
def started(place: Paths, text: str) -> Iterator[subprocess.Popen[str]]:
    """Start one whose container says ``ready``, and wait for that."""
    with subprocess.Popen(
        argv(place, text), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            # The first tells it to end, the second to kill: a failed test must not wait for ever.
            for _ in range(2):
                process.terminate()


def pid_by_hand(place: Paths) -> int | None:
    """The pid of the one container by hand that there is."""
    for file in Path(place.run_dir).glob(".run-*/bundle.1/pid"):
        return int(file.read_text() or 0) or None
    return None


def test_input_output_and_status_are_the_containers(place: Paths) -> None:
    done = run(place, "command = ['sh', '-c', 'cat; echo err >&2; exit 3']", stdin="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\n", "err\n")


def test_words_take_the_place_of_the_command(place: Paths) -> None:
    assert run(place, "command = 'false'", "echo", "-n", "--help").stdout == "--help"


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("command = 'nosuch'", 127, 'csv-run: the command "nosuch" is not in the PATH'),
        ("command = '/etc'", 126, 'csv-run: the command "/etc" is no program'),
        ("command = 'true'\nuser = 'nobdy'", 125, 'csv-run: user "nobdy" is not in /etc/passwd'),
        ("comand = 'true'", 125, 'web.toml:3: comand: no such key; did you mean "command"?'),
        ("command = ['sh', '-c', 'kill -9 $$']\ninit = true", 137, ""),
    ],
)
def test_exit_codes(place: Paths, text: str, status: int, message: str) -> None:
    done = run(place, text)
    assert done.returncode == status
    assert message in done.stderr


def test_wrong_usage_and_a_missing_file(place: Paths) -> None:
    assert subprocess.run(CSV_RUN, capture_output=True, check=False).returncode == 100
    done = subprocess.run([*CSV_RUN, "/no/such"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        125,
        "csv-run: /no/such: cannot be read: No such file or directory\n",
    )


def test_a_run_file_runs_itself(place: Paths) -> None:
    file = Path(place.scan_dir, "run")
    wrapper = Path(place.scan_dir, "csv-run")
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(CSV_RUN)} "$@"\n')
    wrapper.chmod(0o755)
    file.write_text('#!/usr/bin/env csv-run\nrootfs = "host"\ncommand = ["echo", "self"]\n')
    file.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{place.scan_dir}:{os.environ['PATH']}",
        "PYTHONPATH": os.getcwd(),
        "CSV_RUN_DIR": place.run_dir,
        "CSV_LIB_DIR": place.lib_dir,
    }
    done = subprocess.run(
        ["./run"], cwd=place.scan_dir, env=environment, stdout=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"self\n")


TRAPS = """command = ['sh', '-c', '''
trap "echo got int; exit 4" INT
trap "echo got term; exit 5" TERM
trap "echo got usr1; exit 6" USR1
echo ready; while :; do read x < /tmp/fifo; done''']
entrypoint = ['sh', '-c', 'mkfifo /tmp/fifo; exec "$@"', 'sh']
"""
DEAF = "command = ['sh', '-c', 'echo ready; exec sleep 1000']"


@pytest.mark.parametrize(
    ("text", "number", "status", "said"),
    [
        (TRAPS, signal.SIGINT, 4, "got int\n"),
        (TRAPS, signal.SIGTERM, 5, "got term\n"),
        (f"{TRAPS}stop_signal = 'USR1'", signal.SIGTERM, 6, "got usr1\n"),
        # Its first process would never see the signal, so its grace period is not waited for.
        (f"{DEAF}\nstop_grace_period = '1h'", signal.SIGTERM, 137, ""),
    ],
)
def test_signals_end_it(place: Paths, text: str, number: int, status: int, said: str) -> None:
    with started(place, text) as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output) == (status, said)


def test_a_signal_that_comes_before_the_pid_file_is_not_lost(place: Paths) -> None:
    with started(place, TRAPS) as process:
        wait_for(lambda: pid_by_hand(place), place.run_dir)
        (file,) = Path(place.run_dir).glob(".run-*/bundle.1/pid")
        written = file.rename(f"{place.scan_dir}/pid")
        file.touch()
        with Inotify() as reading:
            reading.add_watch(str(file), IN_OPEN)
            process.terminate()
            assert select.select([reading], [], [], LIMIT_S)[0]
        written.rename(file)
        assert process.wait(LIMIT_S) == 5


def test_one_that_ignores_the_signal_is_killed_after_its_grace_period(place: Paths) -> None:
    text = "command = ['sh', '-c', 'trap : TERM; echo ready; while :; do sleep 1000; done']"
    with started(place, f"{text}\nstop_grace_period = '200ms'") as process:
        before = time.monotonic()
        process.terminate()
        assert process.wait(LIMIT_S) == 137
    assert time.monotonic() - before >= 0.2


def test_a_second_signal_kills(place: Paths) -> None:
    script = 'trap "echo again" INT; echo ready; while :; do sleep 1000 & wait; done'
    text = f"command = ['sh', '-c', '{script}']"
    with started(place, text) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "again\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 137


def test_one_that_was_killed_is_swept_by_the_next(place: Paths) -> None:
    os.makedirs(place.run_dir)
    os.makedirs(place.lib_dir)
    with started(place, "command = ['sh', '-c', 'echo ready; exec sleep 1000']") as process:
        # The container may speak before the runtime has written its pid down.
        pid = wait_for(lambda: pid_by_hand(place), place.run_dir)
        process.kill()
        process.wait()
        assert run(place, "command = 'true'").returncode == 0
        wait_for_exit(pid)
    os.rmdir(place.run_dir)
    os.rmdir(place.lib_dir)


def test_two_do_not_disturb_each_other(place: Paths) -> None:
    with started(place, "command = ['sh', '-c', 'echo ready; exec sleep 1000']") as process:
        assert run(place, "command = 'true'").returncode == 0
        assert process.poll() is None
        process.terminate()
        assert process.wait(LIMIT_S) == 137


def test_a_kept_layer_is_used_by_one_at_a_time(place: Paths) -> None:
    text = "writable = 'keep'\ncommand = ['sh', '-c', 'echo x > /x; echo ready; exec sleep 1000']"
    with started(place, text) as process:
        done = run(place, text)
        assert (done.returncode, "in use by a csv-run" in done.stderr) == (125, True)
        process.terminate()
        process.wait(LIMIT_S)
    assert run(place, text, "cat", "/x").stdout == "x\n"
    subprocess.run(["rm", "-r", place.lib_dir], check=True)


def read_until(terminal: int, text: str) -> str:
    """Read from a terminal until this text was there."""
    seen = ""
    deadline = time.monotonic() + LIMIT_S
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert ready, f"{text!r} is not in {seen!r}"
        seen += os.read(terminal, 4096).decode()
    return seen


def test_a_terminal_is_the_containers_own_and_ctrl_c_ends_it(place: Paths) -> None:
    ours, its = os.openpty()
    script = "tty; echo $TERM; stty size; echo ready; exec sleep 1000"
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv(place, f"command = ['sh', '-c', '{script}']")],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "vt220"},
    )
    os.close(its)
    seen = read_until(ours, "ready")
    assert "/dev/pts/0" in seen or "/dev/console" in seen
    assert "vt220" in seen
    os.write(ours, b"\x03")
    assert process.wait(LIMIT_S) == 130
    os.close(ours)
