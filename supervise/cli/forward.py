"""``csv forward``: run the forwarder that sends logs on."""

import sys
from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program

_EXAMPLES = """\
csv forward --run-dir /tmp/try/run --lib-dir /tmp/try/lib --log-dir /tmp/try/log
kill -HUP $(jq .pid /run/csv/.forward/pid)      try every target now"""


@program("csv forward")
def main(argv: Sequence[str]) -> int:
    """Send logs on until SIGTERM, then send what is there and return 0."""
    parser = Parser(
        "csv forward",
        "Send the logs of services to the targets that [log] forward names. The supervisor keeps"
        " this program running as soon as one is named. It follows the log files, with a saved"
        " position for each target: killing it, and a receiver that is away, lose nothing."
        " See csv-forward(8).",
        _EXAMPLES,
    )
    add_directories(parser, "run", "lib", "log")
    options = parser.parse_args(argv)
    # Imported late: trio costs more than all the rest, and --help needs none of it.
    from supervise.log import forward

    forward.run(paths(options), _warn)
    return 0


def _warn(text: str) -> None:
    print(f"csv {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
