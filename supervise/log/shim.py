"""The shim's process: one lock, one epoll loop, and nothing to do while nothing comes.

It wakes up for a FIFO that has bytes, an order, a signal, and for the two timers of
``log.services``, which are armed only while a line is unfinished or a log cannot be written.
No trio: there is no task here that ever waits for another, and importing it would cost more time
and memory than all the rest.
"""

import contextlib
import errno
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator

from supervise.errors import SystemCallFailed
from supervise.kernel.filelock import take_lock
from supervise.kernel.files import make_directory, replace_file
from supervise.kernel.proc import start_time
from supervise.log.services import Services
from supervise.paths import Paths


def run(paths: Paths, warn: Callable[[str], None]) -> bool:
    """Write logs until SIGTERM; SIGHUP opens all files anew.

    Args:
        warn: says one line on standard error.

    Returns:
        Whether all was written in the end; else it has said whose lines wait in the spool.

    Raises:
        SystemCallFailed: another shim serves this run directory, or it cannot be used.
    """
    _raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, _claim(paths))
        signals = stack.enter_context(_signals())
        epoll = stack.enter_context(select.epoll())
        epoll.register(signals, select.EPOLLIN)
        try:
            services = Services(paths, epoll, warn)
            services.start()
            _announce(paths)
        except OSError as error:
            raise SystemCallFailed.of("open", error.filename or paths.shim, error) from error
        _loop(services, epoll, signals)
        left = services.stop()
    if left:
        each = ", ".join(f"{name} ({size} bytes)" for name, size in sorted(left.items()))
        spool = f"{paths.shim}/spool, or in its FIFO if that is full"
        warn(f"not written to {paths.log_dir}: {each}; it waits in {spool}")
    return not left


def _loop(services: Services, epoll: select.epoll, signals: int) -> None:
    while True:
        deadline = services.deadline()
        timeout_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        for fd, _ in epoll.poll(timeout_s):
            if fd != signals:
                services.on_ready(fd)
                continue
            received = os.read(signals, 64)
            if signal.SIGTERM in received or signal.SIGINT in received:
                return
            if signal.SIGHUP in received:
                services.reopen()
        if deadline is not None and time.monotonic() >= deadline:
            services.on_time()


def _claim(paths: Paths) -> int:
    """Make the shim's directory and take its lock; the descriptor holds it."""
    lock = paths.shim + "/lock"
    make_directory(paths.shim, 0o700)
    make_directory(paths.shim + "/spool", 0o700)
    try:
        fd = take_lock(lock)
    except OSError as error:
        raise SystemCallFailed.of("open", lock, error) from error
    if fd is None:
        raise SystemCallFailed("flock", f"{lock} (held by {_holder(paths)})", errno.EAGAIN)
    return fd


def _holder(paths: Paths) -> str:
    try:
        with open(paths.shim + "/pid", "rb") as file:
            return f"csv syslogd, pid {json.load(file)['pid']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a csv syslogd that is just starting"


def _announce(paths: Paths) -> None:
    """Write the pid file: from now on this process is known as the shim."""
    record = {"pid": os.getpid(), "start_time": start_time(os.getpid())}
    replace_file(paths.shim + "/pid", json.dumps(record).encode())


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A descriptor from which the numbers of SIGTERM, SIGINT and SIGHUP are read."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    kept = {
        number: signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    # Whoever started us may have blocked them, so that none comes before we can take it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, kept)
    try:
        yield reader
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def _raise_descriptor_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
