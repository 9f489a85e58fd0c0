"""``csv status``: every service in one table, or as JSON.

Reads ``state.json`` of each service, as the supervisor last wrote it, and asks the ``ok`` FIFO
whether that supervisor still lives. A folder that no supervisor knows (yet) is shown, too: what
was dropped in and does not run is what one looks for.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.cli.state import State, duration, load, parse
from supervise.cli.supervised import (
    Supervised,
    find,
    is_supervised,
    supervisor_pid,
    why_not_supervised,
)
from supervise.cli.table import printable, render
from supervise.errors import NotSupervised
from supervise.paths import Paths

_HEADER = ("NAME", "PHASE", "SINCE", "PID", "LAUNCHES", "LAST-EXIT", "NEXT-TRY", "ERROR")
_PHASE_COLOURS = {"up": "green", "failed": "red", "waiting": "yellow", "down": "dim"}
_EXAMPLES = """\
csv status                  all services
csv status web worker       two of them
csv status --json | jq -r '.[] | select(.phase == "failed") | .name'"""


class _Row(NamedTuple):
    name: str
    folder: str
    supervised: bool
    data: dict[str, Any] | None

    @property
    def json(self) -> dict[str, Any]:
        data = self.data or {"name": self.name, "folder": self.folder, "phase": None}
        return data | {"supervised": self.supervised}


@program("csv status")
def main(argv: Sequence[str]) -> int:
    """Exit code 0; 102 when one of the services named, or all there are, are not supervised."""
    parser = Parser("csv status", "Show services.", _EXAMPLES)
    parser.add_argument("--json", action="store_true", help="a list of objects, for programs")
    add_directories(parser, "scan", "run")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a service, or a service folder")
    options = parser.parse_args(argv)
    places = paths(options)
    services = [find(name, places) for name in options.names or _all(places)]
    rows = [_row(service) for service in services]
    if options.json:
        print(json.dumps([row.json for row in rows], indent=2))
    elif rows:
        print(_table(rows, time.time()))
    else:
        print(f"no services: {places.scan_dir} holds no folder", file=sys.stderr)
    lost = [service for service, row in zip(services, rows, strict=True) if not row.supervised]
    if lost and (options.names or len(lost) == len(rows)):
        raise NotSupervised(_why_lost(lost, places))
    return 0


def _all(places: Paths) -> list[str]:
    # The run directory, too: a service whose folder is gone may still be stopping.
    # And a link, wherever it leads, is to be a service, as for the supervisor.
    folders = _entries(places.scan_dir)
    names = {entry.name for entry in folders if entry.is_symlink() or entry.is_dir()}
    names |= {
        entry.name
        for entry in _entries(places.run_dir)
        if os.path.exists(places.service(entry.name).state)
    }
    return sorted(name for name in names if not name.startswith("."))


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _row(service: Supervised) -> _Row:
    name = os.path.basename(os.path.abspath(service.folder))
    supervised = is_supervised(service)
    return _Row(name, service.folder, supervised, load(service.state))


def _table(rows: Sequence[_Row], now: float) -> str:
    cells = [_cells(row, now) for row in rows]
    colours = {
        (number, 1): _PHASE_COLOURS[row.data["phase"]]
        for number, row in enumerate(rows)
        if row.data and row.data["phase"] in _PHASE_COLOURS
    }
    return render(_HEADER, cells, colours)


def _cells(row: _Row, now: float) -> tuple[str, ...]:
    if row.data is None:
        phase = "unknown" if row.supervised else "unsupervised"
        return (row.name, phase, *["-"] * 5, "")
    state = parse(row.data)
    return (
        row.name,
        _phase(state, row.supervised),
        f"{duration(now - state.since)} ago",
        "-" if state.pid is None else str(state.pid),
        str(state.launch),
        state.last_exit or "-",
        "-" if state.next_attempt is None else f"in {duration(state.next_attempt - now)}",
        " ".join((state.error or state.progress or "").split()),
    )


def _phase(state: State, supervised: bool) -> str:
    notes = {
        "paused": state.paused,
        "changed": state.changed,
        "unsupervised": not supervised,
    }
    return ", ".join([state.phase, *(note for note, holds in notes.items() if holds)])


def _why_lost(services: Sequence[Supervised], places: Paths) -> str:
    if supervisor_pid(places.run_dir) is not None or not any(_is_known(each) for each in services):
        return printable("; ".join(why_not_supervised(each) for each in services))
    names = printable(", ".join(each.shown for each in services))
    return (
        f"no supervisor is running for {names}; what is shown is what the last one left"
        f" in {places.run_dir}. Start one with `csv scan {places.scan_dir}`"
    )


def _is_known(service: Supervised) -> bool:
    return os.path.isdir(service.folder) or os.path.exists(service.state)
