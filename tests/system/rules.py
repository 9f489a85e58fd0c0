"""The rules that hold whatever is killed, looked up in facts: processes, logs, directories."""

import json
import os
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from supervise.container.host import probe
from supervise.container.names import cgroup_parent
from supervise.core.logline import Record, parse_record
from supervise.log.logfile import rotated_names
from supervise.paths import Paths
from tests import leftovers
from tests.system.payload import Life, Payloads, line

DEATH = "--- the supervisor was killed"
"""Put into the supervisor's output by whoever kills it."""

_SAID = re.compile(r"(?P<name>\S+): launch (?P<number>\d+) (?P<what>is up|taken over|ended: .+)")

_RUNTIME = b'{"msg":'
"""How crun speaks, on the container's own stderr, when it is killed at work."""


def doubled(payloads: Payloads) -> list[Life]:
    """The lives of services that have more than one at the same moment."""
    first, again = payloads.lives(), payloads.lives()
    # One look is no moment: the old life may end, and the new one begin, while it is taken.
    steady = [life for life in first if life in again]
    # A life that forks is there twice for a moment, under one id.
    ids: dict[str, set[str]] = {}
    for life in steady:
        ids.setdefault(life.name, set()).add(life.id)
    return [life for life in steady if len(ids[life.name]) > 1]


def records(place: Paths, name: str) -> list[Record]:
    """All that the log of the service holds."""
    directory = place.service(name).log
    found = []
    for file in (*rotated_names(directory), "current"):
        path = Path(directory, file)
        for raw in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
            record = parse_record(raw)
            assert record is not None, f"{path}: {raw!r} is no record"
            found.append(record)
    return found


def wrong_lines(payloads: Payloads, name: str, cut_off: Collection[str] = ()) -> list[str]:
    """What is wrong with the log: each line of a tally is in it once, in order, unaltered.

    Args:
        payloads: who wrote.
        name: the service.
        cut_off: lives that ended while nobody at all held their FIFOs: the last lines of these
            may be missing.
    """
    written = payloads.tally(name)
    logged = dict.fromkeys(written, 0)
    wrong = []
    for record in records(payloads.place, name):
        life = record.text.partition(b" ")[0].decode("ascii", "replace")
        key = (life, record.origin)
        if record.origin == "csv" or record.text.startswith(_RUNTIME):
            continue
        if key not in logged or record.text != line(life, logged[key]):
            wrong.append(f"{name}: after {logged.get(key)} lines came {record}")
        logged[key] = logged.get(key, 0) + 1
    for key, count in logged.items():
        # A life may be killed between its write and its tally.
        fewest = 0 if key[0] in cut_off else written.get(key, 0)
        if not fewest <= count <= written.get(key, 0) + 1:
            wrong.append(f"{name}: {key} wrote {written.get(key)} lines, {count} are in the log")
    return wrong


def ledger(output: str) -> tuple[list[str], Counter[str]]:
    """What is wrong with what the supervisors said, and how many launches each service had.

    Every start has one end, with its reason. The same end may be said twice only when a supervisor
    was killed in between: it says it before it writes it down.
    """
    wrong: list[str] = []
    count: Counter[str] = Counter()
    running: dict[str, int] = {}
    ended: dict[str, tuple[int, bool]] = {}
    for text in output.splitlines():
        if text == DEATH:
            ended = {name: (number, True) for name, (number, _) in ended.items()}
        elif said := _SAID.fullmatch(text.split(", pid ")[0]):
            name, number = said["name"], int(said["number"])
            if not said["what"].startswith("ended"):
                if running.get(name, number) != number:
                    wrong.append(f"{text!r}, but launch {running[name]} has no end")
                count[name] += name not in running
                running[name] = number
                continue
            if ended.get(name) == (number, False) and name not in running:
                wrong.append(f"{text!r} was said before")
            if running.get(name, number) != number:
                wrong.append(f"{text!r}, but launch {running[name]} runs")
            count[name] += name not in running
            running.pop(name, None)
            ended[name] = (number, False)
    return wrong + [
        f"{name}: launch {number} has no end" for name, number in running.items()
    ], count


def left_of_service(place: Paths, name: str, *, folder: bool) -> list[str]:
    """What there is of a service that does not run: processes aside, see ``Payloads``."""
    run = place.service(name).run
    found = [f"{run}/{entry}" for entry in _entries(run) if entry.startswith("bundle.")]
    if not folder and os.path.lexists(run):
        found.append(run)
    found += [point for point in leftovers.mounts(run) if point not in found]
    layers = f"{place.lib_dir}/containers"
    number = re.compile(re.escape(name) + r"\.\d+(\+[0-9a-f]{8})?")
    found += [f"{layers}/{each}" for each in _entries(layers) if number.fullmatch(each)]
    found += [
        f"{place.runtime_root}/{each}"
        for each in _entries(place.runtime_root)
        if number.fullmatch(each)
    ]
    return found + [each for each in _cgroups(place) if number.fullmatch(os.path.basename(each))]


def left_of_all(payloads: Payloads) -> list[str]:
    """What there is after the supervisor's end, but the logs and kept layers: nothing."""
    place = payloads.place
    found = [f"process {pid}: {argv}" for pid, argv in leftovers.processes(payloads.top).items()]
    found += leftovers.mounts(payloads.top) + _cgroups(place)
    found += [f"{place.run_dir}/{each}" for each in _entries(place.run_dir)]
    found += [place.run_dir] if os.path.lexists(place.run_dir) else []
    found += [
        f"{place.lib_dir}/{each}"
        for each in _entries(f"{place.lib_dir}/containers")
        if not each.endswith(".keep")
    ]
    for name in _entries(place.scan_dir):
        link = f"{place.scan_dir}/{name}/supervise"
        found += [link] if os.path.lexists(link) else []
    return found


def _cgroups(place: Paths) -> list[str]:
    host = probe()
    found = []
    for top in host.directories(cgroup_parent(place, host.own_cgroup)):
        found += [directory for directory, _, _ in os.walk(top)]
    return found


def read_json(path: str) -> dict[str, Any]:
    """A file that a program of csv replaces whole.

    Raises:
        FileNotFoundError: it is not there.
    """
    found: dict[str, Any] = json.loads(Path(path).read_bytes())
    return found


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
