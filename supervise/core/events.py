"""What happens to a service, and what it asks for: the values that pass through ``core.service``.

Events go in, effects come out. Every event of a launch, and every effect upon one, carries the
launch's number.
"""

from enum import Enum

from attrs import frozen

from supervise.core.definition import ServiceDefinition


class Want(Enum):
    """What the operator asked for."""

    UP = "up"
    DOWN = "down"
    ONCE = "once"


class Phase(Enum):
    """Where the service is."""

    DOWN = "down"
    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    FINISHING = "finishing"
    FAILED = "failed"


@frozen(kw_only=True)
class End:
    """How a launch ended.

    Attributes:
        launch: its number.
        status: as waitpid(2) gives it; None when nobody could learn it, or it never started.
        ran_s: how long it was up.
        at: when, wall clock; a stamp for people, which nothing is decided by.
        reason: why it did not start; None for a launch that ran.
        out_of_memory: the kernel killed a process of it for want of memory.
    """

    launch: int
    status: int | None = None
    ran_s: float = 0.0
    at: float = 0.0
    reason: str | None = None
    out_of_memory: bool = False


# --- events ---------------------------------------------------------------------------------


@frozen(kw_only=True)
class Up:
    """``svc -u``: be up, now; forget failures."""


@frozen(kw_only=True)
class Down:
    """``svc -d``: be down, and stay so."""


@frozen(kw_only=True)
class Once:
    """``svc -o``: run if not running, do not start again."""


@frozen(kw_only=True)
class Terminate:
    """``svc -t``: end this launch; what is wanted stays."""


@frozen(kw_only=True)
class Kill:
    """``svc -k``: end this launch at once; what is wanted stays."""


@frozen(kw_only=True)
class Send:
    """One of the letters that only send a signal."""

    signal: int


@frozen(kw_only=True)
class Pause:
    """``svc -p``."""


@frozen(kw_only=True)
class Continue:
    """``svc -c``."""


@frozen(kw_only=True)
class Leave:
    """``svc -x``: stop supervising it as soon as it does not run."""


@frozen(kw_only=True)
class Retire:
    """Its folder is gone, or the supervisor ends: bring it down, then stop supervising it."""


@frozen(kw_only=True)
class Defined:
    """The folder was read and is right."""

    definition: ServiceDefinition


@frozen(kw_only=True)
class Broken:
    """The folder was read and is wrong."""

    reason: str


@frozen(kw_only=True)
class Started:
    """The launch lives."""

    launch: int


@frozen(kw_only=True)
class StartFailed:
    """The launch did not come to life."""

    launch: int
    reason: str
    at: float = 0.0


@frozen(kw_only=True)
class Ready:
    """The launch says that it serves."""

    launch: int


@frozen(kw_only=True)
class Exited:
    """The launch has ended; ``status`` is None when nobody could learn it."""

    launch: int
    status: int | None
    out_of_memory: bool = False
    at: float = 0.0


@frozen(kw_only=True)
class Finished:
    """``finish`` has ended, or could not be run (status None)."""

    launch: int
    status: int | None


@frozen(kw_only=True)
class Tick:
    """Time went by."""


Event = (
    Up
    | Down
    | Once
    | Terminate
    | Kill
    | Send
    | Pause
    | Continue
    | Leave
    | Retire
    | Defined
    | Broken
    | Started
    | StartFailed
    | Ready
    | Exited
    | Finished
    | Tick
)

# --- effects --------------------------------------------------------------------------------


@frozen(kw_only=True)
class Start:
    """Make launch ``launch`` by ``definition``."""

    launch: int
    definition: ServiceDefinition


@frozen(kw_only=True)
class CancelStart:
    """Give up the start under way; StartFailed or Started still follows."""

    launch: int


@frozen(kw_only=True)
class Signal:
    """Send one signal to the launch's first process."""

    launch: int
    signal: int


@frozen(kw_only=True)
class Stop:
    """Send the signal, then CONT: a stopped process would never take it.

    The first process of a pid namespace never receives a signal that it has no handler for; the
    daemon kills such a launch at once, which is what the signal would have done to any other.
    """

    launch: int
    signal: int


@frozen(kw_only=True)
class KillAll:
    """Kill everything that belongs to the launch."""

    launch: int


@frozen(kw_only=True)
class RunFinish:
    """Run ``finish`` for the launch that ended with ``status``."""

    launch: int
    status: int | None


@frozen(kw_only=True)
class KillFinish:
    """``finish`` has used up its time."""

    launch: int


@frozen(kw_only=True)
class Clean:
    """The launch has ended: clear what is its own, behind the next one's back."""

    launch: int


@frozen(kw_only=True)
class Sweep:
    """The service rests: end every process that any of its launches left behind."""


@frozen(kw_only=True)
class Gone:
    """The service is supervised no more: remove its files."""


Effect = (
    Start | CancelStart | Signal | Stop | KillAll | RunFinish | KillFinish | Clean | Sweep | Gone
)
