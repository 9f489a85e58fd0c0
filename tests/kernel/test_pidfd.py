"""A pidfd is one process's, and tells how it ended where the kernel can."""

import os
import signal
import subprocess

from supervise.kernel import pidfd, proc
from tests.waiting import wait_for_exit


def test_another_start_time_is_another_process() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        start_time = proc.start_time(process.pid)
        assert start_time is not None
        assert pidfd.open_process(process.pid, start_time + 1) is None
        fd = pidfd.open_process(process.pid, start_time)
        assert fd is not None
        pidfd.send_signal(fd, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        pidfd.send_signal(fd, signal.SIGTERM)
        assert pidfd.open_process(process.pid, start_time) is None
        os.close(fd)


def test_nothing_stays_open_after_a_refusal() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert pidfd.open_process(os.getpid(), 1) is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_exit_status_is_told_after_it_was_reaped_and_never_guessed() -> None:
    process = subprocess.Popen(["sh", "-c", "exit 3"])
    fd = os.pidfd_open(process.pid)
    try:
        wait_for_exit(process.pid)
        assert pidfd.exit_status(fd) is None
        assert process.wait() == 3
        # Kernels before 6.15 say nothing, which is not 0.
        release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
        assert pidfd.exit_status(fd) == (3 << 8 if release >= (6, 15) else None)
    finally:
        os.close(fd)


def test_what_is_no_pidfd_has_no_status() -> None:
    with open(os.devnull) as file:
        assert pidfd.exit_status(file.fileno()) is None
