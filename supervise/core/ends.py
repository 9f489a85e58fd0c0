"""A wait status in words, and as the arguments of ``finish``.

Source: waitpid(2); runsv(8) for the arguments.
"""

import os
import signal


def words(status: int | None, *, out_of_memory: bool = False) -> str:
    """``exit 3``, ``SIGSEGV``, ``SIGKILL (out of memory)``, ``unknown``."""
    if status is None:
        return "unknown"
    if os.WIFEXITED(status):
        return f"exit {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:  # real-time signals have no names of their own
        name = f"signal {number}"
    core = ", core dumped" if os.WCOREDUMP(status) else ""
    memory = " (out of memory)" if out_of_memory else ""
    return f"{name}{core}{memory}"


def finish_arguments(status: int | None) -> tuple[str, str]:
    """runit's two: exit code, or -1 when a signal ended it (or nobody knows); the signal's number.

    The second is the low byte of the wait status, where 128 stands for a core dump; 0 on exit.
    """
    if status is None:
        return "-1", "0"
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    return str(code), str(status & 0xFF)
