"""The letters of ``supervise/control``: what each byte asks for.

One byte is one command, several in one write are obeyed in their order. Bytes that are no
command are no reason to fail: decode() leaves them out, unknown() names them for the log.

Source: daemontools ``svc`` and ``supervise``; ``1``, ``2`` and ``q`` are runit's.
"""

import signal
from typing import NamedTuple


class Letter(NamedTuple):
    """One command.

    Attributes:
        letter: the byte, as a character; also the option letter of ``svc``.
        name: one word for messages.
        signal: the number sent to the running process; None when more than that is done.
        help: what it does, for people.
    """

    letter: str
    name: str
    signal: int | None
    help: str


LETTERS = {
    letter.letter: letter
    for letter in (
        Letter("u", "up", None, "up: start it if it is down, restart it whenever it ends"),
        Letter("d", "down", None, "down: TERM, CONT, and KILL after the grace period; stays down"),
        Letter("o", "once", None, "once: start it if it is down, do not restart it when it ends"),
        Letter("p", "pause", signal.SIGSTOP.value, "pause: STOP"),
        Letter("c", "continue", signal.SIGCONT.value, "continue: CONT"),
        Letter("h", "hangup", signal.SIGHUP.value, "send HUP"),
        Letter("a", "alarm", signal.SIGALRM.value, "send ALRM"),
        Letter("i", "interrupt", signal.SIGINT.value, "send INT"),
        Letter("t", "term", signal.SIGTERM.value, "send TERM: it restarts, as it now is on disk"),
        Letter("k", "kill", signal.SIGKILL.value, "send KILL"),
        Letter("x", "exit", None, "exit: as soon as it is down, supervise it no more"),
        Letter("1", "usr1", signal.SIGUSR1.value, "send USR1"),
        Letter("2", "usr2", signal.SIGUSR2.value, "send USR2"),
        Letter("q", "quit", signal.SIGQUIT.value, "send QUIT"),
    )
}


def decode(data: bytes) -> list[Letter]:
    """The commands in ``data``, in their order, without what is no command; never raises."""
    return [LETTERS[char] for char in data.decode("latin-1") if char in LETTERS]


def unknown(data: bytes) -> bytes:
    """The bytes of ``data`` that are no command, in their order; never raises."""
    return bytes(byte for byte in data if chr(byte) not in LETTERS)
