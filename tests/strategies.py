"""All Hypothesis strategies: values as a machine, an operator or an attacker could make them."""

from hypothesis import strategies as st

from supervise.core import events as on
from supervise.core.definition import (
    ContainerDefinition,
    Restart,
    RestartPolicy,
    ServiceDefinition,
)

TEN_YEARS_S = 10 * 366 * 86400.0


def seconds(most_s: float = TEN_YEARS_S) -> st.SearchStrategy[float]:
    """A span of time, zero and the very short and very long ones among them."""
    return st.sampled_from([0.0, 0.1, 1.0, 10.0, 60.0]) | st.floats(0, most_s)


@st.composite
def restart_policies(draw: st.DrawFn) -> RestartPolicy:
    """Every policy that a run file can ask for: min_delay_s is at most max_delay_s."""
    shorter_s, longer_s = sorted([draw(seconds()), draw(seconds())])
    return RestartPolicy(
        policy=draw(st.sampled_from(Restart)),
        min_delay_s=shorter_s,
        first_delay_s=draw(seconds()),
        factor=draw(st.floats(1, 100)),
        max_delay_s=longer_s,
        jitter=draw(st.floats(0, 1)),
        reset_after_s=draw(seconds()),
        max_failures=draw(st.integers(0, 5)),
        window_s=draw(seconds()),
        retry_every_s=draw(seconds()),
    )


@st.composite
def definitions(draw: st.DrawFn) -> ServiceDefinition:
    """A right folder; two of them may well have one fingerprint, as when one was only touched."""
    return ServiceDefinition(
        name="web",
        container=draw(st.sampled_from([None, ContainerDefinition(rootfs="host")])),
        restart=draw(st.just(RestartPolicy()) | restart_policies()),
        stop_grace_period_s=draw(seconds(3600)),
        normally_down=draw(st.booleans()),
        finish=draw(st.booleans()),
        finish_timeout_s=draw(seconds(3600)),
        fingerprint=draw(st.sampled_from("abc")),
    )


_POLICIES = (
    RestartPolicy(),
    RestartPolicy(min_delay_s=5.0, reset_after_s=0.0),
    RestartPolicy(policy=Restart.ON_FAILURE),
    RestartPolicy(policy=Restart.NEVER),
    RestartPolicy(max_failures=2, window_s=600.0),
    RestartPolicy(max_failures=1, retry_every_s=300.0),
)


def typical_definitions() -> st.SearchStrategy[ServiceDefinition]:
    """Few values that differ in all that decides: little to choose, so that a search goes far."""
    return st.builds(
        ServiceDefinition,
        name=st.just("web"),
        container=st.sampled_from([None, ContainerDefinition(rootfs="host")]),
        restart=st.sampled_from(_POLICIES),
        normally_down=st.sampled_from([False, False, True]),
        finish=st.booleans(),
        fingerprint=st.sampled_from("ab"),
    )


def wait_statuses() -> st.SearchStrategy[int | None]:
    """What waitpid(2) may say: exit 0, exit 1, exit 125, killed, dumped core, not known."""
    return st.sampled_from([0, 1 << 8, 125 << 8, 9, 11 | 0x80, None])


def operator_events() -> st.SearchStrategy[on.Event]:
    """Everything that a letter of svc becomes."""
    plain = (on.Up, on.Down, on.Once, on.Terminate, on.Kill, on.Pause, on.Continue, on.Leave)
    return st.sampled_from([*(event() for event in plain), on.Send(signal=1)])


def folder_events(
    definitions: st.SearchStrategy[ServiceDefinition],
) -> st.SearchStrategy[on.Event]:
    """What the reading of a folder becomes."""
    return (
        st.builds(on.Defined, definition=definitions)
        | st.just(on.Broken(reason="run: line 3: no such key"))
        | st.just(on.Retire())
    )


def launch_events(launches: st.SearchStrategy[int]) -> st.SearchStrategy[on.Event]:
    """What a launch, or one that never was, may say of itself.

    Args:
        launches: the numbers to choose from.
    """
    return st.one_of(
        st.builds(on.Started, launch=launches),
        st.builds(on.StartFailed, launch=launches, reason=st.just("no such rootfs")),
        st.builds(on.Ready, launch=launches),
        st.builds(on.Exited, launch=launches, status=wait_statuses(), out_of_memory=st.booleans()),
        st.builds(on.Finished, launch=launches, status=wait_statuses()),
    )


def any_events() -> st.SearchStrategy[on.Event]:
    """Every event there is, also such as no world could send."""
    return st.one_of(
        operator_events(),
        folder_events(definitions()),
        launch_events(st.integers(-1, 6)),
        st.just(on.Tick()),
    )
