"""``state.json`` as a light value, and in words: what csv knows beyond daemontools' record.

The supervisor writes the file whole and renames it into place, so a reader never sees half of it.
No attrs: ``svc`` and ``svstat`` import this.
"""

import json
from typing import Any, NamedTuple

from supervise.errors import CsvError, SystemCallFailed

VERSION = 1


class State(NamedTuple):
    """One service, as its supervisor last wrote it.

    Attributes:
        since: when the phase last changed, wall clock.
        pid: the launch's first process, None when nothing runs.
        launch: the number of the last launch, 0 before the first.
        last_exit: how the last launch ended: ``exit 3``, ``SIGSEGV``, ``unknown``, …
        next_attempt: when it is tried again, wall clock; None when that is not planned.
        error: why the folder is broken, or why the last start failed.
        changed: the folder changed since the running launch started.
        progress: what a start is busy with.
    """

    name: str
    phase: str
    want: str
    since: float
    pid: int | None = None
    launch: int = 0
    paused: bool = False
    last_exit: str | None = None
    next_attempt: float | None = None
    error: str | None = None
    changed: bool = False
    normally_down: bool = False
    progress: str | None = None
    kind: str | None = None


def load(path: str) -> dict[str, Any] | None:
    """The file's content; None when there is none (the folder is not csv's, or not supervised).

    Raises:
        CsvError: the file is not what this version writes.
        SystemCallFailed: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SystemCallFailed.of("open", path, error) from error
    except ValueError as error:
        raise CsvError(f"{path}: not JSON ({error}); is it the supervisor who wrote it?") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise CsvError(f"{path}: not of version {VERSION}; use the csv that the supervisor uses")
    return data


def parse(data: dict[str, Any]) -> State:
    """The value of what load() returned; fields that are missing take their defaults."""
    last = data.get("last_exit")
    known = {field: data[field] for field in State._fields if field in data}
    return State(**known | {"last_exit": last and last["words"]})


def read(path: str) -> State | None:
    """load() and parse() in one."""
    data = load(path)
    return None if data is None else parse(data)


def words(state: State, now: float) -> str:
    """What daemontools' line does not say: empty for a service that simply is up or down."""
    parts = [] if state.phase in ("up", "down", "waiting") else [state.phase]
    if state.phase == "starting" and state.progress:
        parts.append(state.progress)
    if state.phase in ("waiting", "failed") and state.last_exit:
        parts.append(state.last_exit)
    if state.next_attempt is not None:
        parts.append(f"next try in {duration(state.next_attempt - now)}")
    if state.changed:
        parts.append("changed since start")
    if state.error:
        parts.append(state.error)
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A length of time with its leading unit: ``0.3 s``, ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < {"s": 120, "min": 7200, "h": 172800}[unit]:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"
