"""``state.json``: what the next supervisor needs to take a service over, and people to know it.

One file holds all, written whole, so nothing in it can disagree. Times that people read are wall
clock; those that decide are the monotonic clock, which all processes of one boot share (the run
directory is of one boot: ``daemon.rundir``). What is made of it: ``daemon.recorded``.
"""

import json
import time
from typing import Any

from attrs import asdict

from supervise.core import ends
from supervise.core.definition import ServiceDefinition
from supervise.core.events import End, Phase
from supervise.core.service import Service
from supervise.daemon.process import Process

VERSION = 1

_CLOCK = ("deadline", "since", "up_at", "ready_at", "asked_at", "ends")
_PLAIN = (
    "launch",
    "unhealthy_ends",
    "broken",
    "gave_up",
    "paused",
    "leaving",
    "retired",
    "fresh",
    "retrying",
)


def dump(service: Service, folder: str, process: Process | None, **more: object) -> bytes:
    """The file's content.

    Args:
        service: the state to record.
        folder: the service folder.
        process: what runs: the launch's first process, or ``finish``.
        more: further fields, as they are.
    """
    wall_offset_s = time.time() - time.monotonic()
    definition = service.definition or service.launched
    kind = None if definition is None else ("container" if definition.container else "plain")
    next_attempt = service.deadline if service.phase in (Phase.WAITING, Phase.FAILED) else None
    record = {
        "version": VERSION,
        "name": service.name,
        "folder": folder,
        "kind": kind,
        "phase": service.phase.value,
        "want": service.want.value,
        "since": service.since + wall_offset_s,
        "pid": process.pid if process else None,
        "start_time": process.start_time if process else None,
        "failures": service.unhealthy_ends,
        "last_exit": _last_exit(service.last_end),
        "next_attempt": None if next_attempt is None else next_attempt + wall_offset_s,
        "error": service.error,
        "changed": service.changed,
        "normally_down": bool(definition and definition.normally_down),
        "fingerprint": definition.fingerprint if definition else "",
        "progress": None,
        "launched": _launched(service.launched),
        "clock": {field: getattr(service, field) for field in _CLOCK},
        **{field: getattr(service, field) for field in _PLAIN},
        **more,
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _last_exit(end: End | None) -> dict[str, object] | None:
    if end is None:
        return None
    words = ends.words(end.status, out_of_memory=end.out_of_memory)
    return {**asdict(end), "words": words if end.reason is None else "start failed", "at": end.at}


def _launched(definition: ServiceDefinition | None) -> dict[str, object] | None:
    """What has to be known of a launch that was started from a folder that may have changed."""
    if definition is None:
        return None
    restart = asdict(definition.restart)
    return {
        "container": definition.container is not None,
        "restart": {**restart, "policy": definition.restart.policy.value},
        "stop_signal": definition.stop_signal,
        "stop_grace_period_s": definition.stop_grace_period_s,
        "finish": definition.finish,
        "finish_timeout_s": definition.finish_timeout_s,
        "fingerprint": definition.fingerprint,
    }


def load(path: str) -> dict[str, Any] | None:
    """The record of a former supervisor; None when there is none that can be believed."""
    try:
        with open(path, "rb") as file:
            record = json.load(file)
        return record if record["version"] == VERSION else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
