"""``svc``: send commands to supervised services, as daemontools' program of this name does.

The letters go out in the order given, in one write. ``-w`` waits for what they asked for.
"""

import contextlib
import math
from argparse import ArgumentTypeError
from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import complain, program
from supervise.cli.supervised import Supervised, find, send
from supervise.core.command import LETTERS
from supervise.errors import CsvError, UsageError

_EXAMPLES = """\
svc -u web                  start web, and keep it up
svc -d web worker           stop both
svc -t /etc/csv/web         restart it as its folder now is
svc -w 10 -t web            … and wait until the new one is up"""


@program("svc")
def main(argv: Sequence[str]) -> int:
    """Exit code 0 when every service was told (and, with ``-w``, is there); else the worst."""
    options = _parser().parse_args(argv)
    letters = "".join(options.letters)
    if not letters:
        raise UsageError("no command given, for example -u or -d; `svc --help` lists them")
    services = [find(name, paths(options)) for name in options.names]
    if options.wait is None:
        return _send(services, letters)
    return _send_and_wait(services, letters, options.wait)


def _parser() -> Parser:
    parser = Parser("svc", "Control services that are supervised.", _EXAMPLES, short_help=False)
    parser.usage = f"svc -{''.join(LETTERS)} [-w SECONDS] NAME..."
    for letter in LETTERS.values():
        parser.add_argument(
            f"-{letter.letter}",
            dest="letters",
            action="append_const",
            const=letter.letter,
            default=[],
            help=letter.help,
        )
    parser.add_argument(
        "-w",
        dest="wait",
        metavar="SECONDS",
        type=_seconds,
        help="wait, at most so long, until every service is what was asked for",
    )
    add_directories(parser, "scan", "run")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a service, or a service folder")
    return parser


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise ArgumentTypeError(f"{text!r} is no number of seconds; give 0 or more, for example 10")


def _send(services: Sequence[Supervised], letters: str) -> int:
    # One service that cannot be told is no reason to leave the others alone.
    code = 0
    for service in services:
        try:
            send(service, letters)
        except CsvError as error:
            complain("svc", error)
            code = max(code, error.exit_code)
    return code


def _send_and_wait(services: Sequence[Supervised], letters: str, timeout_s: float) -> int:
    from supervise.cli.waiting import Waiting  # ctypes and select cost those who do not wait

    with Waiting(letters, services) as waiting:
        code = _send(services, letters)
        for sentence in waiting.wait(timeout_s) if code == 0 else ():
            complain("svc", CsvError(sentence))
            code = 1
    return code
