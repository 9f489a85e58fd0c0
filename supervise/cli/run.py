"""``csv-run FILE``: one container in the foreground; it is the interpreter of a run file.

Exit codes are docker's: the container's own status, 128 and the signal's number; 125 when csv-run
itself failed, 126 when the command cannot be run, 127 when it was not found.
"""

import os
from collections.abc import Sequence

from attrs import evolve

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import complain, program
from supervise.container import byhand
from supervise.container.folder import read_run_file
from supervise.container.host import probe
from supervise.errors import CsvError, HostError, LaunchError, UsageError
from supervise.paths import Paths

_DESCRIPTION = """\
Run the container that a run file describes, in the foreground, and remove everything of it
afterwards. A supervisor need not run; one that does is not disturbed. ^C and TERM end the
container; after its stop_grace_period, or the second time, it is killed."""
_EXAMPLES = """\
csv-run /etc/csv/web/run          run the service by hand
/etc/csv/web/run                  the same, since csv-run is its interpreter
/etc/csv/web/run sh               run sh in its place
csv-run ./try.toml < input        standard input is passed on"""
_FAILED = 125


@program("csv-run")
def main(argv: Sequence[str]) -> int:
    """Run one container; see the module."""
    parser = Parser("csv-run", _DESCRIPTION, _EXAMPLES)
    add_directories(parser, "run", "lib")
    parser.add_argument("file", metavar="FILE", help="a container run file")
    parser.add_argument(
        "words", metavar="COMMAND", nargs="...", help="run this in place of its command"
    )
    options = parser.parse_args(argv)
    try:
        return _run(options.file, tuple(options.words), paths(options))
    except UsageError:
        raise
    except CsvError as error:
        complain("csv-run", error)
        status = error.exec_status if isinstance(error, LaunchError) else None
        return status or _FAILED


def _run(file: str, words: tuple[str, ...], places: Paths) -> int:
    if os.geteuid() != 0:
        raise HostError("only root can make a container; sudo csv-run")
    path = os.path.abspath(file)
    folder, base = os.path.split(path)
    name = os.path.basename(folder) if base == "run" else os.path.splitext(base)[0]
    service = read_run_file(path, folder=folder, name=name)
    if words and service.container is not None:
        service = evolve(service, container=evolve(service.container, command=words))
    # A mount is busy while it is anybody's working directory.
    os.chdir("/")
    return byhand.run(service, folder, places, probe())


if __name__ == "__main__":
    raise SystemExit(main())
