"""A hostile record: refused with a ValueError, and with nothing else; never half believed."""

import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.definition import ServiceDefinition
from supervise.core.events import End, Phase
from supervise.core.service import Service
from supervise.daemon import record
from supervise.daemon.recorded import Recorded, launch_of, restore


def _right() -> dict[str, Any]:
    service = Service(
        name="web",
        phase=Phase.UP,
        launch=2,
        up_at=5.0,
        since=5.0,
        ends=(1.0, 2.0),
        launched=ServiceDefinition(name="web", fingerprint="f"),
        last_end=End(launch=1, status=3 << 8, ran_s=0.5, at=1000.0),
    )
    found: dict[str, Any] = json.loads(record.dump(service, "/scan/web", None, faults=3))
    return found | {"pid": 4711, "start_time": 12345}


RIGHT = _right()
FOR_PEOPLE = {
    *("version", "name", "folder", "kind", "since", "failures", "next_attempt", "error"),
    *("changed", "normally_down", "fingerprint", "progress"),
}
READ = sorted(RIGHT.keys() - FOR_PEOPLE)


def changed(path: str, value: object) -> dict[str, Any]:
    """The right record, but for one value."""
    found = copy.deepcopy(RIGHT)
    *above, last = path.split(".")
    inner = found
    for key in above:
        inner = inner[key]
    inner[last] = value
    return found


def test_what_is_right_is_taken() -> None:
    found = restore("web", RIGHT)
    assert (found.pid, found.start_time, found.faults) == (4711, 12345, 3)
    assert (found.core.phase, found.core.launch, found.core.ends) == (Phase.UP, 2, (1.0, 2.0))


@pytest.mark.parametrize("name", [5, "../../etc", None])
def test_the_name_is_never_the_records_to_give(name: object) -> None:
    assert restore("web", changed("name", name)).core.name == "web"
    launched = restore("web", changed("name", name)).core.launched
    assert launched is not None
    assert launched.name == "web"


@pytest.mark.parametrize("key", READ)
def test_what_lacks_a_field_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        restore("web", {field: value for field, value in RIGHT.items() if field != key})


@pytest.mark.parametrize("above", ["clock", "last_exit", "launched", "launched.restart"])
def test_what_lacks_an_inner_field_is_refused(above: str) -> None:
    inner: dict[str, Any] = RIGHT
    for key in above.split("."):
        inner = inner[key]
    for key in inner.keys() - {"words"}:
        less = {field: value for field, value in inner.items() if field != key}
        with pytest.raises(ValueError, match=r"."):
            restore("web", changed(above, less))


HOSTILE: list[tuple[str, object]] = [
    *(("phase", value) for value in ("sleeping", 3, None, [], {})),
    *(("want", value) for value in ("sideways", 3, None, [], {})),
    *(("pid", value) for value in ("abc", 2**40, 0, -1, True, 1.5, [], {})),
    *(("start_time", value) for value in ("abc", 2**70, -1, True, 1.5, [])),
    *(("launch", value) for value in ("x", -1, 0, True, None, 10**400, 2.0)),
    *(("faults", value) for value in ("x", None, -1, True, 10**30, [])),
    *(("unhealthy_ends", value) for value in ("x", None, -1, 10**30)),
    *(("paused", value) for value in ([1], 1, "yes", None)),
    *((flag, 0) for flag in ("leaving", "retired", "fresh", "retrying")),
    *(("broken", value) for value in (1, [], True, "\ud800")),
    *(("gave_up", value) for value in (1, [], True)),
    *(("clock", value) for value in ([], None, "x", {})),
    *(("clock.deadline", value) for value in ("x", [], True, math.nan, math.inf, 10**400)),
    *(("clock.since", value) for value in ("x", None, math.nan, -math.inf, {})),
    *(("clock.ends", value) for value in ("12", None, ["x"], [None], [math.nan], {})),
    *(("clock.up_at", value) for value in ("x", None, [])),
    ("last_exit", {"launch": 1, "status": "x", "ran_s": 0, "at": "q"}),
    *(("last_exit", value) for value in ([], "x", 3, {"of": 1})),
    *(("last_exit.status", value) for value in ("x", -1, 2**40, True)),
    *(("last_exit.at", value) for value in ("q", None, math.nan)),
    *(("last_exit.reason", value) for value in (3, [], {})),
    *(("launched", value) for value in (None, [], {}, "x")),
    *(("launched.stop_signal", value) for value in (0, 65, -9, "TERM", None)),
    *(("launched.stop_grace_period_s", value) for value in (-1, "x", math.inf, None)),
    *(("launched.container", value) for value in ({}, 1, None)),
    *(("launched.fingerprint", value) for value in (None, 3)),
    *(("launched.restart", value) for value in (None, [], "always")),
    *(("launched.restart.policy", value) for value in (None, [], "sometimes")),
    *(("launched.restart.factor", value) for value in (None, "2", -1, math.nan)),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda value: repr(value)[:30])
def test_what_holds_nonsense_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        restore("web", changed(path, value))


@pytest.mark.parametrize("phase", ["starting", "stopping", "finishing"])
def test_a_state_that_could_never_be_left_is_refused(phase: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        restore("web", changed("phase", phase))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def _paths(fields: dict[str, Any], above: str = "") -> list[str]:
    paths = []
    for key, value in fields.items():
        paths.append(above + key)
        if isinstance(value, dict):
            paths += _paths(value, f"{above}{key}.")
    return paths


def _try(value: object) -> Recorded | None:
    try:
        return restore("web", value)
    except ValueError:
        return None


@given(JSON)
def test_nothing_at_all_raises_anything_else(value: object) -> None:
    assert _try(value) is None
    assert launch_of(value) >= 0


@given(st.sampled_from(_paths(RIGHT)), JSON)
def test_no_single_value_raises_anything_else(path: str, value: object) -> None:
    found = _try(changed(path, value))
    if found is not None:  # then it can be worked with, and recorded again
        record.dump(found.core, "/scan/web", None, faults=found.faults)
