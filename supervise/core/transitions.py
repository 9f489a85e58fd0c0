"""The cells of the table in ``core.service``: what each event does in each phase.

Every cell has one shape, ``(state, event, now) -> effects``; what several share has no event.
"""

from collections.abc import Callable

from supervise.core import events as on
from supervise.core.definition import ServiceDefinition
from supervise.core.events import Effect, End, Event, Phase, Want
from supervise.core.moves import (
    count,
    enter,
    forgive,
    give_up,
    go_on,
    is_due,
    is_last,
    policy_of,
    rest,
    start,
)
from supervise.core.state import State

KILL_AGAIN_AFTER_S = 5.0
"""A kill that was not followed by an end is repeated: some kernels want it."""

FINISH_SAYS_PERMANENT = 125
"""s6: a ``finish`` that exits so says that starting again is of no use."""

SIGTERM, SIGCONT, SIGSTOP = 15, 18, 19


Action = Callable[[State, Event, float], list[Effect]]
"""Changes the state on an event, at a time; returns what is to be done."""


# --- starting ---------------------------------------------------------------------------------


def up(state: State, event: Event, now: float) -> list[Effect]:
    """Start now, and forget what failed."""
    want_up(state, event, now)
    return start(state, now)


def once(state: State, event: Event, now: float) -> list[Effect]:
    """Start now, for one launch."""
    want_once(state, event, now)
    forgive(state)
    return start(state, now)


def want_up(state: State, event: Event, now: float) -> list[Effect]:
    """Run on; the launch there is stays."""
    state.want, state.fresh = Want.UP, False
    forgive(state)
    return []


def up_later(state: State, event: Event, now: float) -> list[Effect]:
    """What it asks for is the next launch: neither delay nor policy stands before that."""
    state.asked_at = now
    return want_up(state, event, now)


def want_once(state: State, event: Event, now: float) -> list[Effect]:
    """No launch after this one."""
    state.want, state.fresh = Want.ONCE, False
    return []


def want_down(state: State, event: Event, now: float) -> list[Effect]:
    """No launch after this one, nor after a start of the supervisor."""
    state.want, state.fresh = Want.DOWN, False
    return []


def try_now(state: State, event: Event, now: float) -> list[Effect]:
    """The delay is over: start."""
    if not is_due(state, now):
        return []
    # One launch, not a new series: its delays could outgrow the window, and never give up again.
    state.retrying = state.phase is Phase.FAILED
    return start(state, now)


def started(state: State, event: Event, now: float) -> list[Effect]:
    """The launch lives."""
    state.up_at = now
    enter(state, Phase.UP, now)
    return []


def started_late(state: State, event: Event, now: float) -> list[Effect]:
    """The cancel lost the race: the launch lives, and is now stopped like any other."""
    state.up_at = now
    return stop(state, event, now)


def ready(state: State, event: Event, now: float) -> list[Effect]:
    """The launch serves: its health counts from here, from the first time it said so."""
    if state.ready_at is None:
        state.ready_at = now
    return []


# --- stopping ---------------------------------------------------------------------------------


def stop(state: State, event: Event, now: float) -> list[Effect]:
    """Send the stop signal, and wait for the end until the grace period is over."""
    launched = state.launched or policy_of(state)
    state.asked_at = now
    state.paused = False
    enter(state, Phase.STOPPING, now, now + launched.stop_grace_period_s)
    return [on.Stop(launch=state.launch, signal=launched.stop_signal)]


def down_running(state: State, event: Event, now: float) -> list[Effect]:
    """Stop, and stay down."""
    want_down(state, event, now)
    return stop(state, event, now)


def terminate(state: State, event: Event, now: float) -> list[Effect]:
    """A container is stopped whole; a plain program gets TERM and may do with it what it likes."""
    if state.launched is not None and state.launched.container is not None:
        return stop(state, event, now)
    state.asked_at = now
    state.paused = False
    return [on.Stop(launch=state.launch, signal=SIGTERM)]


def kill(state: State, event: Event, now: float) -> list[Effect]:
    """Kill all of the launch; what is wanted stays."""
    state.asked_at = now
    return [on.KillAll(launch=state.launch)]


def kill_when_due(state: State, event: Event, now: float) -> list[Effect]:
    """The grace period is over: kill, and again if that did not help."""
    if not is_due(state, now):
        return []
    state.deadline = now + KILL_AGAIN_AFTER_S
    if state.up_at is None:
        return [on.CancelStart(launch=state.launch)]
    return [on.KillAll(launch=state.launch)]


def kill_stopping(state: State, event: Event, now: float) -> list[Effect]:
    """Do not wait for the end of the grace period."""
    state.deadline = now
    return kill_when_due(state, event, now)


def cancel(state: State, event: Event, now: float) -> list[Effect]:
    """Give up the start under way."""
    state.asked_at = now
    enter(state, Phase.STOPPING, now, now + KILL_AGAIN_AFTER_S)
    return [on.CancelStart(launch=state.launch)]


def down_starting(state: State, event: Event, now: float) -> list[Effect]:
    """Give up the start under way, and stay down."""
    want_down(state, event, now)
    return cancel(state, event, now)


def down_idle(state: State, event: Event, now: float) -> list[Effect]:
    """No launch is due any more."""
    want_down(state, event, now)
    forgive(state)
    return rest(state, now)


def send(state: State, event: Event, now: float) -> list[Effect]:
    """Pass the signal on to a launch that lives."""
    assert isinstance(event, on.Send)
    return [on.Signal(launch=state.launch, signal=event.signal)] if state.up_at is not None else []


def pause(state: State, event: Event, now: float) -> list[Effect]:
    """Stop the launch as ^Z does."""
    state.paused = True
    return [on.Signal(launch=state.launch, signal=SIGSTOP)]


def resume(state: State, event: Event, now: float) -> list[Effect]:
    """Let a paused launch go on."""
    state.paused = False
    return [on.Signal(launch=state.launch, signal=SIGCONT)] if state.up_at is not None else []


# --- after a launch ---------------------------------------------------------------------------


def exited(state: State, event: Event, now: float) -> list[Effect]:
    """The launch is over: count it, then ``finish``, or what comes next."""
    assert isinstance(event, on.Exited)
    ran_s = now - state.up_at if state.up_at is not None else 0.0
    state.last_end = End(
        launch=event.launch,
        status=event.status,
        ran_s=ran_s,
        at=event.at,
        out_of_memory=event.out_of_memory,
    )
    count(state, now)
    state.paused = False
    clean = on.Clean(launch=state.launch)
    if state.launched is None or not state.launched.finish:
        return [clean, *go_on(state, now)]
    enter(state, Phase.FINISHING, now, now + state.launched.finish_timeout_s)
    return [clean, on.RunFinish(launch=state.launch, status=event.status)]


def start_failed(state: State, event: Event, now: float) -> list[Effect]:
    """The launch never was: count it, then what comes next."""
    assert isinstance(event, on.StartFailed)
    state.last_end = End(launch=event.launch, at=event.at, reason=event.reason)
    count(state, now)
    return [on.Clean(launch=state.launch), *go_on(state, now)]


def finished(state: State, event: Event, now: float) -> list[Effect]:
    """``finish`` is over: what comes next, unless it said that nothing should."""
    assert isinstance(event, on.Finished)
    permanent = event.status == FINISH_SAYS_PERMANENT << 8
    if permanent and state.want is Want.UP and not is_last(state):
        return give_up(state, f"finish exited {FINISH_SAYS_PERMANENT}: do not restart", now)
    return go_on(state, now)


def kill_finish(state: State, event: Event, now: float) -> list[Effect]:
    """``finish`` has used up its time."""
    if not is_due(state, now):
        return []
    state.deadline = now + KILL_AGAIN_AFTER_S
    return [on.KillFinish(launch=state.launch)]


# --- the folder -------------------------------------------------------------------------------


def leave_idle(state: State, event: Event, now: float) -> list[Effect]:
    """Nothing runs: be gone now."""
    state.leaving = True
    return rest(state, now)


def leave_later(state: State, event: Event, now: float) -> list[Effect]:
    """Be gone when this launch is over."""
    state.leaving = True
    return []


def retire_running(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is gone: stop, then be gone."""
    return [*down_running(state, event, now), *retire_later(state, event, now)]


def retire_starting(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is gone: give up the start under way, then be gone."""
    return [*down_starting(state, event, now), *retire_later(state, event, now)]


def retire_later(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is gone: be gone when this launch is over."""
    state.retired = True
    return want_down(state, event, now)


def retire_idle(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is gone and nothing runs: be gone now."""
    retire_later(state, event, now)
    return rest(state, now)


def _be_new(state: State, now: float) -> None:
    """The folder came back while the old one's launch was ending; ``svc -x`` was said to that."""
    if state.retired:
        state.retired = state.leaving = False
        state.want, state.fresh = Want.UP, True
        state.asked_at = now


def defined(state: State, event: Event, now: float) -> list[Effect]:
    """Take the folder's word; the running launch is not touched."""
    assert isinstance(event, on.Defined)
    _be_new(state, now)
    state.definition = event.definition
    state.broken = None
    if state.fresh:
        state.want = Want.DOWN if event.definition.normally_down else Want.UP
    state.fresh = False
    return []


def defined_down(state: State, event: Event, now: float) -> list[Effect]:
    """A new folder starts, unless it is normally down."""
    defined(state, event, now)
    return start(state, now) if state.want is Want.UP else []


def defined_idle(state: State, event: Event, now: float) -> list[Effect]:
    """What is new is tried at once: the old failures are not the new text's."""
    assert isinstance(event, on.Defined)
    is_new = _is_new(state, event.definition)
    defined(state, event, now)
    if not is_new:
        return []
    forgive(state)
    if state.want is Want.DOWN:
        return rest(state, now)
    return start(state, now)


def _is_new(state: State, definition: ServiceDefinition) -> bool:
    """Mended, or awaited (a service that was taken over may fail for want of it), or changed."""
    if state.broken or (state.phase is Phase.FAILED and not state.gave_up):
        return True
    return state.launched is None or state.launched.fingerprint != definition.fingerprint


def broken(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is broken: nothing new starts from it, what runs is left alone."""
    assert isinstance(event, on.Broken)
    _be_new(state, now)
    state.definition = None
    state.broken = event.reason
    return []


def broken_idle(state: State, event: Event, now: float) -> list[Effect]:
    """The folder is broken and nothing runs: fail until it is mended."""
    broken(state, event, now)
    state.gave_up = None
    enter(state, Phase.FAILED, now)
    return [on.Sweep()]


def broken_down(state: State, event: Event, now: float) -> list[Effect]:
    """A broken folder that is new fails; one that was down stays so."""
    return broken_idle(state, event, now) if state.fresh else broken(state, event, now)


def nothing(state: State, event: Event, now: float) -> list[Effect]:
    """The event means nothing in this phase."""
    return []
