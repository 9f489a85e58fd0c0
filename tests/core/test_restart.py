"""The delay before a restart, and when a service is given up."""

import math
import sys

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.definition import RestartPolicy
from supervise.core.restart import delay_s, gives_up, recent, was_healthy
from tests.strategies import restart_policies, seconds

counts = st.integers(0, 2000) | st.integers(0, sys.maxsize)
randoms = st.floats(0, 1, exclude_max=True)


def _middle() -> float:
    return 0.5


def _exact(unhealthy_ends: int, **policy: float) -> float:
    return delay_s(RestartPolicy(**{"jitter": 0.0, **policy}), unhealthy_ends, _middle)


@pytest.mark.parametrize(
    ("unhealthy_ends", "policy", "expected_s"),
    [
        # by default: at once, then 100 ms, doubled, up to a minute
        (0, {}, 0.0),
        (1, {}, 0.1),
        (2, {}, 0.2),
        (3, {}, 0.4),
        (10, {}, 51.2),
        (11, {}, 60.0),
        (10**6, {}, 60.0),
        # min_delay is the first restart's, and the least of all others
        (0, {"min_delay_s": 5.0}, 5.0),
        (1, {"min_delay_s": 5.0}, 5.0),
        (7, {"min_delay_s": 5.0}, 6.4),
        # a factor of one does not grow
        (1, {"factor": 1.0}, 0.1),
        (10**6, {"factor": 1.0}, 0.1),
        (3, {"factor": 3.0}, 0.9),
        # the cap holds for the first delay too
        (1, {"first_delay_s": 9.0, "max_delay_s": 2.0}, 2.0),
        # nothing grows out of nothing, however often
        (1, {"first_delay_s": 0.0}, 0.0),
        (10**6, {"first_delay_s": 0.0}, 0.0),
        (10**6, {"max_delay_s": 0.0}, 0.0),
    ],
)
def test_delay(unhealthy_ends: int, policy: dict[str, float], expected_s: float) -> None:
    assert _exact(unhealthy_ends, **policy) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("random", "expected_s"), [(0.0, 0.08), (0.25, 0.09), (0.5, 0.1), (0.75, 0.11)]
)
def test_jitter_goes_either_way(random: float, expected_s: float) -> None:
    assert delay_s(RestartPolicy(jitter=0.2), 1, lambda: random) == pytest.approx(expected_s)


def test_the_restart_after_a_healthy_run_has_no_jitter() -> None:
    assert delay_s(RestartPolicy(min_delay_s=1.0, jitter=1.0), 0, lambda: 0.0) == 1.0


@given(restart_policies(), counts, randoms)
def test_a_delay_is_finite_never_negative_and_never_above_the_cap_with_jitter(
    policy: RestartPolicy, unhealthy_ends: int, random: float
) -> None:
    waits_s = delay_s(policy, unhealthy_ends, lambda: random)
    assert math.isfinite(waits_s)
    assert 0 <= policy.min_delay_s <= waits_s
    assert waits_s <= policy.max_delay_s * (1 + policy.jitter)


@given(restart_policies(), counts, counts)
def test_without_jitter_more_unhealthy_ends_never_wait_less(
    policy: RestartPolicy, some: int, more: int
) -> None:
    steady = evolve(policy, jitter=0.0)
    fewer, larger = sorted([some, more])
    assert delay_s(steady, fewer, _middle) <= delay_s(steady, larger, _middle)


@given(restart_policies(), st.integers(1, 50), randoms)
def test_jitter_stays_within_its_part_of_the_delay(
    policy: RestartPolicy, unhealthy_ends: int, random: float
) -> None:
    exact_s = delay_s(evolve(policy, jitter=0.0, min_delay_s=0.0), unhealthy_ends, _middle)
    varied_s = delay_s(evolve(policy, min_delay_s=0.0), unhealthy_ends, lambda: random)
    assert abs(varied_s - exact_s) <= exact_s * policy.jitter * (1 + 1e-9)


@pytest.mark.parametrize(("ran_s", "healthy"), [(0.0, False), (9.99, False), (10.0, True)])
def test_a_run_of_reset_after_is_healthy(ran_s: float, healthy: bool) -> None:
    assert was_healthy(RestartPolicy(reset_after_s=10.0), ran_s) is healthy


def test_ends_count_for_the_length_of_the_window() -> None:
    policy = RestartPolicy(max_failures=3, window_s=60.0)
    assert recent(policy, (39.9, 40.0, 40.1, 100.0), 100.0) == (40.1, 100.0)


def test_nothing_counts_when_nothing_is_ever_given_up() -> None:
    assert recent(RestartPolicy(max_failures=0), (99.0, 100.0), 100.0) == ()


@pytest.mark.parametrize(
    ("max_failures", "ends", "given_up"),
    [(3, 2, False), (3, 3, True), (3, 4, True), (1, 1, True), (1, 0, False), (0, 9, False)],
)
def test_as_many_ends_as_the_policy_bears_give_up(
    max_failures: int, ends: int, given_up: bool
) -> None:
    assert gives_up(RestartPolicy(max_failures=max_failures), (1.0,) * ends) is given_up


@given(restart_policies(), st.lists(seconds()), seconds())
def test_ends_are_forgotten_in_time_and_never_invented(
    policy: RestartPolicy, ends: list[float], now: float
) -> None:
    counted = recent(policy, ends, now)
    assert all(end in ends and end > now - policy.window_s - 1e-6 for end in counted)
    assert recent(policy, counted, now) == counted
