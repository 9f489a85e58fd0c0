"""A service, its clock and its last launch: what the tests of the state model act upon."""

import signal

from attrs import define, evolve, field

from supervise.core import events as on
from supervise.core.definition import ContainerDefinition, RestartPolicy, ServiceDefinition
from supervise.core.events import Effect, Event, Phase
from supervise.core.service import Service

CONTAINER = ServiceDefinition(
    name="web",
    container=ContainerDefinition(rootfs="host"),
    stop_signal=signal.SIGQUIT.value,
    fingerprint="first",
)
PLAIN = evolve(CONTAINER, container=None)


def with_restart(definition: ServiceDefinition = CONTAINER, **policy: object) -> ServiceDefinition:
    """The definition under another restart policy; without jitter, unless it is asked for."""
    return evolve(definition, restart=RestartPolicy(**{"jitter": 0.0, **policy}))


@define(kw_only=True)
class Scene:
    """Feeds a service with events, and keeps the time."""

    service: Service = field(factory=lambda: Service(name="web"))
    now: float = 1000.0

    def take(self, *events: Event, after: float = 0.0) -> list[Effect]:
        """Let time go by, feed the events, return the effects of them all."""
        self.now += after
        return [effect for event in events for effect in self.service.handle(event, self.now)]

    def tick(self) -> list[Effect]:
        """Let time go to the deadline, and tell the service."""
        assert self.service.deadline is not None
        self.now = self.service.deadline
        return self.take(on.Tick())

    def started(self) -> list[Effect]:
        return self.take(on.Started(launch=self.service.launch))

    def start_failed(self, reason: str = "no such rootfs") -> list[Effect]:
        return self.take(on.StartFailed(launch=self.service.launch, reason=reason))

    def exited(self, status: int | None = 1 << 8, after: float = 0.0) -> list[Effect]:
        return self.take(on.Exited(launch=self.service.launch, status=status), after=after)

    def finished(self, status: int | None = 0) -> list[Effect]:
        return self.take(on.Finished(launch=self.service.launch, status=status))

    def delay(self) -> float:
        """How long the service waits from now; it must be waiting."""
        assert self.service.phase is Phase.WAITING
        assert self.service.deadline is not None
        return self.service.deadline - self.now


def defined(definition: ServiceDefinition = CONTAINER) -> Scene:
    """A folder was just read: it starts, unless it is normally down."""
    scene = Scene()
    scene.take(on.Defined(definition=definition))
    return scene


def up(definition: ServiceDefinition = CONTAINER) -> Scene:
    """The first launch lives."""
    scene = defined(definition)
    scene.started()
    return scene
