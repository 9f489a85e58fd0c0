"""What is known of one service between two events: fields, and what follows from them."""

import random
from collections.abc import Callable

from attrs import define, field

from supervise.core.definition import ServiceDefinition
from supervise.core.events import End, Phase, Want

LIVING = (Phase.STARTING, Phase.UP, Phase.STOPPING)
"""The phases in which a launch is, or may be, alive."""


@define(kw_only=True)
class State:
    """One service's want, phase and history; changed by ``core.transitions`` alone.

    Attributes:
        definition: what the folder says; None while it was not read yet, or is broken.
        broken: why the folder is broken.
        launched: the definition of the launch that lives or lived last.
        want, phase, deadline: see ``core.service``.
        since: when the phase last changed.
        launch: the number of the last launch; 0 before the first.
        up_at, ready_at: when the launch came up, and when it said that it serves.
        unhealthy_ends: how many in a row.
        ends: the times of the failures that count towards giving up: every end but one that was
            asked for, and exit 0 after a healthy run.
        retrying: this launch is the slow retry of a service that was given up.
        last_end: how the last launch ended.
        gave_up: why the phase is ``failed`` though the folder is right.
        paused: the launch was sent STOP.
        asked_at: when it was asked that this launch end, or that the next one not wait.
        leaving: supervise it no more once it does not run.
        retired: the same, because its folder is gone; taken back when the folder is.
        gone: nothing is to be done with it any more.
        fresh: nobody said yet what is wanted; the first right definition does.
    """

    name: str
    definition: ServiceDefinition | None = None
    broken: str | None = None
    launched: ServiceDefinition | None = None
    want: Want = Want.UP
    phase: Phase = Phase.DOWN
    deadline: float | None = None
    since: float = 0.0
    launch: int = 0
    up_at: float | None = None
    ready_at: float | None = None
    unhealthy_ends: int = 0
    ends: tuple[float, ...] = ()
    retrying: bool = False
    last_end: End | None = None
    gave_up: str | None = None
    paused: bool = False
    asked_at: float | None = None
    leaving: bool = False
    retired: bool = False
    gone: bool = False
    fresh: bool = True
    random: Callable[[], float] = field(default=random.random, repr=False, eq=False)

    @property
    def changed(self) -> bool:
        """The folder differs from what the living launch was started from."""
        if self.launched is None or self.phase not in LIVING:
            return False
        return self.definition is None or self.definition.fingerprint != self.launched.fingerprint

    @property
    def error(self) -> str | None:
        """What an operator has to know: why it is broken, given up, or did not start."""
        if self.broken or self.gave_up:
            return self.broken or self.gave_up
        if self.last_end is not None and self.phase is not Phase.UP:
            return self.last_end.reason
        return None
