"""The record: what is written can be taken up again; what is broken is refused."""

import json
import time
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.definition import ServiceDefinition
from supervise.core.events import End, Phase, Want
from supervise.core.service import Service
from supervise.daemon import record
from supervise.daemon.process import Process
from supervise.daemon.recorded import restore
from tests import strategies


@st.composite
def services(draw: st.DrawFn) -> Service:
    """Any service, after any events."""
    service = Service(name="web", definition=draw(strategies.definitions()), random=lambda: 0.5)
    now = draw(strategies.seconds())
    for event in draw(st.lists(strategies.any_events(), max_size=20)):
        now += draw(strategies.seconds(100.0))
        service.handle(event, now)
        if draw(st.booleans()):
            # Else nearly all events would be of launches that never were.
            _answer(service, draw, now)
    return service


def _answer(service: Service, draw: st.DrawFn, now: float) -> None:
    for event in draw(st.lists(strategies.launch_events(st.just(service.launch)), max_size=2)):
        service.handle(event, now)


def known(definition: ServiceDefinition | None) -> ServiceDefinition | None:
    """What the record keeps of a launch's definition: what its end is decided by."""
    if definition is None:
        return None
    kept = (
        "restart",
        "stop_signal",
        "stop_grace_period_s",
        "finish",
        "finish_timeout_s",
        "fingerprint",
    )
    return evolve(
        ServiceDefinition(name=definition.name),
        **{field: getattr(definition, field) for field in kept},
    )


def taken_up(service: Service) -> Service:
    """What the next supervisor makes of it."""
    return restore("web", json.loads(record.dump(service, "/scan/web", None, faults=0))).core


@given(services())
def test_nothing_that_decides_is_lost(service: Service) -> None:
    found = taken_up(service)
    assert known(found.launched) == known(service.launched)
    if service.launched is not None:
        assert found.launched is not None
        assert (found.launched.container is None) == (service.launched.container is None)
    # The definition is the folder's to give; `gone` is never recorded.
    for field in (
        *("want", "phase", "deadline", "since", "launch", "up_at", "ready_at", "unhealthy_ends"),
        *("ends", "last_end", "gave_up", "paused", "asked_at", "leaving", "retired", "fresh"),
        "broken",
    ):
        assert getattr(found, field) == getattr(service, field), field


@given(services(), st.lists(strategies.operator_events(), max_size=5))
def test_the_one_taken_up_goes_on_as_the_other_would(
    service: Service, events: list[strategies.on.Event]
) -> None:
    found = taken_up(service)
    found.definition = service.definition
    found.gone = service.gone
    service.random = found.random = lambda: 0.5
    now = service.since + 1000
    for event in (*events, strategies.on.Tick()):
        assert [type(effect) for effect in found.handle(event, now)] == [
            type(effect) for effect in service.handle(event, now)
        ]
        assert (found.phase, found.deadline) == (service.phase, service.deadline)


def test_what_people_read() -> None:
    now = time.monotonic()
    service = Service(
        name="web",
        phase=Phase.WAITING,
        want=Want.UP,
        since=now,
        deadline=now + 5,
        launch=3,
        unhealthy_ends=2,
        last_end=End(launch=3, status=3 << 8, ran_s=0.5, at=1000.0),
        definition=ServiceDefinition(name="web", fingerprint="f", normally_down=True),
    )
    found = json.loads(record.dump(service, "/scan/web", None, faults=1))
    assert abs(found["since"] - time.time()) < 5
    assert abs(found["next_attempt"] - found["since"] - 5) < 0.001
    assert found["last_exit"]["words"] == "exit 3"
    expected = {
        "version": 1,
        "name": "web",
        "folder": "/scan/web",
        "kind": "plain",
        "phase": "waiting",
        "want": "up",
        "pid": None,
        "start_time": None,
        "launch": 3,
        "failures": 2,
        "paused": False,
        "error": None,
        "changed": False,
        "normally_down": True,
        "fingerprint": "f",
        "faults": 1,
    }
    assert expected.items() <= found.items()


def test_the_process_is_named_with_its_start_time() -> None:
    class Living:
        pid, start_time = 4711, 12345

    process: Process = Living()  # type: ignore[assignment]
    found = json.loads(record.dump(Service(name="web"), "/scan/web", process))
    assert (found["pid"], found["start_time"]) == (4711, 12345)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"version": 2}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "state.json").write_bytes(text)
    assert record.load(str(tmp_path / "state.json")) is None
    assert record.load(str(tmp_path / "missing")) is None
