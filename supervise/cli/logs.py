"""``csv logs``: the logs of services, merged by time; needs no running supervisor."""

import contextlib
import heapq
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.cli.logchoice import Choice, add_choices, choose
from supervise.cli.logview import Entry, Sifted, View, make_view
from supervise.core.logline import parse_record
from supervise.errors import CsvError
from supervise.log.control import rotate
from supervise.log.follow import Follower, Watch
from supervise.log.logfile import is_rotated_name
from supervise.log.reader import Part, open_log, read_last_lines, read_lines
from supervise.paths import Paths

_EXAMPLES = """\
csv logs web                       all there is of one service
csv logs -f web worker             the last 10 lines of both, and what comes
csv logs --since 10m --stderr      what all services complained of lately
csv logs --launch -1 web           what web said before it was started again
csv logs --since 2026-11-23T15:00:00Z --grep 'time.?out' web
csv logs --json web | jq -r 'select(.origin == "err") | .text'
csv logs --raw web > output        the bytes that web wrote, nothing else
csv logs -n 20 csv                 what the supervisor itself had to say
csv logs --rotate web              begin a new file now"""

_COPY_BYTES = 256 * 1024


@program("csv logs")
def main(argv: Sequence[str]) -> int:
    """Print logs, or follow them; 0, or 1 when a named service has no log."""
    options = _parser().parse_args(argv)
    places = paths(options)
    choice = choose(options, time.time_ns())
    logs = _find(options.names, places, may_begin=options.follow)
    if options.rotate:
        rotate(places, list(logs.values()))
        return 0
    view = make_view(
        json=options.json,
        raw=options.raw,
        names=list(logs.values()),
        several=len(logs) != 1 or (options.follow and not options.names),
    )
    if choice.keep is not None:
        view = Sifted(view, choice.keep)
    with contextlib.ExitStack() as stack:
        opened = {directory: open_log(directory, stack) for directory in logs}
        ends = {directory: parts[-1:] for directory, parts in opened.items()}
        followers = [Follower(directory, parts) for directory, parts in ends.items()]
        _print_past(logs, choice.cut(logs, opened), choice, view)
    if options.follow:
        _follow(places, logs, followers, view, every=not options.names)
    for follower in followers:
        follower.close()
    return 0


def _parser() -> Parser:
    parser = Parser(
        "csv logs",
        "Print the logs of services; of several, merged by time with the name in front. On a"
        " terminal control characters are shown as escapes; elsewhere lines are as in the files.",
        _EXAMPLES,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="service, or path of its folder")
    parser.add_argument("-f", "--follow", action="store_true", help="print what comes, until ^C")
    parser.add_argument("-n", "--lines", metavar="N", help="the last N lines (with -f: 10)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object per record")
    form.add_argument("--raw", action="store_true", help="only the bytes that the services wrote")
    add_choices(parser)
    parser.add_argument("--rotate", action="store_true", help="print nothing: begin new files")
    add_directories(parser, "scan", "run", "log")
    return parser


def _find(names: Sequence[str], places: Paths, *, may_begin: bool) -> dict[str, str]:
    """The log directory of each service, and the name to show it by.

    Args:
        may_begin: a log that is not there yet is no error if its service is there.
    """
    if not names:
        found = sorted(name for name in _listing(places.log_dir))
        return {f"{places.log_dir}/{name}": name for name in found}
    logs = {}
    for given in names:
        path = os.path.abspath(given)
        name = os.path.basename(path) if "/" in given else given
        directory = f"{places.log_dir}/{name}"
        if "/" in given and _is_log(path):
            directory = path
        service = places.service(name)
        begins = may_begin and any(map(os.path.exists, (service.folder, service.log_policy)))
        if not _is_log(directory) and not begins:
            raise _no_log(given, directory, places)
        logs[directory] = name
    return logs


def _listing(log_dir: str) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        yield from (name for name in os.listdir(log_dir) if _is_log(f"{log_dir}/{name}"))


def _is_log(directory: str) -> bool:
    try:
        return any(name == "current" or is_rotated_name(name) for name in os.listdir(directory))
    except OSError:
        return False


def _no_log(given: str, directory: str, places: Paths) -> CsvError:
    from difflib import get_close_matches

    names = sorted(_listing(places.log_dir))
    near = get_close_matches(given, names, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = "there are logs of " + ", ".join(names[:10]) + (", …" if names[10:] else "")
    else:
        hint = f"{places.log_dir} has no logs at all; --log-dir names another place"
    return CsvError(f"{given}: no log in {directory}; {hint}")


def _print_past(
    logs: dict[str, str], opened: dict[str, list[Part]], choice: Choice, view: View
) -> None:
    count = choice.last
    if view.verbatim and count is None:
        for parts in opened.values():
            _copy(parts)
        return
    few = None if choice.keep is not None else count  # else only what is kept counts
    streams = []
    for directory, parts in opened.items():
        lines = read_lines(parts) if few is None else read_last_lines(parts, few)
        streams.append(_entries(logs[directory], lines))
    # One alone stays in the order of its files, whatever its clock did.
    merged = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=attrgetter("time_ns"))
    if count is None:
        view.show(merged)
    elif choice.keep is None:
        view.show(deque(merged, maxlen=count))
    else:
        view.show(deque(filter(choice.keep, merged), maxlen=count))


def _copy(parts: Sequence[Part]) -> None:
    for part in parts:
        part.file.seek(part.start)
        left = part.end - part.start
        block = b"\n"
        while left > 0 and (block := part.file.read(min(left, _COPY_BYTES))):
            left -= len(block)
            sys.stdout.buffer.write(block)
        if not block.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")


def _entries(name: str, lines: Iterable[bytes]) -> Iterator[Entry]:
    """Entries in the order of the file; a line that is no record has the time of the one before."""
    time_ns = 0
    for line in lines:
        record = parse_record(line)
        time_ns = record.time_ns if record else time_ns
        yield Entry(time_ns, name, line)


def _follow(
    places: Paths, logs: dict[str, str], followers: list[Follower], view: View, *, every: bool
) -> None:
    """Print what comes, for ever, or until nobody reads any more.

    Args:
        every: take up logs that begin meanwhile.
    """
    by_directory = {follower.directory: follower for follower in followers}
    with contextlib.closing(Watch(places.log_dir, list(logs))) as watch:
        poll = select.poll()
        poll.register(watch.fileno(), select.POLLIN)
        poll.register(sys.stdout.fileno(), 0)  # only to be told that the reader is gone
        changed = set(by_directory)
        if every:  # those that began before the watch did
            changed.update(f"{places.log_dir}/{name}" for name in _listing(places.log_dir))
        while True:
            for directory in changed:
                if every and directory not in by_directory and os.path.isdir(directory):
                    logs[directory] = os.path.basename(directory)
                    by_directory[directory] = Follower(directory, ())
                    followers.append(by_directory[directory])
                    watch.add(directory)
            _print_new(logs, [by_directory[d] for d in changed if d in by_directory], view)
            events = poll.poll()
            if any(fd != watch.fileno() for fd, _ in events):
                raise BrokenPipeError
            changed = watch.changed()


def _print_new(logs: dict[str, str], followers: list[Follower], view: View) -> None:
    """Print all that the logs have; what came together is put in order of time."""
    while True:
        entries = [
            entry
            for follower in followers
            for entry in _entries(logs[follower.directory], follower.read())
        ]
        if not entries:
            return
        entries.sort(key=attrgetter("time_ns"))
        view.show(entries)


if __name__ == "__main__":
    sys.exit(main())
