"""From errors to exit codes: the one place where csv's programs meet the world's conventions.

====  ==============================================================
code  meaning (those of s6)
====  ==============================================================
0     done, or yes
1     no, or it failed; the message says why
100   wrong usage
102   not supervised
111   a system call failed
130   interrupted by ^C
141   nobody reads the output any more
====  ==============================================================

A user sees one line, ``PROGRAM: what, where, why, what to do``; a traceback is a bug of ours.
"""

import functools
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from supervise.errors import CsvError


class Main(Protocol):
    """A program: takes its arguments, by default those of this process; returns its exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def program(name: str) -> Callable[[Callable[[Sequence[str]], int]], Main]:
    """Make a ``main(argv)`` of a function: its errors become a message and an exit code.

    Args:
        name: what the program is called in its messages.

    Returns:
        A decorator. The decorated function takes the arguments without the program's name; None
        takes those of this process.
    """

    def decorate(body: Callable[[Sequence[str]], int]) -> Main:
        @functools.wraps(body)
        def main(argv: Sequence[str] | None = None) -> int:
            _print_any_name()
            try:
                code = body(sys.argv[1:] if argv is None else argv)
                sys.stdout.flush()
            except CsvError as error:
                complain(name, error)
                return error.exit_code
            except BrokenPipeError:
                # The interpreter flushes once more while it exits: let that go nowhere.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 141
            except KeyboardInterrupt:
                return 130
            return code

        return main

    return decorate


def complain(name: str, error: CsvError) -> None:
    """Print the error on standard error: one line, then its notes."""
    sys.stdout.flush()
    for line in (f"{name}: {error}", *getattr(error, "__notes__", ())):
        print(line, file=sys.stderr)


def _print_any_name() -> None:
    # A file name may hold any bytes; a strange one must not turn a table into a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
