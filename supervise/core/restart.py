"""How long to wait before a service is started again, and when to give it up.

A run was *healthy* when it lasted ``reset_after_s`` (since it was ready, or since it was up). The
restart after a healthy run waits ``min_delay_s``; after the n-th unhealthy end in a row the delay
is ``first_delay_s * factor ** (n - 1)``, never above ``max_delay_s``, varied by ``jitter`` so that
services which fell together do not rise together.
"""

from collections.abc import Callable, Iterable

from supervise.core.definition import RestartPolicy


def delay_s(policy: RestartPolicy, unhealthy_ends: int, random: Callable[[], float]) -> float:
    """The delay before the next start; finite, never negative, whatever the count.

    Args:
        policy: the service's restart policy.
        unhealthy_ends: how many ends in a row were unhealthy; 0 after a healthy run.
        random: gives numbers in [0, 1), as ``random.random`` does.
    """
    if unhealthy_ends == 0:
        return policy.min_delay_s
    try:
        grown_s = policy.first_delay_s * policy.factor ** (unhealthy_ends - 1)
    except OverflowError:
        grown_s = policy.max_delay_s if policy.first_delay_s > 0 else 0.0
    capped_s = min(grown_s, policy.max_delay_s)
    varied_s = capped_s * (1 + policy.jitter * (2 * random() - 1))
    return max(varied_s, policy.min_delay_s)


def was_healthy(policy: RestartPolicy, ran_s: float) -> bool:
    """True when a run of this length clears the count of unhealthy ends."""
    return ran_s >= policy.reset_after_s


def recent(policy: RestartPolicy, ends: Iterable[float], now: float) -> tuple[float, ...]:
    """The ends which still count at ``now``; empty when nothing is ever given up."""
    if policy.max_failures == 0:
        return ()
    return tuple(end for end in ends if now - end < policy.window_s)


def gives_up(policy: RestartPolicy, ends: tuple[float, ...]) -> bool:
    """True when the recent ends are as many as the policy bears."""
    return 0 < policy.max_failures <= len(ends)
