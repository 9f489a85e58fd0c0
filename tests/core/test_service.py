"""What an operator's commands do to a service: up, down, once, signals, exit."""

import signal

import pytest
from attrs import evolve

from supervise.core import events as on
from supervise.core.definition import Restart
from supervise.core.events import Phase, Want
from tests.core.scene import CONTAINER, PLAIN, Scene, defined, up, with_restart

WITH_FINISH = evolve(CONTAINER, finish=True)


def _crashed_often(**policy: object) -> Scene:
    """Waiting, with a delay that three short runs made."""
    scene = defined(with_restart(**policy))
    for _ in range(3):
        scene.started()
        scene.exited()
        if scene.service.phase is Phase.WAITING and scene.service.unhealthy_ends < 3:
            scene.tick()
    return scene


# --- up -----------------------------------------------------------------------------------------


def test_up_does_not_wait_for_the_backoff_and_clears_it() -> None:
    scene = _crashed_often()
    assert scene.delay() == pytest.approx(0.4)
    assert scene.take(on.Up()) == [on.Start(launch=4, definition=with_restart())]
    scene.started()
    scene.exited()
    assert scene.delay() == pytest.approx(0.1)


def test_up_starts_what_was_given_up_and_forgets_its_failures() -> None:
    scene = _crashed_often(max_failures=3)
    assert scene.service.phase is Phase.FAILED
    assert [type(effect) for effect in scene.take(on.Up())] == [on.Start]
    assert scene.service.error is None
    scene.started()
    scene.exited()
    assert scene.service.phase is Phase.WAITING


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.UP])
def test_up_while_it_runs_forgets_failures_and_touches_nothing(phase: Phase) -> None:
    scene = _crashed_often()
    scene.tick()
    if phase is Phase.UP:
        scene.started()
    assert scene.take(on.Up()) == []
    assert scene.service.phase is phase
    assert scene.service.unhealthy_ends == 0


def test_up_while_it_stops_starts_it_again_after_the_end() -> None:
    scene = up()
    scene.take(on.Down(), on.Up())
    assert [type(effect) for effect in scene.exited()] == [on.Clean, on.Start]


@pytest.mark.parametrize("policy", Restart)
def test_up_while_finish_runs_starts_at_once_whatever_the_policy(policy: Restart) -> None:
    scene = up(with_restart(WITH_FINISH, policy=policy, min_delay_s=5.0))
    scene.exited(0)
    scene.take(on.Up())
    assert [type(effect) for effect in scene.finished()] == [on.Start]


# --- down ---------------------------------------------------------------------------------------


def test_down_sends_the_stop_signal_and_kills_at_the_end_of_the_grace_period() -> None:
    scene = up(evolve(CONTAINER, stop_grace_period_s=7.0))
    asked_at = scene.now
    assert scene.take(on.Down()) == [on.Stop(launch=1, signal=signal.SIGQUIT)]
    assert scene.service.deadline == asked_at + 7.0
    assert scene.take(on.Tick(), after=6.9) == []
    assert scene.take(on.Tick(), after=0.1) == [on.KillAll(launch=1)]


def test_an_end_that_was_asked_for_is_none_to_wait_for_however_long_it_took() -> None:
    scene = up(evolve(with_restart(reset_after_s=600.0), stop_grace_period_s=7.0))
    scene.take(on.Terminate())
    scene.tick()
    scene.tick()
    assert [type(effect) for effect in scene.exited(9)] == [on.Clean, on.Start]


def test_a_kill_that_no_end_follows_is_repeated() -> None:
    scene = up()
    scene.take(on.Down())
    assert [scene.tick(), scene.tick(), scene.tick()] == [[on.KillAll(launch=1)]] * 3


def test_a_second_down_does_not_prolong_the_grace_period() -> None:
    scene = up()
    scene.take(on.Down())
    deadline = scene.service.deadline
    assert scene.take(on.Down(), after=5.0) == []
    assert scene.service.deadline == deadline


def test_kill_ends_the_grace_period() -> None:
    scene = up()
    scene.take(on.Down())
    assert scene.take(on.Kill(), after=1.0) == [on.KillAll(launch=1)]
    assert scene.service.want is Want.DOWN


def test_a_service_that_was_put_down_rests_and_stays_so() -> None:
    scene = up()
    scene.take(on.Down())
    assert scene.exited(9) == [on.Clean(launch=1), on.Sweep()]
    assert (scene.service.phase, scene.service.deadline) == (Phase.DOWN, None)
    assert scene.take(on.Tick(), after=1e9) == []


def test_the_grace_period_and_the_signal_are_those_of_the_running_launch() -> None:
    scene = up(evolve(CONTAINER, stop_grace_period_s=7.0))
    other = evolve(CONTAINER, stop_grace_period_s=1.0, stop_signal=1, fingerprint="second")
    scene.take(on.Defined(definition=other))
    assert scene.take(on.Down()) == [on.Stop(launch=1, signal=signal.SIGQUIT)]
    assert scene.service.deadline == scene.now + 7.0


def test_down_cancels_a_start() -> None:
    scene = defined()
    assert scene.take(on.Down()) == [on.CancelStart(launch=1)]
    assert scene.start_failed("cancelled") == [on.Clean(launch=1), on.Sweep()]
    assert scene.service.phase is Phase.DOWN


def test_a_cancel_that_is_not_answered_is_repeated() -> None:
    scene = defined()
    scene.take(on.Down())
    assert [scene.tick(), scene.tick()] == [[on.CancelStart(launch=1)]] * 2


def test_a_launch_that_lived_before_the_cancel_arrived_is_stopped_like_any_other() -> None:
    scene = defined()
    scene.take(on.Down())
    asked_at = scene.now
    scene.now += 3.0
    assert scene.started() == [on.Stop(launch=1, signal=signal.SIGQUIT)]
    assert scene.service.deadline == scene.now + CONTAINER.stop_grace_period_s
    assert scene.service.since == asked_at
    assert scene.tick() == [on.KillAll(launch=1)]
    assert scene.exited(9) == [on.Clean(launch=1), on.Sweep()]


def test_down_forgets_a_wait() -> None:
    scene = _crashed_often()
    assert scene.take(on.Down()) == [on.Sweep()]
    assert (scene.service.phase, scene.service.deadline) == (Phase.DOWN, None)
    assert scene.service.unhealthy_ends == 0


def test_down_takes_back_that_it_was_given_up() -> None:
    scene = _crashed_often(max_failures=3)
    assert scene.take(on.Down()) == [on.Sweep()]
    assert (scene.service.phase, scene.service.error) == (Phase.DOWN, None)


def test_down_while_finish_runs_rests_after_it() -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    assert scene.take(on.Down()) == []
    assert scene.finished() == [on.Sweep()]
    assert scene.service.phase is Phase.DOWN


# --- once ---------------------------------------------------------------------------------------


def test_once_runs_one_launch_and_rests() -> None:
    scene = defined(evolve(CONTAINER, normally_down=True))
    assert [type(effect) for effect in scene.take(on.Once())] == [on.Start]
    scene.started()
    assert scene.exited() == [on.Clean(launch=1), on.Sweep()]
    assert (scene.service.phase, scene.service.want) == (Phase.DOWN, Want.ONCE)


def test_once_while_it_runs_lets_it_run_and_starts_no_other() -> None:
    scene = up()
    assert scene.take(on.Once()) == []
    assert scene.service.phase is Phase.UP
    assert scene.exited() == [on.Clean(launch=1), on.Sweep()]


def test_once_of_a_start_that_fails_is_over() -> None:
    scene = defined(evolve(CONTAINER, normally_down=True))
    scene.take(on.Once())
    assert scene.start_failed() == [on.Clean(launch=1), on.Sweep()]
    assert scene.service.error == "no such rootfs"


def test_once_again_runs_it_again() -> None:
    scene = up()
    scene.take(on.Once())
    scene.exited()
    assert [type(effect) for effect in scene.take(on.Once())] == [on.Start]


# --- terminate, kill ----------------------------------------------------------------------------


def test_terminate_stops_a_container_whole_and_starts_it_again_at_once() -> None:
    scene = up()
    assert scene.take(on.Terminate()) == [on.Stop(launch=1, signal=signal.SIGQUIT)]
    assert scene.service.phase is Phase.STOPPING
    assert scene.tick() == [on.KillAll(launch=1)]
    assert [type(effect) for effect in scene.exited(9)] == [on.Clean, on.Start]
    assert scene.service.unhealthy_ends == 0


def test_terminate_sends_a_plain_program_term_and_leaves_the_rest_to_it() -> None:
    scene = up(PLAIN)
    assert scene.take(on.Terminate()) == [on.Stop(launch=1, signal=signal.SIGTERM)]
    assert (scene.service.phase, scene.service.deadline) == (Phase.UP, None)
    assert [type(effect) for effect in scene.exited(15)] == [on.Clean, on.Start]
    assert scene.service.unhealthy_ends == 0


def test_a_term_that_was_outlived_does_not_excuse_a_later_crash() -> None:
    scene = up(evolve(PLAIN, restart=with_restart(reset_after_s=600.0).restart))
    scene.take(on.Terminate())
    scene.exited(11, after=PLAIN.stop_grace_period_s + 0.1)
    assert scene.delay() == pytest.approx(0.1)
    assert scene.service.unhealthy_ends == 1


def test_how_long_a_term_excuses_an_end_is_the_running_launchs_grace_period() -> None:
    scene = up(PLAIN)
    other = evolve(PLAIN, stop_grace_period_s=0.0, fingerprint="second")
    scene.take(on.Terminate(), on.Defined(definition=other))
    assert [type(effect) for effect in scene.exited(15, after=1.0)] == [on.Clean, on.Start]


def test_a_command_excuses_no_end_of_the_next_launch() -> None:
    scene = up()
    scene.take(on.Terminate())
    scene.exited(15)
    scene.started()
    scene.exited(11, after=0.1)
    assert scene.service.phase is Phase.WAITING


def test_an_end_that_was_asked_for_clears_the_backoff() -> None:
    scene = _crashed_often()
    scene.tick()
    scene.started()
    scene.take(on.Terminate())
    scene.exited(15)
    assert scene.service.unhealthy_ends == 0


def test_kill_ends_the_launch_at_once_and_the_next_one_starts_at_once() -> None:
    scene = up()
    assert scene.take(on.Kill()) == [on.KillAll(launch=1)]
    assert [type(effect) for effect in scene.exited(9)] == [on.Clean, on.Start]


@pytest.mark.parametrize("policy", [Restart.ON_FAILURE, Restart.NEVER])
def test_an_end_that_was_asked_for_completes_no_policy(policy: Restart) -> None:
    scene = up(with_restart(policy=policy))
    scene.take(on.Terminate())
    assert [type(effect) for effect in scene.exited(0)] == [on.Clean, on.Start]


def test_ends_that_were_asked_for_never_give_up() -> None:
    scene = up(with_restart(max_failures=2))
    for _ in range(5):
        scene.take(on.Kill())
        scene.exited(9)
        scene.started()
    assert scene.service.phase is Phase.UP


@pytest.mark.parametrize("ask", [on.Terminate(), on.Kill()])
def test_an_end_asked_for_during_the_start_cancels_it_and_starts_anew(ask: on.Event) -> None:
    scene = defined()
    assert scene.take(ask) == [on.CancelStart(launch=1)]
    assert [type(effect) for effect in scene.start_failed("cancelled")] == [on.Clean, on.Start]
    assert scene.service.unhealthy_ends == 0


# --- signals ------------------------------------------------------------------------------------


def test_a_letter_sends_its_signal_to_what_runs() -> None:
    assert up().take(on.Send(signal=1)) == [on.Signal(launch=1, signal=1)]


def test_pause_and_continue_are_remembered_and_sent() -> None:
    scene = up()
    assert scene.take(on.Pause()) == [on.Signal(launch=1, signal=signal.SIGSTOP)]
    assert scene.service.paused
    assert scene.take(on.Continue()) == [on.Signal(launch=1, signal=signal.SIGCONT)]
    assert not scene.service.paused


@pytest.mark.parametrize("end", [on.Terminate(), on.Down()])
def test_a_stop_ends_a_pause(end: on.Event) -> None:
    for definition in (CONTAINER, PLAIN):
        scene = up(definition)
        scene.take(on.Pause(), end)
        assert not scene.service.paused


def test_what_has_ended_is_not_paused() -> None:
    scene = up(WITH_FINISH)
    scene.take(on.Pause())
    scene.exited(9)
    assert scene.service.phase is Phase.FINISHING
    assert not scene.service.paused


# --- exit ---------------------------------------------------------------------------------------


def test_exit_leaves_at_once_what_does_not_run() -> None:
    scene = defined(evolve(CONTAINER, normally_down=True))
    assert scene.take(on.Leave()) == [on.Sweep(), on.Gone()]


def test_exit_lets_a_launch_live_and_leaves_after_it() -> None:
    scene = up()
    assert scene.take(on.Leave()) == []
    assert scene.service.phase is Phase.UP
    assert scene.exited() == [on.Clean(launch=1), on.Sweep(), on.Gone()]


def test_down_and_exit_stop_it_and_leave() -> None:
    scene = up()
    assert [type(effect) for effect in scene.take(on.Down(), on.Leave())] == [on.Stop]
    assert scene.exited(15) == [on.Clean(launch=1), on.Sweep(), on.Gone()]


def test_a_changed_folder_does_not_take_an_exit_back() -> None:
    scene = up()
    scene.take(on.Down(), on.Leave())
    scene.take(on.Defined(definition=evolve(CONTAINER, fingerprint="second")))
    assert scene.service.want is Want.DOWN
    assert scene.exited(15)[-1] == on.Gone()


def test_a_folder_that_became_normally_down_does_not_turn_an_exit_into_a_down() -> None:
    scene = up()
    scene.take(on.Leave())
    scene.take(on.Defined(definition=evolve(CONTAINER, normally_down=True, fingerprint="2")))
    assert (scene.service.phase, scene.service.want) == (Phase.UP, Want.UP)


@pytest.mark.parametrize("status", [0, 125 << 8])
def test_exit_while_finish_runs_leaves_after_it_whatever_finish_says(status: int) -> None:
    scene = up(WITH_FINISH)
    scene.exited()
    assert scene.take(on.Leave()) == []
    assert scene.finished(status) == [on.Sweep(), on.Gone()]
