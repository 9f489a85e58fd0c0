"""What a folder's coming, change, breaking, mending and going do to its service."""

import pytest
from attrs import evolve

from supervise.core import events as on
from supervise.core.definition import Restart
from supervise.core.events import Phase, Want
from supervise.core.service import Service
from tests.core.scene import CONTAINER, Scene, defined, up, with_restart

CHANGED = evolve(CONTAINER, fingerprint="second")
NORMALLY_DOWN = evolve(CONTAINER, normally_down=True)
BROKEN = on.Broken(reason="run: line 3: no such key")


def _names(effects: list[on.Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


# --- the first word -----------------------------------------------------------------------------


def test_a_new_folder_starts() -> None:
    assert Scene().take(on.Defined(definition=CONTAINER)) == [
        on.Start(launch=1, definition=CONTAINER)
    ]


def test_a_new_folder_with_a_down_file_stays_down() -> None:
    scene = Scene()
    assert scene.take(on.Defined(definition=NORMALLY_DOWN)) == []
    assert (scene.service.phase, scene.service.want) == (Phase.DOWN, Want.DOWN)


def test_a_new_folder_that_is_broken_fails_and_starts_when_mended() -> None:
    scene = Scene()
    assert scene.take(BROKEN) == [on.Sweep()]
    assert (scene.service.phase, scene.service.error) == (Phase.FAILED, BROKEN.reason)
    assert _names(scene.take(on.Defined(definition=CONTAINER))) == ["Start"]
    assert scene.service.error is None


def test_a_new_folder_that_is_mended_into_normally_down_rests() -> None:
    scene = Scene()
    scene.take(BROKEN)
    assert scene.take(on.Defined(definition=NORMALLY_DOWN)) == [on.Sweep()]
    assert (scene.service.phase, scene.service.want) == (Phase.DOWN, Want.DOWN)


def test_what_an_operator_said_before_the_first_read_holds() -> None:
    scene = Scene()
    scene.take(on.Down())
    assert scene.take(on.Defined(definition=CONTAINER)) == []
    assert scene.service.want is Want.DOWN


@pytest.mark.parametrize(("ask", "want"), [(on.Up(), Want.UP), (on.Once(), Want.ONCE)])
def test_what_was_asked_for_before_the_first_read_is_done_after_it(
    ask: on.Event, want: Want
) -> None:
    scene = Scene()
    assert scene.take(ask) == [on.Sweep()]
    assert _names(scene.take(on.Defined(definition=NORMALLY_DOWN))) == ["Start"]
    assert scene.service.want is want


# --- change -------------------------------------------------------------------------------------


def test_a_changed_folder_leaves_the_launch_alone_and_is_shown() -> None:
    scene = up()
    assert not scene.service.changed
    assert scene.take(on.Defined(definition=CHANGED)) == []
    assert scene.service.changed
    scene.take(on.Terminate())
    assert scene.exited(15)[-1] == on.Start(launch=2, definition=CHANGED)
    assert not scene.service.changed


def test_what_does_not_run_is_not_changed_since_its_start() -> None:
    scene = up()
    scene.take(on.Down())
    scene.exited(15)
    scene.take(on.Defined(definition=CHANGED))
    assert not scene.service.changed


def test_a_changed_folder_does_not_wait_for_the_old_ones_backoff() -> None:
    scene = defined()
    scene.start_failed()
    assert _names(scene.take(on.Defined(definition=CHANGED))) == ["Start"]
    assert scene.service.unhealthy_ends == 0


def test_a_folder_that_was_only_touched_does_not_end_the_wait() -> None:
    scene = defined()
    scene.start_failed()
    deadline = scene.service.deadline
    assert scene.take(on.Defined(definition=CONTAINER)) == []
    assert (scene.service.phase, scene.service.deadline) == (Phase.WAITING, deadline)


def test_a_changed_folder_is_tried_though_the_old_one_was_given_up() -> None:
    scene = defined(with_restart(max_failures=1))
    scene.start_failed()
    assert scene.service.phase is Phase.FAILED
    assert scene.take(on.Defined(definition=with_restart(max_failures=1))) == []
    assert _names(scene.take(on.Defined(definition=CHANGED))) == ["Start"]


def test_a_down_file_that_comes_later_stops_nothing() -> None:
    scene = up()
    scene.take(on.Defined(definition=evolve(NORMALLY_DOWN, fingerprint="second")))
    assert (scene.service.phase, scene.service.want) == (Phase.UP, Want.UP)


def test_what_is_down_does_not_start_because_its_folder_changed() -> None:
    scene = defined(NORMALLY_DOWN)
    assert scene.take(on.Defined(definition=CHANGED)) == []
    assert scene.service.phase is Phase.DOWN


def test_an_adopted_launch_that_ends_before_its_folder_was_read_starts_after_it() -> None:
    scene = Scene(
        service=Service(
            name="web", phase=Phase.UP, launch=7, launched=CONTAINER, up_at=0.0, fresh=False
        )
    )
    assert _names(scene.exited()) == ["Clean", "Sweep"]
    assert scene.take(on.Defined(definition=CONTAINER)) == [
        on.Start(launch=8, definition=CONTAINER)
    ]


# --- broken and mended --------------------------------------------------------------------------


def test_a_broken_folder_leaves_the_launch_alone_and_shows_why() -> None:
    scene = up()
    assert scene.take(BROKEN) == []
    assert (scene.service.phase, scene.service.error) == (Phase.UP, BROKEN.reason)
    assert scene.service.changed


def test_nothing_starts_from_a_broken_folder_until_it_is_mended() -> None:
    scene = up()
    scene.take(BROKEN)
    assert scene.exited(after=60.0) == [on.Clean(launch=1), on.Sweep()]
    assert scene.service.phase is Phase.FAILED
    assert scene.take(on.Up()) == [on.Sweep()]
    assert scene.take(on.Defined(definition=CONTAINER)) == [
        on.Start(launch=2, definition=CONTAINER)
    ]


def test_a_broken_folder_does_not_pretend_to_wait_for_a_start() -> None:
    scene = up()
    scene.take(BROKEN)
    scene.exited(after=0.1)
    assert (scene.service.phase, scene.service.deadline) == (Phase.FAILED, None)


def test_a_folder_that_breaks_during_the_wait_fails_and_starts_when_mended() -> None:
    scene = defined()
    scene.start_failed()
    assert scene.take(BROKEN) == [on.Sweep()]
    assert (scene.service.phase, scene.service.deadline) == (Phase.FAILED, None)
    assert _names(scene.take(on.Defined(definition=CONTAINER))) == ["Start"]


def test_a_folder_that_breaks_during_the_start_lets_it_be() -> None:
    scene = defined()
    assert scene.take(BROKEN) == []
    scene.started()
    assert scene.service.phase is Phase.UP


def test_a_folder_that_breaks_while_it_stops_or_finishes_is_not_started_again() -> None:
    scene = up(evolve(CONTAINER, finish=True))
    scene.take(on.Terminate(), BROKEN)
    assert _names(scene.exited(15)) == ["Clean", "RunFinish"]
    scene.take(BROKEN)
    assert scene.finished() == [on.Sweep()]
    assert scene.service.phase is Phase.FAILED


def test_a_folder_that_breaks_and_is_mended_while_it_runs_is_as_before() -> None:
    scene = up()
    scene.take(BROKEN, on.Defined(definition=CONTAINER))
    assert (scene.service.phase, scene.service.error) == (Phase.UP, None)
    assert not scene.service.changed


def test_what_is_down_stays_down_while_its_folder_breaks_and_is_mended() -> None:
    scene = defined(NORMALLY_DOWN)
    assert scene.take(BROKEN) == []
    assert (scene.service.phase, scene.service.error) == (Phase.DOWN, BROKEN.reason)
    assert scene.take(on.Defined(definition=CHANGED)) == []
    assert (scene.service.phase, scene.service.error) == (Phase.DOWN, None)


def test_a_broken_folder_can_be_put_down_and_leave() -> None:
    scene = Scene()
    scene.take(BROKEN)
    assert scene.take(on.Down()) == [on.Sweep()]
    assert scene.service.phase is Phase.DOWN
    assert scene.take(on.Retire()) == [on.Sweep(), on.Gone()]


def test_while_a_folder_is_broken_the_last_launchs_policy_decides() -> None:
    scene = up(with_restart(max_failures=1, retry_every_s=5.0))
    scene.take(BROKEN)
    scene.exited()
    assert scene.service.deadline == scene.now + 5.0
    assert scene.tick() == [on.Sweep()]
    assert (scene.service.phase, scene.service.deadline) == (Phase.FAILED, None)


def test_what_was_given_up_while_broken_is_tried_when_mended_to_what_it_was() -> None:
    definition = with_restart(max_failures=1)
    scene = up(definition)
    scene.take(BROKEN)
    scene.exited()
    assert _names(scene.take(on.Defined(definition=definition))) == ["Start"]


def test_a_given_up_folder_that_breaks_is_no_longer_given_up_but_broken() -> None:
    scene = defined(with_restart(max_failures=1, retry_every_s=5.0))
    scene.start_failed()
    scene.take(BROKEN)
    assert (scene.service.gave_up, scene.service.deadline) == (None, None)


# --- gone and back ------------------------------------------------------------------------------


def test_a_removed_folder_stops_its_launch_and_is_gone() -> None:
    scene = up()
    assert _names(scene.take(on.Retire())) == ["Stop"]
    assert scene.exited(15) == [on.Clean(launch=1), on.Sweep(), on.Gone()]
    assert scene.service.gone


def test_a_removed_folder_cancels_its_start() -> None:
    scene = defined()
    assert _names(scene.take(on.Retire())) == ["CancelStart"]
    assert scene.start_failed("cancelled") == [on.Clean(launch=1), on.Sweep(), on.Gone()]


def test_a_removed_folder_lets_finish_end() -> None:
    scene = up(evolve(CONTAINER, finish=True))
    scene.exited()
    assert scene.take(on.Retire()) == []
    assert scene.finished() == [on.Sweep(), on.Gone()]


def test_an_operator_cannot_keep_a_removed_folder_up() -> None:
    scene = up(evolve(CONTAINER, finish=True))
    scene.take(on.Retire(), on.Up())
    scene.exited(15)
    assert scene.finished(125 << 8) == [on.Sweep(), on.Gone()]


def test_a_folder_that_is_back_before_the_end_starts_after_it() -> None:
    scene = up()
    scene.take(on.Retire(), on.Defined(definition=CHANGED))
    assert scene.exited(15) == [on.Clean(launch=1), on.Start(launch=2, definition=CHANGED)]


def test_a_folder_that_is_back_with_a_down_file_rests_after_the_end() -> None:
    scene = up()
    scene.take(on.Retire(), on.Defined(definition=NORMALLY_DOWN))
    assert scene.exited(15) == [on.Clean(launch=1), on.Sweep()]
    assert (scene.service.phase, scene.service.want) == (Phase.DOWN, Want.DOWN)


def test_a_folder_that_is_back_while_finish_runs_starts_whatever_the_old_one_wanted() -> None:
    scene = up(evolve(with_restart(policy=Restart.NEVER), finish=True))
    scene.exited(0)
    scene.take(on.Retire(), on.Defined(definition=CHANGED))
    assert scene.finished() == [on.Start(launch=2, definition=CHANGED)]


def test_an_exit_was_said_to_the_folder_that_went() -> None:
    scene = up()
    scene.take(on.Leave(), on.Retire(), on.Defined(definition=CHANGED))
    assert _names(scene.exited(15)) == ["Clean", "Start"]


@pytest.mark.parametrize(
    ("definition", "phase"), [(CHANGED, Phase.STARTING), (NORMALLY_DOWN, Phase.DOWN)]
)
def test_a_folder_that_is_back_broken_shows_it_and_is_new_when_mended(
    definition: on.ServiceDefinition, phase: Phase
) -> None:
    scene = up()
    scene.take(on.Retire(), BROKEN)
    assert scene.exited(15) == [on.Clean(launch=1), on.Sweep()]
    assert (scene.service.phase, scene.service.error) == (Phase.FAILED, BROKEN.reason)
    scene.take(on.Defined(definition=definition))
    assert scene.service.phase is phase


def test_what_an_operator_says_to_a_folder_that_is_back_broken_holds() -> None:
    scene = up()
    scene.take(on.Retire(), BROKEN, on.Down())
    scene.exited(15)
    assert scene.take(on.Defined(definition=CHANGED)) == []
    assert scene.service.phase is Phase.DOWN
