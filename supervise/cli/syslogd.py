"""``csv syslogd``: run the shim that writes every service's log."""

import sys
from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.log import shim

_EXAMPLES = """\
csv syslogd --run-dir /tmp/try/run --log-dir /tmp/try/log
kill -HUP $(jq .pid /run/csv/.syslogd/pid)      open all files anew, by name"""


@program("csv syslogd")
def main(argv: Sequence[str]) -> int:
    """Write logs until SIGTERM, then write what has come: 0, or 1 when that is not possible."""
    parser = Parser(
        "csv syslogd",
        "Write what all services print to their logs. The supervisor keeps this program running."
        " SIGTERM writes what has come, and ends. Killing it loses nothing: the next one goes on"
        " where it was. See csv-syslogd(8), and csv-log(5) for the files.",
        _EXAMPLES,
    )
    add_directories(parser, "run", "log")
    return 0 if shim.run(paths(parser.parse_args(argv)), _warn) else 1


def _warn(text: str) -> None:
    print(f"csv syslogd: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
