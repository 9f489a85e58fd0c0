"""Signals of this process: what it was given, and what it takes."""

import signal


def forget_inherited_signals() -> None:
    """Block and ignore nothing that our parent did, so that no child inherits it either.

    A shell's ``&`` ignores INT and QUIT, ``nohup`` HUP. What Python ignores for itself (PIPE,
    XFSZ) stays: ``kernel.spawn`` resets that for each child.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    kept = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGKILL, signal.SIGSTOP}
    for number in signal.valid_signals() - kept:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
