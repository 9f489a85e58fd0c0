"""The cells of the table in ``core.service``: what each event does in each phase.

Every cell has one shape, ``(state, event, now) -> effects``; what several share has no event.
"""

from collections.abc import Callable

from supervise.core import restart
from supervise.core.definition import Restart, ServiceDefinition
from supervise.core.events import (
    Broken,
    CancelStart,
    Clean,
    Defined,
    Effect,
    End,
    Event,
    Exited,
    Finished,
    Gone,
    KillAll,
    KillFinish,
    Phase,
    RunFinish,
    Send,
    Signal,
    Start,
    StartFailed,
    Stop,
    Sweep,
    Want,
)
from supervise.core.state import State

KILL_AGAIN_AFTER_S = 5.0
"""A kill that was not followed by an end is repeated: some kernels want it."""

FINISH_SAYS_PERMANENT = 125
"""s6: a ``finish`` that exits so says that starting again is of no use."""

SIGTERM, SIGCONT, SIGSTOP = 15, 18, 19


Action = Callable[[State, Event, float], list[Effect]]
"""Changes the state on an event, at a time; returns what is to be done."""


def _enter(state: State, phase: Phase, now: float, deadline: float | None = None) -> None:
    if phase is not state.phase:
        state.since = now
    state.phase = phase
    state.deadline = deadline


def _policy_of(state: State) -> ServiceDefinition:
    """The folder's word; while it is broken, that of the last launch."""
    return state.definition or state.launched or ServiceDefinition(name=state.name)


# --- starting ---------------------------------------------------------------------------------


def _start(state: State, now: float) -> list[Effect]:
    if state.definition is None:
        state.gave_up = None
        _enter(state, Phase.FAILED, now)
        return [Sweep()]
    state.launch += 1
    state.launched = state.definition
    state.up_at = state.ready_at = state.asked_at = None
    state.gave_up = None
    state.paused = False
    _enter(state, Phase.STARTING, now)
    return [Start(launch=state.launch, definition=state.definition)]


def _forgive(state: State) -> None:
    state.unhealthy_ends = 0
    state.ends = ()


def up(state: State, event: Event, now: float) -> list[Effect]:
    want_up(state, event, now)
    return _start(state, now)


def once(state: State, event: Event, now: float) -> list[Effect]:
    want_once(state, event, now)
    _forgive(state)
    return _start(state, now)


def want_up(state: State, event: Event, now: float) -> list[Effect]:
    state.want, state.fresh = Want.UP, False
    _forgive(state)
    return []


def up_later(state: State, event: Event, now: float) -> list[Effect]:
    """What it asks for is the next launch: neither delay nor policy stands before that."""
    state.asked_at = now
    return want_up(state, event, now)


def want_once(state: State, event: Event, now: float) -> list[Effect]:
    state.want, state.fresh = Want.ONCE, False
    return []


def want_down(state: State, event: Event, now: float) -> list[Effect]:
    state.want, state.fresh = Want.DOWN, False
    return []


def try_now(state: State, event: Event, now: float) -> list[Effect]:
    return _start(state, now) if _is_due(state, now) else []


def _is_due(state: State, now: float) -> bool:
    return state.deadline is not None and now >= state.deadline


def started(state: State, event: Event, now: float) -> list[Effect]:
    state.up_at = now
    _enter(state, Phase.UP, now)
    return []


def started_late(state: State, event: Event, now: float) -> list[Effect]:
    """The cancel lost the race: the launch lives, and is now stopped like any other."""
    state.up_at = now
    return stop(state, event, now)


def ready(state: State, event: Event, now: float) -> list[Effect]:
    state.ready_at = now
    return []


# --- stopping ---------------------------------------------------------------------------------


def stop(state: State, event: Event, now: float) -> list[Effect]:
    launched = state.launched or _policy_of(state)
    state.asked_at = now
    state.paused = False
    _enter(state, Phase.STOPPING, now, now + launched.stop_grace_period_s)
    return [Stop(launch=state.launch, signal=launched.stop_signal)]


def down_running(state: State, event: Event, now: float) -> list[Effect]:
    want_down(state, event, now)
    return stop(state, event, now)


def terminate(state: State, event: Event, now: float) -> list[Effect]:
    """A container is stopped whole; a plain program gets TERM and may do with it what it likes."""
    if state.launched is not None and state.launched.container is not None:
        return stop(state, event, now)
    state.asked_at = now
    state.paused = False
    return [Stop(launch=state.launch, signal=SIGTERM)]


def kill(state: State, event: Event, now: float) -> list[Effect]:
    state.asked_at = now
    return [KillAll(launch=state.launch)]


def kill_when_due(state: State, event: Event, now: float) -> list[Effect]:
    if not _is_due(state, now):
        return []
    state.deadline = now + KILL_AGAIN_AFTER_S
    if state.up_at is None:
        return [CancelStart(launch=state.launch)]
    return [KillAll(launch=state.launch)]


def kill_stopping(state: State, event: Event, now: float) -> list[Effect]:
    state.deadline = now
    return kill_when_due(state, event, now)


def cancel(state: State, event: Event, now: float) -> list[Effect]:
    state.asked_at = now
    _enter(state, Phase.STOPPING, now, now + KILL_AGAIN_AFTER_S)
    return [CancelStart(launch=state.launch)]


def down_starting(state: State, event: Event, now: float) -> list[Effect]:
    want_down(state, event, now)
    return cancel(state, event, now)


def down_idle(state: State, event: Event, now: float) -> list[Effect]:
    want_down(state, event, now)
    _forgive(state)
    return _rest(state, now)


def send(state: State, event: Event, now: float) -> list[Effect]:
    assert isinstance(event, Send)
    return [Signal(launch=state.launch, signal=event.signal)] if state.up_at is not None else []


def pause(state: State, event: Event, now: float) -> list[Effect]:
    state.paused = True
    return [Signal(launch=state.launch, signal=SIGSTOP)]


def resume(state: State, event: Event, now: float) -> list[Effect]:
    state.paused = False
    return [Signal(launch=state.launch, signal=SIGCONT)] if state.up_at is not None else []


# --- after a launch ---------------------------------------------------------------------------


def exited(state: State, event: Event, now: float) -> list[Effect]:
    assert isinstance(event, Exited)
    ran_s = now - state.up_at if state.up_at is not None else 0.0
    state.last_end = End(
        launch=event.launch,
        status=event.status,
        ran_s=ran_s,
        at=event.at,
        out_of_memory=event.out_of_memory,
    )
    _count(state, now)
    state.paused = False
    clean = Clean(launch=state.launch)
    if state.launched is None or not state.launched.finish:
        return [clean, *_next(state, now)]
    _enter(state, Phase.FINISHING, now, now + state.launched.finish_timeout_s)
    return [clean, RunFinish(launch=state.launch, status=event.status)]


def start_failed(state: State, event: Event, now: float) -> list[Effect]:
    assert isinstance(event, StartFailed)
    state.last_end = End(launch=event.launch, at=event.at, reason=event.reason)
    _count(state, now)
    return [Clean(launch=state.launch), *_next(state, now)]


def _was_asked(state: State, now: float) -> bool:
    """An operator ended it; a TERM that the program outlived long ago is no excuse."""
    if state.asked_at is None:
        return False
    if state.phase is Phase.STOPPING:
        return True
    launched = state.launched or _policy_of(state)
    return now - state.asked_at <= launched.stop_grace_period_s


def _count(state: State, now: float) -> None:
    """Count this end as healthy, unhealthy or asked for, before the phase changes."""
    policy = _policy_of(state).restart
    up_at = state.ready_at if state.ready_at is not None else state.up_at
    if _was_asked(state, now):
        state.unhealthy_ends = 0
        return
    state.asked_at = None
    state.ends = (*restart.recent(policy, state.ends, now), now)
    if up_at is not None and restart.was_healthy(policy, now - up_at):
        state.unhealthy_ends = 0
    else:
        state.unhealthy_ends += 1


def finished(state: State, event: Event, now: float) -> list[Effect]:
    assert isinstance(event, Finished)
    permanent = event.status == FINISH_SAYS_PERMANENT << 8
    if permanent and state.want is Want.UP and not _is_last(state):
        return _give_up(state, f"finish exited {FINISH_SAYS_PERMANENT}: do not restart", now)
    return _next(state, now)


def kill_finish(state: State, event: Event, now: float) -> list[Effect]:
    if not _is_due(state, now):
        return []
    state.deadline = now + KILL_AGAIN_AFTER_S
    return [KillFinish(launch=state.launch)]


def _next(state: State, now: float) -> list[Effect]:
    """Where to go from a launch that has ended: rest, start again, wait, or give up."""
    state.up_at = state.ready_at = None
    if state.want is not Want.UP or _is_last(state):
        return _rest(state, now)
    policy = _policy_of(state).restart
    if state.asked_at is not None:
        return _start(state, now)
    if _is_complete(policy.policy, state.last_end):
        state.want = Want.ONCE
        return _rest(state, now)
    if restart.gives_up(policy, restart.recent(policy, state.ends, now)):
        times = len(state.ends)
        return _give_up(state, f"ended {times} times within {policy.window_s:g} s", now)
    delay_s = restart.delay_s(policy, state.unhealthy_ends, state.random)
    if delay_s <= 0 or state.broken:
        return _start(state, now)
    _enter(state, Phase.WAITING, now, now + delay_s)
    return []


def _is_complete(policy: Restart, end: End | None) -> bool:
    if policy is Restart.NEVER:
        return True
    return policy is Restart.ON_FAILURE and end is not None and end.status == 0


def _give_up(state: State, why: str, now: float) -> list[Effect]:
    policy = _policy_of(state).restart
    state.gave_up = f"given up: {why}; svc -u tries again"
    retry_s = policy.retry_every_s
    _enter(state, Phase.FAILED, now, now + retry_s if retry_s > 0 else None)
    return [Sweep()]


def _rest(state: State, now: float) -> list[Effect]:
    state.gave_up = None
    _enter(state, Phase.DOWN, now)
    return [Sweep(), *_leave_now(state)]


# --- the folder -------------------------------------------------------------------------------


def _is_last(state: State) -> bool:
    return state.leaving or state.retired


def _leave_now(state: State) -> list[Effect]:
    state.gone = _is_last(state)
    return [Gone()] if state.gone else []


def leave_idle(state: State, event: Event, now: float) -> list[Effect]:
    state.leaving = True
    return _rest(state, now)


def leave_later(state: State, event: Event, now: float) -> list[Effect]:
    state.leaving = True
    return []


def retire_running(state: State, event: Event, now: float) -> list[Effect]:
    return [*down_running(state, event, now), *retire_later(state, event, now)]


def retire_starting(state: State, event: Event, now: float) -> list[Effect]:
    return [*down_starting(state, event, now), *retire_later(state, event, now)]


def retire_later(state: State, event: Event, now: float) -> list[Effect]:
    state.retired = True
    return want_down(state, event, now)


def retire_idle(state: State, event: Event, now: float) -> list[Effect]:
    retire_later(state, event, now)
    return _rest(state, now)


def _be_new(state: State, now: float) -> None:
    """The folder came back while the old one's launch was ending; ``svc -x`` was said to that."""
    if state.retired:
        state.retired = state.leaving = False
        state.want, state.fresh = Want.UP, True
        state.asked_at = now


def defined(state: State, event: Event, now: float) -> list[Effect]:
    """Take the folder's word; the running launch is not touched."""
    assert isinstance(event, Defined)
    _be_new(state, now)
    state.definition = event.definition
    state.broken = None
    if state.fresh:
        state.want = Want.DOWN if event.definition.normally_down else Want.UP
    state.fresh = False
    return []


def defined_down(state: State, event: Event, now: float) -> list[Effect]:
    defined(state, event, now)
    return _start(state, now) if state.want is Want.UP else []


def defined_idle(state: State, event: Event, now: float) -> list[Effect]:
    """What is new is tried at once: the old failures are not the new text's."""
    assert isinstance(event, Defined)
    is_new = _is_new(state, event.definition)
    defined(state, event, now)
    if not is_new:
        return []
    _forgive(state)
    if state.want is Want.DOWN:
        return _rest(state, now)
    return _start(state, now)


def _is_new(state: State, definition: ServiceDefinition) -> bool:
    """Mended, or awaited (a service that was taken over may fail for want of it), or changed."""
    if state.broken or (state.phase is Phase.FAILED and not state.gave_up):
        return True
    return state.launched is None or state.launched.fingerprint != definition.fingerprint


def broken(state: State, event: Event, now: float) -> list[Effect]:
    assert isinstance(event, Broken)
    _be_new(state, now)
    state.definition = None
    state.broken = event.reason
    return []


def broken_idle(state: State, event: Event, now: float) -> list[Effect]:
    broken(state, event, now)
    state.gave_up = None
    _enter(state, Phase.FAILED, now)
    return [Sweep()]


def broken_down(state: State, event: Event, now: float) -> list[Effect]:
    return broken_idle(state, event, now) if state.fresh else broken(state, event, now)


def nothing(state: State, event: Event, now: float) -> list[Effect]:
    return []
