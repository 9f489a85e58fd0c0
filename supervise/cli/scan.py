"""``csv scan`` and ``svscan``: run the supervisor in the foreground."""

from collections.abc import Sequence

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program


@program("csv scan")
def main(argv: Sequence[str]) -> int:
    """Supervise the scan directory until TERM or ^C; 0 once all is down, and logged."""
    parser = Parser(
        "csv scan",
        "Supervise every service folder of DIR: start it, restart it when it crashes, obey svc. "
        "TERM or ^C stops all services, each with its own grace period, and then ends; "
        "HUP reads all folders again. When it is killed, the services run on, and the next "
        "one takes them over.",
        "csv scan\ncsv scan ./services --run-dir /tmp/run --lib-dir /tmp/lib --log-dir /tmp/log",
    )
    parser.add_argument("scan_dir", metavar="DIR", nargs="?", help="the scan directory")
    add_directories(parser, "run", "lib", "log")
    # Imported late, so that --help and a wrong option cost no more than they must.
    from supervise.daemon.supervisor import supervise

    supervise(paths(parser.parse_args(argv)))
    return 0
