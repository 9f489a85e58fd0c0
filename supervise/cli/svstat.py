"""``svstat``: one line for each service, as daemontools' program of this name prints it.

What only csv knows (a broken definition, the next try) follows daemontools' line after ``; ``.
"""

import os
import time
from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.cli.state import read, words
from supervise.cli.supervised import Supervised, find, is_supervised, read_status
from supervise.core.status import Status
from supervise.errors import CsvError

_SECOND_NS = 1_000_000_000
_EXAMPLES = """\
svstat web                  one service
svstat /etc/csv/*           all of them"""


@program("svstat")
def main(argv: Sequence[str]) -> int:
    """Exit code 0 when every service is supervised; 102 when one is not, 111 on trouble."""
    parser = Parser("svstat", "Show whether services are up, and since when.", _EXAMPLES)
    add_directories(parser, "scan", "run")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a service, or a service folder")
    options = parser.parse_args(argv)
    code = 0
    for name in options.names:
        service = find(name, paths(options))
        try:
            text, own = _describe(service)
        except CsvError as error:
            text, own = str(error), error.exit_code
        print(f"{name}: {text}")
        code = max(code, own)
    return code


def _describe(service: Supervised) -> tuple[str, int]:
    if not is_supervised(service):
        if not os.path.isdir(service.folder):
            return "unable to chdir: file does not exist", 102
        return "supervise not running", 102
    normally_down = os.path.exists(service.folder + "/down")
    now_ns = time.time_ns()
    text = line(read_status(service), normally_down=normally_down, now_ns=now_ns)
    state = read(service.state)
    more = words(state, now_ns / 1e9) if state else ""
    return text + "; " * bool(more) + more, 0


def line(status: Status, *, normally_down: bool, now_ns: int) -> str:
    """daemontools' words for a status, to the letter."""
    # It compares clocks that count whole seconds, and so rounds up where a difference would not.
    seconds = max(0, now_ns // _SECOND_NS - status.changed_ns // _SECOND_NS)
    parts = [f"up (pid {status.pid})" if status.pid else "down", f" {seconds} seconds"]
    parts += [", normally down"] * bool(status.pid and normally_down)
    parts += [", normally up"] * bool(not status.pid and not normally_down)
    parts += [", paused"] * bool(status.pid and status.paused)
    parts += [", want up"] * bool(not status.pid and status.want == "u")
    parts += [", want down"] * bool(status.pid and status.want == "d")
    return "".join(parts)
