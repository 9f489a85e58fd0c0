"""What follows the end of a launch that nobody asked for: delay, finish, policy, giving up."""

import pytest
from attrs import evolve

from supervise.core import events as on
from supervise.core.definition import Restart
from supervise.core.events import End, Phase, Want
from supervise.core.service import Service
from tests.core.scene import CONTAINER, Scene, defined, up, with_restart


def _crash(scene: Scene, times: int = 1, each_ran_s: float = 0.0) -> list[on.Effect]:
    """End the launch this often, going to the next one over its delay."""
    for _ in range(times - 1):
        scene.exited(after=each_ran_s)
        scene.tick()
        scene.started()
    return scene.exited(after=each_ran_s)


# --- delay --------------------------------------------------------------------------------------


def test_a_crash_after_a_healthy_run_is_followed_by_an_immediate_start() -> None:
    scene = up(with_restart(reset_after_s=10.0))
    effects = scene.exited(after=10.0)
    assert effects == [on.Clean(launch=1), on.Start(launch=2, definition=with_restart())]
    assert scene.service.phase is Phase.STARTING


def test_delays_double_after_short_runs_up_to_the_cap() -> None:
    scene = up(with_restart(max_delay_s=1.0))
    delays = []
    for _ in range(6):
        assert scene.exited(after=0.5)[0] == on.Clean(launch=scene.service.launch)
        delays.append(scene.delay())
        scene.tick()
        scene.started()
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_a_healthy_run_clears_the_delay() -> None:
    scene = up(with_restart())
    _crash(scene, 4)
    scene.tick()
    scene.started()
    scene.exited(after=10.0)
    scene.started()
    scene.exited()
    assert scene.delay() == pytest.approx(0.1)


def test_the_first_restart_waits_for_min_delay() -> None:
    scene = up(with_restart(min_delay_s=2.0))
    scene.exited(after=60.0)
    assert scene.delay() == 2.0


def test_a_start_that_failed_counts_as_a_short_run() -> None:
    scene = defined(with_restart())
    assert scene.start_failed() == [on.Clean(launch=1)]
    assert scene.delay() == pytest.approx(0.1)
    scene.tick()
    scene.start_failed()
    assert scene.delay() == pytest.approx(0.2)
    assert scene.service.error == "no such rootfs"


@pytest.mark.parametrize(("random", "delay_s"), [(0.0, 0.09), (0.5, 0.1), (1.0, 0.11)])
def test_jitter_varies_the_delay_by_its_part(random: float, delay_s: float) -> None:
    scene = Scene(service=Service(name="web", random=lambda: random))
    scene.take(on.Defined(definition=with_restart(jitter=0.1)))
    scene.start_failed()
    assert scene.delay() == pytest.approx(delay_s)


def test_a_run_is_measured_since_it_was_ready() -> None:
    scene = up(with_restart(reset_after_s=10.0))
    scene.take(on.Ready(launch=1), after=9.0)
    scene.exited(after=9.0)
    assert scene.delay() == pytest.approx(0.1)


def test_a_run_that_is_healthy_since_it_was_ready_restarts_at_once() -> None:
    scene = up(with_restart(reset_after_s=10.0))
    scene.take(on.Ready(launch=1), after=9.0)
    scene.exited(after=10.0)
    assert scene.service.phase is Phase.STARTING


def test_a_tick_before_the_delay_is_over_starts_nothing() -> None:
    scene = up(with_restart())
    scene.exited()
    assert scene.take(on.Tick(), after=0.09) == []
    assert [type(effect) for effect in scene.take(on.Tick(), after=0.011)] == [on.Start]


def test_a_launch_starts_from_what_the_folder_says_then() -> None:
    scene = up()
    changed = evolve(CONTAINER, fingerprint="second")
    scene.take(on.Defined(definition=changed))
    assert scene.exited(after=60.0)[-1] == on.Start(launch=2, definition=changed)


# --- what is recorded ---------------------------------------------------------------------------


def test_an_end_is_recorded_with_its_status_and_how_long_it_ran() -> None:
    scene = up()
    scene.take(on.Exited(launch=1, status=9, out_of_memory=True), after=2.5)
    assert scene.service.last_end == End(launch=1, status=9, ran_s=2.5, out_of_memory=True)


def test_an_end_that_nobody_learned_is_unknown_and_not_zero() -> None:
    scene = up(with_restart(policy=Restart.ON_FAILURE))
    scene.exited(None)
    assert scene.service.last_end is not None
    assert scene.service.last_end.status is None
    assert scene.service.phase is Phase.WAITING


def test_a_failed_start_is_recorded_with_its_reason() -> None:
    scene = defined()
    scene.start_failed("rootfs /srv/web: No such file or directory")
    assert scene.service.last_end == End(
        launch=1, reason="rootfs /srv/web: No such file or directory"
    )


def test_what_runs_again_shows_no_old_error() -> None:
    scene = defined()
    scene.start_failed()
    scene.tick()
    scene.started()
    assert scene.service.error is None


def test_an_exit_whose_start_was_never_told_ran_for_no_time() -> None:
    scene = defined()
    scene.take(on.Down())
    scene.exited(9, after=3.0)
    assert scene.service.last_end == End(launch=1, status=9, ran_s=0.0)


def test_since_changes_with_the_phase_only() -> None:
    scene = up()
    scene.take(on.Send(signal=1), on.Tick(), after=5.0)
    assert scene.service.since == scene.now - 5.0
    scene.take(on.Down())
    assert scene.service.since == scene.now


# --- finish -------------------------------------------------------------------------------------

WITH_FINISH = evolve(with_restart(), finish=True, finish_timeout_s=3.0)


def test_finish_runs_with_the_status_before_the_next_start() -> None:
    scene = up(WITH_FINISH)
    assert scene.exited(9) == [on.Clean(launch=1), on.RunFinish(launch=1, status=9)]
    assert scene.service.phase is Phase.FINISHING
    assert scene.finished() == []
    assert scene.service.phase is Phase.WAITING


def test_the_delay_begins_when_finish_has_ended() -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    scene.now += 2.0
    scene.finished()
    assert scene.delay() == pytest.approx(0.1)


def test_finish_is_killed_at_its_time_limit_and_again_until_it_ends() -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    assert scene.service.deadline == scene.now + 3.0
    assert [scene.tick(), scene.tick()] == [[on.KillFinish(launch=1)]] * 2
    scene.finished(9)
    assert scene.service.phase is Phase.WAITING


def test_finish_that_exits_125_gives_the_service_up() -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    assert scene.finished(125 << 8) == [on.Sweep()]
    assert scene.service.phase is Phase.FAILED
    assert scene.service.error == "given up: finish exited 125: do not restart; svc -u tries again"


def test_finish_that_exits_125_after_a_down_changes_nothing() -> None:
    scene = up(WITH_FINISH)
    scene.take(on.Down())
    scene.exited(15)
    assert scene.finished(125 << 8) == [on.Sweep()]
    assert (scene.service.phase, scene.service.error) == (Phase.DOWN, None)


def test_finish_that_could_not_be_run_does_not_stand_in_the_way() -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    scene.finished(None)
    assert scene.service.phase is Phase.WAITING


def test_finish_does_not_run_for_a_launch_that_did_not_start() -> None:
    assert defined(WITH_FINISH).start_failed() == [on.Clean(launch=1)]


def test_finish_is_the_one_of_the_launch_that_ended() -> None:
    scene = up(with_restart())
    scene.take(on.Defined(definition=evolve(WITH_FINISH, fingerprint="second")))
    assert scene.exited() == [on.Clean(launch=1)]


def test_an_end_that_was_asked_for_starts_at_once_after_finish() -> None:
    scene = up(WITH_FINISH)
    scene.take(on.Terminate())
    scene.exited(15, after=1.0)
    scene.now += 60.0
    assert [type(effect) for effect in scene.finished()] == [on.Start]


# --- policy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "status", "phase"),
    [
        (Restart.ALWAYS, 0, Phase.WAITING),
        (Restart.ALWAYS, 9, Phase.WAITING),
        (Restart.ON_FAILURE, 0, Phase.DOWN),
        (Restart.ON_FAILURE, 1 << 8, Phase.WAITING),
        (Restart.ON_FAILURE, 9, Phase.WAITING),
        (Restart.NEVER, 0, Phase.DOWN),
        (Restart.NEVER, 1 << 8, Phase.DOWN),
    ],
)
def test_the_policy_decides_by_the_status(policy: Restart, status: int, phase: Phase) -> None:
    scene = up(with_restart(policy=policy))
    scene.exited(status)
    assert scene.service.phase is phase
    assert scene.service.want is (Want.ONCE if phase is Phase.DOWN else Want.UP)


@pytest.mark.parametrize(
    ("policy", "phase"), [(Restart.ON_FAILURE, Phase.WAITING), (Restart.NEVER, Phase.DOWN)]
)
def test_a_start_that_failed_is_a_failure_to_the_policy(policy: Restart, phase: Phase) -> None:
    scene = defined(with_restart(policy=policy))
    scene.start_failed()
    assert scene.service.phase is phase


# --- giving up ----------------------------------------------------------------------------------


def _given_up(**policy: float) -> Scene:
    scene = up(with_restart(max_failures=3, **policy))
    _crash(scene, 3)
    return scene


def test_so_many_ends_within_the_window_give_up() -> None:
    scene = up(with_restart(max_failures=3))
    _crash(scene, 2)
    assert scene.service.phase is Phase.WAITING
    scene.tick()
    scene.started()
    assert scene.exited() == [on.Clean(launch=3), on.Sweep()]
    assert (scene.service.phase, scene.service.deadline) == (Phase.FAILED, None)
    assert scene.service.error == "given up: failed 3 times within 60 s; svc -u tries again"
    assert scene.take(on.Tick(), after=1e9) == []


def test_ends_further_apart_than_the_window_do_not_give_up() -> None:
    scene = up(with_restart(max_failures=3, window_s=60.0, reset_after_s=1e9))
    _crash(scene, 10, each_ran_s=31.0)
    assert scene.service.phase is Phase.WAITING


def test_starts_that_fail_give_up_too() -> None:
    scene = defined(with_restart(max_failures=2))
    scene.start_failed()
    scene.tick()
    assert scene.start_failed() == [on.Clean(launch=2), on.Sweep()]
    assert scene.service.phase is Phase.FAILED


def test_what_was_given_up_is_tried_again_after_retry_every() -> None:
    scene = _given_up(retry_every_s=300.0)
    assert scene.service.deadline == scene.now + 300.0
    assert scene.take(on.Tick(), after=299.0) == []
    assert [type(effect) for effect in scene.tick()] == [on.Start]
    assert scene.service.error is None


def test_a_retry_within_the_window_that_ends_gives_up_again() -> None:
    scene = _given_up(retry_every_s=5.0)
    scene.tick()
    scene.started()
    scene.exited()
    assert scene.service.phase is Phase.FAILED
    assert scene.service.deadline == scene.now + 5.0


def test_finish_that_exits_125_is_tried_again_too() -> None:
    scene = up(evolve(with_restart(retry_every_s=300.0), finish=True))
    scene.exited()
    scene.finished(125 << 8)
    assert scene.service.deadline == scene.now + 300.0


def test_the_memory_of_ends_does_not_grow() -> None:
    scene = up(with_restart(max_failures=0, max_delay_s=0.1))
    _crash(scene, 100)
    assert len(scene.service.ends) <= 1


def test_a_retry_long_after_the_window_that_fails_gives_up_again() -> None:
    scene = _given_up(retry_every_s=300.0, window_s=1.0)
    for _ in range(3):
        scene.tick()
        scene.started()
        scene.exited()
        assert scene.service.phase is Phase.FAILED
        assert scene.service.deadline == scene.now + 300.0


def test_a_retry_that_was_healthy_begins_anew() -> None:
    scene = _given_up(retry_every_s=300.0)
    scene.tick()
    scene.started()
    scene.exited(after=11.0)
    assert scene.service.phase is Phase.STARTING
    scene.started()
    scene.exited()
    assert scene.service.phase is Phase.WAITING


def test_exit_0_after_a_healthy_run_is_no_failure() -> None:
    scene = up(with_restart(max_failures=3, window_s=1e9))
    for _ in range(10):
        scene.exited(0, after=11.0)
        scene.started()
    assert scene.service.phase is Phase.UP


def test_a_crash_after_a_healthy_run_counts_towards_giving_up() -> None:
    scene = up(with_restart(max_failures=3, window_s=60.0))
    for _ in range(2):
        scene.exited(after=11.0)
        scene.started()
    scene.exited(after=11.0)
    assert scene.service.phase is Phase.FAILED


def test_only_the_first_word_of_being_ready_counts() -> None:
    scene = up()
    scene.take(on.Ready(launch=1), after=1.0)
    scene.take(on.Ready(launch=1), after=9.5)
    scene.exited(after=1.0)
    assert scene.service.phase is Phase.STARTING
