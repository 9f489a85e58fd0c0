"""A world as small as can be: it obeys a service's effects, and fails on one that breaks a rule.

It holds what lives, so the rules are judged by what happened and not by what the service believes.
"""

from attrs import define, evolve, field

from supervise.core import events as on
from supervise.core.events import Effect, Event, Phase
from supervise.core.service import Service


@define(kw_only=True)
class World:
    """One service and its processes.

    Attributes:
        asked: starts that were asked for, and neither answered nor given up.
        live: launches that live.
        finishing: launches whose ``finish`` runs.
        answered, ended, cleaned: launches so far, by what became of them.
        gone: the service said that it is.
    """

    service: Service
    now: float = 0.0
    asked: set[int] = field(factory=set)
    live: set[int] = field(factory=set)
    finishing: set[int] = field(factory=set)
    answered: set[int] = field(factory=set)
    ended: set[int] = field(factory=set)
    cleaned: set[int] = field(factory=set)
    gone: bool = False

    def copy(self) -> "World":
        """A world that may go another way than this one."""
        sets = ("asked", "live", "finishing", "answered", "ended", "cleaned")
        return evolve(
            self,
            service=evolve(self.service),
            **{name: set(getattr(self, name)) for name in sets},
        )

    def tell(self, event: Event) -> list[Effect]:
        """Feed the service, and obey it."""
        effects = self.service.handle(event, self.now)
        assert not (self.gone and effects), "after Gone nothing comes"
        for effect in effects:
            self._obey(effect)
        return effects

    def _obey(self, effect: Effect) -> None:
        assert not self.gone, "nothing comes after Gone"
        match effect:
            case on.Start():
                assert not self.live | self.asked | self.finishing, "one launch at a time"
                assert effect.launch > max(self.answered, default=0), "numbers rise"
                self.asked.add(effect.launch)
            case on.CancelStart():
                assert effect.launch in self.asked, "only what was not answered is cancelled"
            case on.Signal() | on.Stop() | on.KillAll():
                assert effect.launch in self.live, "signals go to what lives"
            case on.RunFinish():
                assert effect.launch in self.ended, "finish comes after the end"
                self.finishing.add(effect.launch)
            case on.KillFinish():
                assert effect.launch in self.finishing, "only a finish that runs is killed"
            case on.Clean():
                assert effect.launch in self.ended, "a launch is cleaned after its end"
                assert effect.launch not in self.cleaned, "a launch is cleaned once"
                self.cleaned.add(effect.launch)
            case on.Sweep():
                assert not self.live | self.asked | self.finishing, "a sweep hits nothing that runs"
            case on.Gone():
                assert not self.live | self.asked | self.finishing, "nothing runs after Gone"
                assert self.cleaned == self.answered, "nothing is left after Gone"
                self.gone = True

    # --- what launches do ---------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The start that was asked for brings a launch to life."""
        launch = self.asked.pop()
        self.answered.add(launch)
        self.live.add(launch)
        return self.tell(on.Started(launch=launch))

    def fail_start(self) -> list[Effect]:
        launch = self.asked.pop()
        self.answered.add(launch)
        self.ended.add(launch)
        return self.tell(on.StartFailed(launch=launch, reason="no such rootfs"))

    def exit(self, status: int | None) -> list[Effect]:
        launch = self.live.pop()
        self.ended.add(launch)
        return self.tell(on.Exited(launch=launch, status=status))

    def end_finish(self, status: int | None) -> list[Effect]:
        return self.tell(on.Finished(launch=self.finishing.pop(), status=status))

    def tick(self) -> list[Effect]:
        """Time goes on to the deadline, if there is one."""
        if self.service.deadline is not None:
            self.now = max(self.now, self.service.deadline)
        return self.tell(on.Tick())

    def settle(self, *, cancels: bool) -> None:
        """Let time go on in a world where nothing ends before it is killed.

        Args:
            cancels: what is cancelled does not start; else the cancel always comes too late.
        """
        for _ in range(20):
            if self.asked and (self.service.phase is Phase.STARTING or not cancels):
                self.start()
            elif self.service.deadline is None:
                return
            else:
                self._suffer(self.tick())
        raise AssertionError(f"it never comes to rest: {self.service}")

    def _suffer(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case on.CancelStart():
                    self.fail_start()
                case on.KillAll():
                    self.exit(9)
                case on.KillFinish():
                    self.end_finish(9)
