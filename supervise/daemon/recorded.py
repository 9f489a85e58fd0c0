"""A record taken up again: nothing in ``state.json`` is believed before it was looked at.

Whoever can write the run directory, or a disk that lost half of it, may have left anything there.
Pure: it knows neither files nor processes. What passes here is such a state as the state model
can be in, with all its fields of their types; what does not is no record.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from attrs import frozen

from supervise.core.definition import (
    ContainerDefinition,
    LogPolicy,
    Restart,
    RestartPolicy,
    ServiceDefinition,
)
from supervise.core.events import End, Phase, Want
from supervise.core.service import Service
from supervise.core.state import LIVING

_MOST_S = 1e18
_MOST_LAUNCHES = 10**12
_MOST_TICKS = 2**63
_MOST_PID = 4194304
"""The kernel's own limit. Source: proc(5), ``/proc/sys/kernel/pid_max``."""
_MOST_STATUS = 0xFFFF
_MOST_SIGNAL = 64
_TIMED = (Phase.WAITING, Phase.STOPPING, Phase.FINISHING)

_Value = TypeVar("_Value")
_Choice = TypeVar("_Choice", bound=Enum)


@frozen(kw_only=True)
class Recorded:
    """What a usable record says.

    Attributes:
        core: the state; without the folder's definition, which is the folder's to give.
        pid, start_time: what ran: the launch's first process, or ``finish``.
        faults: how often the service raised.
    """

    core: Service
    pid: int | None
    start_time: int | None
    faults: int


def restore(name: str, record: object) -> Recorded:
    """What ``record.dump`` recorded of the service.

    Args:
        name: the service; what the record calls it is of no account.
        record: what was in the file, decoded.

    Raises:
        ValueError: it is not such a record. Nothing else, whatever it is.
    """
    found = _Fields(record)
    core = Service(
        name=name,
        phase=found.choice("phase", Phase),
        want=found.choice("want", Want),
        launched=found.maybe("launched", lambda fields: _launched(name, fields)),
        last_end=found.maybe("last_exit", _end),
        launch=found.count("launch", _MOST_LAUNCHES),
        unhealthy_ends=found.count("unhealthy_ends"),
        broken=found.maybe("broken", _text),
        gave_up=found.maybe("gave_up", _text),
        paused=found.flag("paused"),
        leaving=found.flag("leaving"),
        retired=found.flag("retired"),
        fresh=found.flag("fresh"),
        retrying=found.flag("retrying"),
        **_clock(_Fields(found.get("clock"))),
    )
    _check(core)
    return Recorded(
        core=core,
        pid=found.maybe("pid", lambda pid: _count(pid, _MOST_PID, least=1)),
        start_time=found.maybe("start_time", lambda ticks: _count(ticks, _MOST_TICKS)),
        faults=found.count("faults"),
    )


def launch_of(record: object) -> int:
    """The launch number that a record names which may be useless otherwise; 0 for none."""
    try:
        return _Fields(record).count("launch", _MOST_LAUNCHES)
    except ValueError:
        return 0


def _check(core: Service) -> None:
    """The state model is never in any other state; some of them it could never leave."""
    if core.phase in (*LIVING, Phase.FINISHING) and (core.launched is None or core.launch == 0):
        raise ValueError(f"{core.phase.value}, but no launch")
    if core.phase is Phase.UP and core.up_at is None:
        raise ValueError("up, but it never came up")
    if core.phase is Phase.STARTING and core.up_at is not None:
        raise ValueError("starting, but it came up")
    if core.phase in _TIMED and core.deadline is None:
        raise ValueError(f"{core.phase.value} for ever")


def _clock(clock: "_Fields") -> dict[str, Any]:
    ends = clock.get("ends")
    if not isinstance(ends, list):
        raise ValueError(f"ends are no list: {ends!r:.40}")
    maybe = ("deadline", "up_at", "ready_at", "asked_at")
    return {
        "since": _seconds(clock.get("since")),
        "ends": tuple(_seconds(end) for end in ends),
        **{field: clock.maybe(field, _seconds) for field in maybe},
    }


def _end(fields: object) -> End:
    found = _Fields(fields)
    return End(
        launch=found.count("launch", _MOST_LAUNCHES),
        status=found.maybe("status", lambda status: _count(status, _MOST_STATUS)),
        ran_s=_seconds(found.get("ran_s")),
        at=_seconds(found.get("at")),
        reason=found.maybe("reason", _text),
        out_of_memory=found.flag("out_of_memory"),
    )


def _launched(name: str, fields: object) -> ServiceDefinition:
    found = _Fields(fields)
    return ServiceDefinition(
        name=name,
        container=ContainerDefinition(rootfs="") if found.flag("container") else None,
        restart=_restart(_Fields(found.get("restart"))),
        log=LogPolicy(),
        stop_signal=_count(found.get("stop_signal"), _MOST_SIGNAL, least=1),
        stop_grace_period_s=found.span("stop_grace_period_s"),
        finish=found.flag("finish"),
        finish_timeout_s=found.span("finish_timeout_s"),
        fingerprint=_text(found.get("fingerprint")),
    )


def _restart(found: "_Fields") -> RestartPolicy:
    return RestartPolicy(
        policy=found.choice("policy", Restart),
        min_delay_s=found.span("min_delay_s"),
        first_delay_s=found.span("first_delay_s"),
        factor=found.span("factor"),
        max_delay_s=found.span("max_delay_s"),
        jitter=found.span("jitter"),
        reset_after_s=found.span("reset_after_s"),
        max_failures=found.count("max_failures"),
        window_s=found.span("window_s"),
        retry_every_s=found.span("retry_every_s"),
    )


class _Fields:
    """An object of the record; whatever is asked for is there and right, or a ValueError."""

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ValueError(f"no object: {fields!r:.40}")
        self._fields = fields

    def get(self, key: str) -> object:
        if key not in self._fields:
            raise ValueError(f"{key} is missing")
        value: object = self._fields[key]
        return value

    def maybe(self, key: str, read: Callable[[object], _Value]) -> _Value | None:
        value = self.get(key)
        return None if value is None else read(value)

    def choice(self, key: str, kind: type[_Choice]) -> _Choice:
        return kind(_text(self.get(key)))

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if not isinstance(value, bool):
            raise ValueError(f"{key} is neither true nor false: {value!r:.40}")
        return value

    def count(self, key: str, most: int = 2**31) -> int:
        return _count(self.get(key), most)

    def span(self, key: str) -> float:
        value = _seconds(self.get(key))
        if value < 0:
            raise ValueError(f"{key} is negative")
        return value


def _count(value: object, most: int, least: int = 0) -> int:
    # To Python true is 1; to us it is not.
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"no number from {least} to {most}: {value!r:.40}")
    return value


def _seconds(value: object) -> float:
    # Written so that NaN, which compares with nothing, is refused too.
    if type(value) not in (int, float) or not -_MOST_S <= value <= _MOST_S:  # type: ignore[operator]
        raise ValueError(f"no time: {value!r:.40}")
    return float(value)  # type: ignore[arg-type]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"no text: {value!r:.40}")
    value.encode("utf-8", "surrogateescape")
    return value
