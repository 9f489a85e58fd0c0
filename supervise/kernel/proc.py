"""/proc/PID: who a process is. Every function takes a pid that may be gone at any moment."""

import os
from collections.abc import Iterator

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on; None when there is no such process.

    The second field, the name, may hold blanks and parentheses: it is cut off at the last ``)``.

    Source: proc(5).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def start_time(pid: int) -> int | None:
    """When the process was started, in clock ticks since boot; None when it is gone.

    (pid, start time) names one process; a pid alone may have been given to another. A zombie,
    which is only waiting to be reaped, counts as gone.
    """
    fields = stat_fields(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def start_time_of_child(pid: int, before_ns: int, after_ns: int) -> int | None:
    """start_time() of a process known to have been started between two CLOCK_BOOTTIME readings.

    Usually both fall into one tick, and then nothing has to be read: /proc makes the reader wait
    for a process that is just being executed, which a thousand starts would feel.
    """
    if before_ns // _TICK_NS == after_ns // _TICK_NS:
        return before_ns // _TICK_NS
    return start_time(pid)


def zombie_status(pid: int, start_time: int) -> int | None:
    """The wait status of a process that has ended and is not reaped yet; None when it is gone.

    Needs no kinship, only root, and no new kernel.

    Source: proc(5), ``exit_code``.
    """
    fields = stat_fields(pid)
    if fields is None or fields[0] not in "ZX" or int(fields[19]) != start_time:
        return None
    return int(fields[49])


def parent(pid: int) -> int | None:
    """Its parent's pid; None when it is gone."""
    fields = stat_fields(pid)
    return None if fields is None else int(fields[1])


def session(pid: int) -> int | None:
    """The id of its session; None when it is gone."""
    fields = stat_fields(pid)
    return None if fields is None else int(fields[3])


def takes_signal(pid: int, signal: int) -> bool:
    """True unless the process has neither a handler for the signal, nor blocks or ignores it.

    Such a process, when it is the first of its pid namespace, never receives the signal at all.

    Source: proc(5) ``SigCgt``, kernel/signal.c ``sig_task_ignored``.
    """
    wanted = 1 << (signal - 1)
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith((b"SigBlk:", b"SigIgn:", b"SigCgt:")) and (
                    int(line.split()[1], 16) & wanted
                ):
                    return True
    except (FileNotFoundError, ProcessLookupError):
        return True
    return False


def environment(pid: int) -> dict[bytes, bytes]:
    """The environment it was started with; empty when it is gone or not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            content = file.read()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in content.split(b"\0") if entry)
    return {key: value for key, _, value in pairs}


def arguments(pid: int) -> list[bytes]:
    """Its argv; empty when it is gone, is a zombie, or belongs to the kernel."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            content = file.read()
    except OSError:
        return []
    return content.split(b"\0")[:-1]


def pids() -> Iterator[int]:
    """All processes there are at this moment."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def boot_id() -> str:
    """Differs from boot to boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
