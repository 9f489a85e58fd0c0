"""What holds always, for any order of events that a world may bring about, and for any other."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervise.core import events as on
from supervise.core.definition import Restart, ServiceDefinition
from supervise.core.events import Event, Phase, Want
from supervise.core.service import Service
from tests.core.world import World
from tests.strategies import (
    any_events,
    folder_events,
    launch_events,
    operator_events,
    typical_definitions,
    wait_statuses,
)

TIMED = (Phase.WAITING, Phase.STOPPING, Phase.FINISHING)


def _has_its_deadline(service: Service) -> bool:
    if service.phase is Phase.FAILED:
        return service.deadline is None or bool(service.gave_up)
    return (service.deadline is not None) == (service.phase in TIMED)


class Rules(RuleBasedStateMachine):
    """One service in a world that answers as it likes, when it likes."""

    @initialize(
        random=st.floats(0, 1, exclude_max=True), taken_over=st.none() | typical_definitions()
    )
    def appear(self, random: float, taken_over: ServiceDefinition | None) -> None:
        """It is new, or a launch of a former supervisor runs and the folder is still to be read."""
        self.retired = False
        service = Service(name="web", random=lambda: random)
        self.world = World(service=service)
        if taken_over is not None:
            service.launched, service.fresh = taken_over, False
            service.phase, service.launch, service.up_at = Phase.UP, 7, 0.0
            self.world.answered.add(7)
            self.world.live.add(7)

    @precondition(lambda self: self.world.gone)
    @rule()
    def appear_again(self) -> None:
        self.appear(self.world.service.random(), None)

    # --- what happens -------------------------------------------------------------------------

    @precondition(lambda self: not self.world.gone)
    @rule(event=operator_events())
    def operate(self, event: Event) -> None:
        self.world.tell(event)

    @precondition(lambda self: not self.world.gone)
    @rule(event=folder_events(typical_definitions()))
    def touch_the_folder(self, event: Event) -> None:
        self.retired = isinstance(event, on.Retire)
        self.world.tell(event)

    @precondition(lambda self: self.world.asked)
    @rule()
    def start(self) -> None:
        self.world.start()

    @precondition(lambda self: self.world.asked)
    @rule()
    def fail_start(self) -> None:
        self.world.fail_start()

    @precondition(lambda self: self.world.live)
    @rule()
    def become_ready(self) -> None:
        self.world.tell(on.Ready(launch=max(self.world.live)))

    @precondition(lambda self: self.world.live)
    @rule(status=wait_statuses())
    def exit(self, status: int | None) -> None:
        self.world.exit(status)

    @precondition(lambda self: self.world.finishing)
    @rule(status=wait_statuses())
    def end_finish(self, status: int | None) -> None:
        self.world.end_finish(status)

    @rule(duration_s=st.sampled_from([0.01, 1.0, 15.0, 3600.0]))
    def let_time_go_by(self, duration_s: float) -> None:
        self.world.now += duration_s
        self.world.tell(on.Tick())

    @rule()
    def reach_the_deadline(self) -> None:
        self.world.tick()

    @rule(event=launch_events(st.integers(0, 9)))
    def hear_of_a_launch_that_ended(self, event: Event) -> None:
        if event.launch < self.world.service.launch:
            assert self.world.tell(event) == []

    # --- what holds ---------------------------------------------------------------------------

    @invariant()
    def at_most_one_launch_lives_and_the_phase_tells_of_it(self) -> None:
        world, service = self.world, self.world.service
        expected: dict[Phase, set[str]] = {
            Phase.STARTING: {"asked"},
            Phase.UP: {"live"},
            Phase.STOPPING: {"asked", "live"},
            Phase.FINISHING: {"finishing"},
        }
        running = [
            (name, launch)
            for name in ("asked", "live", "finishing")
            for launch in getattr(world, name)
        ]
        if service.phase in expected:
            ((name, launch),) = running
            assert name in expected[service.phase]
            assert launch == service.launch
        else:
            assert not running

    @invariant()
    def what_is_wanted_down_is_down_or_on_its_way(self) -> None:
        service = self.world.service
        if service.want is Want.DOWN:
            assert service.phase in (Phase.DOWN, Phase.STOPPING, Phase.FINISHING)

    @invariant()
    def what_is_down_starts_by_no_time_that_goes_by(self) -> None:
        if self.world.service.phase is Phase.DOWN:
            later = self.world.copy()
            later.now += 1e12
            assert later.tell(on.Tick()) == []

    @invariant()
    def what_is_wanted_up_is_down_only_until_its_folder_was_read(self) -> None:
        service = self.world.service
        if service.want is Want.UP and service.phase is Phase.DOWN:
            assert service.gone or (service.fresh and service.definition is None)

    @invariant()
    def a_deadline_is_there_when_something_is_due(self) -> None:
        assert _has_its_deadline(self.world.service)

    @invariant()
    def what_waits_does_not_wait_in_vain(self) -> None:
        if self.world.service.phase is Phase.WAITING:
            assert self.world.service.broken is None

    @invariant()
    def every_start_has_one_answer_and_one_end_that_is_recorded_and_cleaned(self) -> None:
        world, last_end = self.world, self.world.service.last_end
        assert world.ended == world.cleaned == world.answered - world.live
        if world.ended:
            assert last_end is not None
            assert last_end.launch == max(world.ended)

    @invariant()
    def what_failed_says_why(self) -> None:
        service = self.world.service
        if service.phase is Phase.FAILED and (service.definition or service.broken):
            assert service.error

    @invariant()
    def only_what_lives_is_paused_or_changed(self) -> None:
        service = self.world.service
        assert not service.paused or service.phase is Phase.UP
        assert not service.changed or self.world.live or self.world.asked

    @invariant()
    def it_comes_to_where_it_is_wanted(self) -> None:
        for cancels in (True, False):
            world = self.world.copy()
            service, want = world.service, world.service.want
            may_rest = _may_rest(service)
            world.settle(cancels=cancels)
            if self.retired:
                assert service.gone
            elif service.leaving:
                assert service.gone or service.phase is Phase.UP
            elif want is Want.DOWN:
                assert service.phase is Phase.DOWN
            elif service.definition is None:
                assert service.phase in (Phase.UP, Phase.DOWN, Phase.FAILED)
            elif want is Want.UP:
                assert service.phase is Phase.UP or may_rest
            else:
                assert service.phase in (Phase.UP, Phase.DOWN)

    @invariant()
    def a_launch_that_is_let_go_leaves_the_service_that_was_told_to_exit(self) -> None:
        world = self.world.copy()
        if not world.service.leaving or not world.live:
            return
        world.exit(1 << 8)
        world.settle(cancels=True)
        assert world.service.gone


def _may_rest(service: Service) -> bool:
    """It was given up for good, or its launch has ended and the policy may call that enough."""
    if service.phase is Phase.FAILED:
        return bool(service.gave_up) and service.deadline is None
    if service.definition is None or service.phase is not Phase.FINISHING:
        return False
    policy = service.definition.restart
    enough = policy.policy is not Restart.ALWAYS or 0 < policy.max_failures <= len(service.ends)
    return enough and service.asked_at is None


TestRules = Rules.TestCase
TestRules.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)


# --- any event, at any time -------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(any_events(), st.floats(-1e9, 1e9)), max_size=40))
def test_no_order_of_events_is_too_much(happened: list[tuple[Event, float]]) -> None:
    service = Service(name="web")
    launch = 0
    for event, now in happened:
        was_gone = service.gone
        effects = service.handle(event, now)
        starts = [effect.launch for effect in effects if isinstance(effect, on.Start)]
        assert starts in ([], [launch + 1])
        launch += len(starts)
        assert launch == service.launch
        assert not (was_gone and effects)
        assert _has_its_deadline(service)
        if service.want is Want.DOWN:
            assert service.phase in (Phase.DOWN, Phase.STOPPING, Phase.FINISHING)
