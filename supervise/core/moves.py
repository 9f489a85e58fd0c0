"""The moves that several cells of the table share: begin, count, go on, rest, give up.

Each changes the state and returns what is to be done, as the cells (``core.transitions``) do.
"""

from supervise.core import events as on
from supervise.core import restart
from supervise.core.definition import Restart, ServiceDefinition
from supervise.core.events import Effect, End, Phase, Want
from supervise.core.state import State


def enter(state: State, phase: Phase, now: float, deadline: float | None = None) -> None:
    """Change the phase; ``since`` is when it last differed."""
    if phase is not state.phase:
        state.since = now
    state.phase = phase
    state.deadline = deadline


def start(state: State, now: float) -> list[Effect]:
    """Begin the next launch by what the folder says now; a broken one fails instead."""
    if state.definition is None:
        state.gave_up = None
        enter(state, Phase.FAILED, now)
        return [on.Sweep()]
    state.launch += 1
    state.launched = state.definition
    state.up_at = state.ready_at = state.asked_at = None
    state.gave_up = None
    state.paused = False
    enter(state, Phase.STARTING, now)
    return [on.Start(launch=state.launch, definition=state.definition)]


def policy_of(state: State) -> ServiceDefinition:
    """The folder's word; while it is broken, that of the last launch."""
    return state.definition or state.launched or ServiceDefinition(name=state.name)


def forgive(state: State) -> None:
    """What failed before is of no account any more."""
    state.unhealthy_ends = 0
    state.ends = ()
    state.retrying = False


def is_due(state: State, now: float) -> bool:
    """The deadline has come."""
    return state.deadline is not None and now >= state.deadline


def was_asked(state: State, now: float) -> bool:
    """An operator ended it; a TERM that the program outlived long ago is no excuse."""
    if state.asked_at is None:
        return False
    if state.phase is Phase.STOPPING:
        return True
    launched = state.launched or policy_of(state)
    return now - state.asked_at <= launched.stop_grace_period_s


def count(state: State, now: float) -> None:
    """Count this end as healthy, unhealthy or asked for, before the phase changes."""
    policy = policy_of(state).restart
    up_at = state.ready_at if state.ready_at is not None else state.up_at
    if was_asked(state, now):
        state.unhealthy_ends = 0
        return
    state.asked_at = None
    healthy = up_at is not None and restart.was_healthy(policy, now - up_at)
    if healthy:
        state.unhealthy_ends = 0
        state.retrying = False
    else:
        state.unhealthy_ends += 1
    if not healthy or state.last_end is None or state.last_end.status != 0:
        state.ends = (*restart.recent(policy, state.ends, now), now)


def go_on(state: State, now: float) -> list[Effect]:
    """Where to go from a launch that has ended: rest, start again, wait, or give up."""
    state.up_at = state.ready_at = None
    if state.want is not Want.UP or is_last(state):
        return rest(state, now)
    policy = policy_of(state).restart
    if state.asked_at is not None:
        return start(state, now)
    if is_complete(policy.policy, state.last_end):
        state.want = Want.ONCE
        return rest(state, now)
    too_often = restart.gives_up(policy, restart.recent(policy, state.ends, now))
    if too_often or state.retrying:
        how = f"failed {len(state.ends)} times within {policy.window_s:g} s"
        return give_up(state, how if too_often else "tried again, and failed again", now)
    delay_s = restart.delay_s(policy, state.unhealthy_ends, state.random)
    if delay_s <= 0 or state.broken:
        return start(state, now)
    enter(state, Phase.WAITING, now, now + delay_s)
    return []


def is_complete(policy: Restart, end: End | None) -> bool:
    """By its policy the service has done its work."""
    if policy is Restart.NEVER:
        return True
    return policy is Restart.ON_FAILURE and end is not None and end.status == 0


def give_up(state: State, why: str, now: float) -> list[Effect]:
    """Be ``failed``, for a while or for good."""
    policy = policy_of(state).restart
    state.gave_up = f"given up: {why}; svc -u tries again"
    retry_s = policy.retry_every_s
    enter(state, Phase.FAILED, now, now + retry_s if retry_s > 0 else None)
    return [on.Sweep()]


def rest(state: State, now: float) -> list[Effect]:
    """Be ``down``; and gone, if that was asked for."""
    state.gave_up = None
    enter(state, Phase.DOWN, now)
    return [on.Sweep(), *_leave_now(state)]


def is_last(state: State) -> bool:
    """No launch is to follow the present one."""
    return state.leaving or state.retired


def _leave_now(state: State) -> list[Effect]:
    state.gone = is_last(state)
    return [on.Gone()] if state.gone else []
