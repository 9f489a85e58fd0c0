"""The state model of one service: want x phase. Decides; does nothing.

What the operator asked for (*want*) and where the service is (*phase*) are two fields that meet
only here. ``Service.handle(event, now)`` changes them and returns effects for the daemon to carry
out, in order. All transitions are rows of ``_TABLE``, at the end of this file; an event that
means nothing in a phase has ``nothing`` there, so no cell is empty by accident.

    down       not running, and no start is due
    waiting    will start at ``deadline``
    starting   the launch is being made (Start was asked; Started or StartFailed will come)
    up         the launch lives
    stopping   the launch was told to end; at ``deadline`` all of it is killed
    finishing  the launch has ended, ``finish`` runs; at ``deadline`` it is killed
    failed     given up, or its folder is broken; at ``deadline`` (if any) it is tried again

Rules of this file:

- A launch has a number. Start raises it; an event that speaks of another launch is stale and
  ignored. So at most one launch lives, whatever arrives late.
- Every Start is answered by one StartFailed, or by one Started and then one Exited; the Clean
  that follows is that launch's end.
- An end that an operator asked for is no failure: it is not counted and nothing is waited for.
- What runs next is what the folder says then. While the folder is broken nothing new starts from
  it, and a launch that already runs is left alone.
- ``now`` is the monotonic clock, in seconds. There is one deadline, and a Tick that comes before
  it is ignored.
"""

from attrs import define

from supervise.core import events as on
from supervise.core.events import Effect, Event, Phase
from supervise.core.state import State
from supervise.core.transitions import (
    Action,
    broken,
    broken_down,
    broken_idle,
    cancel,
    defined,
    defined_down,
    defined_idle,
    down_idle,
    down_running,
    down_starting,
    exited,
    finished,
    kill,
    kill_finish,
    kill_stopping,
    kill_when_due,
    leave_idle,
    leave_later,
    nothing,
    once,
    pause,
    ready,
    resume,
    retire_idle,
    retire_later,
    retire_running,
    retire_starting,
    send,
    start_failed,
    started,
    started_late,
    terminate,
    try_now,
    up,
    up_later,
    want_down,
    want_once,
    want_up,
)


@define(kw_only=True)
class Service(State):
    """One service: its state, and the only way to change it."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event in; never raises on any order of events.

        Args:
            event: what happened.
            now: the monotonic clock, in seconds.

        Returns:
            What is to be done, in this order.
        """
        launch = getattr(event, "launch", None)
        if self.gone or (launch is not None and launch != self.launch):
            return []
        return _TABLE[type(event)][_COLUMN[self.phase]](self, event, now)


_COLUMN = {phase: column for column, phase in enumerate(Phase)}

# fmt: off
_TABLE: dict[type, tuple[Action, ...]] = {
    # event         down          waiting      starting         up              stopping       finishing     failed
    on.Up:          (up,           up,          want_up,         want_up,        want_up,       up_later,     up),
    on.Down:        (want_down,    down_idle,   down_starting,   down_running,   want_down,     want_down,    down_idle),
    on.Once:        (once,         once,        want_once,       want_once,      want_once,     want_once,    once),
    on.Terminate:   (nothing,      nothing,     cancel,          terminate,      nothing,       nothing,      nothing),
    on.Kill:        (nothing,      nothing,     cancel,          kill,           kill_stopping, nothing,      nothing),
    on.Send:        (nothing,      nothing,     nothing,         send,           send,          nothing,      nothing),
    on.Pause:       (nothing,      nothing,     nothing,         pause,          nothing,       nothing,      nothing),
    on.Continue:    (nothing,      nothing,     nothing,         resume,         resume,        nothing,      nothing),
    on.Leave:       (leave_idle,   leave_idle,  leave_later,     leave_later,    leave_later,   leave_later,  leave_idle),
    on.Retire:      (retire_idle,  retire_idle, retire_starting, retire_running, retire_later,  retire_later, retire_idle),
    on.Defined:     (defined_down, defined_idle, defined,        defined,        defined,       defined,      defined_idle),
    on.Broken:      (broken_down,  broken_idle, broken,          broken,         broken,        broken,       broken_idle),
    on.Started:     (nothing,      nothing,     started,         nothing,        started_late,  nothing,      nothing),
    on.StartFailed: (nothing,      nothing,     start_failed,    nothing,        start_failed,  nothing,      nothing),
    on.Ready:       (nothing,      nothing,     nothing,         ready,          nothing,       nothing,      nothing),
    on.Exited:      (nothing,      nothing,     nothing,         exited,         exited,        nothing,      nothing),
    on.Finished:    (nothing,      nothing,     nothing,         nothing,        nothing,       finished,     nothing),
    on.Tick:        (nothing,      try_now,     nothing,         nothing,        kill_when_due, kill_finish,  try_now),
}
# fmt: on
