"""``svok``: say by the exit code alone whether a service is supervised."""

from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.cli.supervised import find, is_supervised

_EXAMPLES = "svok web || csv scan /etc/csv &"


@program("svok")
def main(argv: Sequence[str]) -> int:
    """Exit code 0 when all of the services are supervised, 1 when one is not."""
    parser = Parser("svok", "Exit 0 if the services are supervised, 1 if not.", _EXAMPLES)
    add_directories(parser, "scan", "run")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a service, or a service folder")
    options = parser.parse_args(argv)
    services = [find(name, paths(options)) for name in options.names]
    return 0 if all(is_supervised(service) for service in services) else 1
