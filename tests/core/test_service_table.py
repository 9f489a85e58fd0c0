# ruff: noqa: E501 - a table is read as a table
"""The state model, cell by cell: what every event does in every phase."""

from typing import get_args

import pytest
from attrs import evolve

from supervise.core import events as on
from supervise.core.events import Event, Phase, Want
from tests.core.scene import CONTAINER, Scene, defined, up, with_restart

FOLDER = evolve(with_restart(CONTAINER, retry_every_s=300.0), finish=True)
LONG_AFTER_S = 3600.0


def _down() -> Scene:
    return defined(evolve(FOLDER, normally_down=True))


def _stopping() -> Scene:
    scene = up(FOLDER)
    scene.take(on.Terminate())
    return scene


def _cancelling() -> Scene:
    scene = defined(FOLDER)
    scene.take(on.Terminate())
    return scene


def _finishing() -> Scene:
    scene = up(FOLDER)
    scene.exited()
    return scene


def _waiting() -> Scene:
    scene = _finishing()
    scene.finished()
    return scene


def _failed() -> Scene:
    scene = _finishing()
    scene.finished(125 << 8)
    return scene


def _broken() -> Scene:
    scene = Scene()
    scene.take(on.Broken(reason="no run file"))
    return scene


# cancelling is the phase "stopping" of a launch whose start was not answered yet,
# broken is the phase "failed" of a folder that was never right.
SCENES = {
    "down": _down,
    "waiting": _waiting,
    "starting": lambda: defined(FOLDER),
    "up": lambda: up(FOLDER),
    "stopping": _stopping,
    "cancelling": _cancelling,
    "finishing": _finishing,
    "failed": _failed,
    "broken": _broken,
}

EVENTS = {
    "Up": lambda _: on.Up(),
    "Down": lambda _: on.Down(),
    "Once": lambda _: on.Once(),
    "Terminate": lambda _: on.Terminate(),
    "Kill": lambda _: on.Kill(),
    "Send": lambda _: on.Send(signal=1),
    "Pause": lambda _: on.Pause(),
    "Continue": lambda _: on.Continue(),
    "Leave": lambda _: on.Leave(),
    "Retire": lambda _: on.Retire(),
    "Defined": lambda scene: on.Defined(definition=scene.service.definition or FOLDER),
    "Defined new": lambda _: on.Defined(definition=evolve(FOLDER, fingerprint="second")),
    "Broken": lambda _: on.Broken(reason="no run file"),
    "Started": lambda scene: on.Started(launch=scene.service.launch),
    "StartFailed": lambda scene: on.StartFailed(launch=scene.service.launch, reason="no rootfs"),
    "Ready": lambda scene: on.Ready(launch=scene.service.launch),
    "Exited": lambda scene: on.Exited(launch=scene.service.launch, status=1 << 8),
    "Finished": lambda scene: on.Finished(launch=scene.service.launch, status=0),
    "Tick early": lambda _: on.Tick(),
    "Tick due": lambda _: on.Tick(),
}

# In each cell the phase afterwards, then the effects; "." is the same phase and no effect.
TABLE = """
event       | down            | waiting         | starting             | up                        | stopping                  | cancelling                | finishing           | failed          | broken
Up          | starting Start  | starting Start  | .                    | .                         | .                         | .                         | .                   | starting Start  | failed Sweep
Down        | .               | down Sweep      | stopping CancelStart | stopping Stop             | .                         | .                         | .                   | down Sweep      | down Sweep
Once        | starting Start  | starting Start  | .                    | .                         | .                         | .                         | .                   | starting Start  | failed Sweep
Terminate   | .               | .               | stopping CancelStart | stopping Stop             | .                         | .                         | .                   | .               | .
Kill        | .               | .               | stopping CancelStart | up KillAll                | stopping KillAll          | stopping CancelStart      | .                   | .               | .
Send        | .               | .               | .                    | up Signal                 | stopping Signal           | .                         | .                   | .               | .
Pause       | .               | .               | .                    | up Signal                 | .                         | .                         | .                   | .               | .
Continue    | .               | .               | .                    | up Signal                 | stopping Signal           | .                         | .                   | .               | .
Leave       | down Sweep Gone | down Sweep Gone | .                    | .                         | .                         | .                         | .                   | down Sweep Gone | down Sweep Gone
Retire      | down Sweep Gone | down Sweep Gone | stopping CancelStart | stopping Stop             | .                         | .                         | .                   | down Sweep Gone | down Sweep Gone
Defined     | .               | .               | .                    | .                         | .                         | .                         | .                   | .               | starting Start
Defined new | .               | starting Start  | .                    | .                         | .                         | .                         | .                   | starting Start  | starting Start
Broken      | .               | failed Sweep    | .                    | .                         | .                         | .                         | .                   | failed Sweep    | failed Sweep
Started     | .               | .               | up                   | .                         | stopping Stop             | stopping Stop             | .                   | .               | .
StartFailed | .               | .               | waiting Clean        | .                         | starting Clean Start      | starting Clean Start      | .                   | .               | .
Ready       | .               | .               | .                    | .                         | .                         | .                         | .                   | .               | .
Exited      | .               | .               | .                    | finishing Clean RunFinish | finishing Clean RunFinish | finishing Clean RunFinish | .                   | .               | .
Finished    | .               | .               | .                    | .                         | .                         | .                         | waiting             | .               | .
Tick early  | .               | .               | .                    | .                         | .                         | .                         | .                   | .               | .
Tick due    | .               | starting Start  | .                    | .                         | stopping KillAll          | stopping CancelStart      | finishing KillFinish | starting Start  | .
"""

WANTS = {"Up": Want.UP, "Down": Want.DOWN, "Once": Want.ONCE, "Retire": Want.DOWN}


def _cells() -> list[tuple[str, str, str]]:
    head, *rows = [[cell.strip() for cell in row.split("|")] for row in TABLE.split("\n")[1:-1]]
    return [
        (row[0], scene, cell) for row in rows for scene, cell in zip(head[1:], row[1:], strict=True)
    ]


def test_the_table_names_every_event_in_every_phase() -> None:
    assert {(row, scene) for row, scene, _ in _cells()} == {
        (row, scene) for row in EVENTS for scene in SCENES
    }
    assert {type(make(defined())) for make in EVENTS.values()} == set(get_args(Event))
    assert {make().service.phase for make in SCENES.values()} == set(Phase)


@pytest.mark.parametrize(("row", "column", "expected"), _cells())
def test_cell(row: str, column: str, expected: str) -> None:
    scene = SCENES[column]()
    before = scene.service.phase, scene.service.want
    effects = scene.take(EVENTS[row](scene), after=LONG_AFTER_S if row == "Tick due" else 0.01)
    words = [scene.service.phase.value, *(type(effect).__name__ for effect in effects)]
    assert " ".join(words) == (before[0].value if expected == "." else expected)
    assert scene.service.want is WANTS.get(row, before[1])


@pytest.mark.parametrize("column", SCENES)
@pytest.mark.parametrize("row", ["Started", "StartFailed", "Ready", "Exited", "Finished"])
@pytest.mark.parametrize("off", [-1, 1])
def test_word_of_another_launch_changes_nothing(row: str, column: str, off: int) -> None:
    scene = SCENES[column]()
    before = evolve(scene.service)
    stale = evolve(EVENTS[row](scene), launch=scene.service.launch + off)
    assert scene.take(stale, after=1.0) == []
    assert scene.service == before


@pytest.mark.parametrize("row", EVENTS)
def test_after_gone_nothing_comes(row: str) -> None:
    scene = _down()
    scene.take(on.Retire())
    before = evolve(scene.service)
    assert scene.take(EVENTS[row](scene), after=LONG_AFTER_S) == []
    assert scene.service == before
