"""What /proc says of a process, also of one with a name made to mislead."""

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.kernel import proc
from tests.waiting import wait_for_exit

HOSTILE = "a) R 1 (b"


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose name looks like the fields that follow it."""
    program = shutil.copy("/bin/sh", tmp_path / HOSTILE)
    with subprocess.Popen(
        [program, "-c", "echo; read x", "1000"],
        env={"MARK": "a=b", "EMPTY": ""},
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        # The kernel names a process a moment after it has closed what exec closes.
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_hostile_name_moves_no_field(hostile: subprocess.Popen[bytes]) -> None:
    assert Path(f"/proc/{hostile.pid}/comm").read_text() == HOSTILE + "\n"
    assert proc.parent(hostile.pid) == os.getpid()
    assert proc.session(hostile.pid) == hostile.pid
    own, its = proc.start_time(os.getpid()), proc.start_time(hostile.pid)
    assert own is not None
    assert its is not None
    assert its >= own


def test_environment_and_arguments(hostile: subprocess.Popen[bytes]) -> None:
    environment = proc.environment(hostile.pid)
    assert (environment[b"MARK"], environment[b"EMPTY"]) == (b"a=b", b"")
    assert proc.arguments(hostile.pid)[1:] == [b"-c", b"echo; read x", b"1000"]
    assert hostile.pid in proc.pids()


def test_a_zombie_counts_as_gone_and_still_tells_its_status() -> None:
    process = subprocess.Popen(["sh", "-c", "exit 7"])
    wait_for_exit(process.pid)
    fields = proc.stat_fields(process.pid)
    assert fields is not None
    start_time = int(fields[19])
    assert proc.start_time(process.pid) is None
    assert proc.zombie_status(process.pid, start_time) == 7 << 8
    assert proc.zombie_status(process.pid, start_time + 1) is None
    assert process.wait() == 7
    assert proc.zombie_status(process.pid, start_time) is None


def test_what_is_gone_is_no_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert proc.start_time(process.pid) is None
    assert proc.parent(process.pid) is None
    assert proc.session(process.pid) is None
    assert proc.environment(process.pid) == {}
    assert proc.arguments(process.pid) == []


@pytest.mark.parametrize(
    ("trap", "takes"), [("trap : USR1", True), ("trap '' USR1", True), (":", False)]
)
def test_takes_signal(trap: str, takes: bool) -> None:
    with subprocess.Popen(
        ["sh", "-c", f"{trap}; echo; read x; :"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert proc.takes_signal(process.pid, signal.SIGUSR1) is takes
        process.kill()


def test_a_blocked_signal_is_taken_later() -> None:
    """Ours: blocked in this thread, which /proc shows as the process's own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        assert proc.takes_signal(os.getpid(), signal.SIGUSR2)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    assert not proc.takes_signal(os.getpid(), signal.SIGUSR2)


def test_boot_id_is_of_this_boot() -> None:
    assert proc.boot_id() == proc.boot_id()
    assert len(proc.boot_id()) == 36


def test_a_name_that_is_no_text_is_read() -> None:
    """comm is bytes; PR_SET_NAME takes any."""
    libc = ctypes.CDLL(None)
    former = Path("/proc/self/comm").read_bytes().strip()
    try:
        libc.prctl(15, b"\xff) Z 1", 0, 0, 0)
        assert proc.start_time(os.getpid()) is not None
    finally:
        libc.prctl(15, former, 0, 0, 0)
