"""Moments as people write them."""

import pytest

from supervise.core.moment import moment_ns
from supervise.core.units import Wrong

NOW_NS = 1_000_000 * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 1_000_000 - 600),
        ("1h30m", 1_000_000 - 5400),
        ("0", None),
        ("1970-01-02", 86400),
        ("1970-01-01 00:01", 60),
        ("1970-01-01T00:01:02Z", 62),
        ("1970-01-01t00:01:02.5z", 62.5),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59Z", -1),
    ],
)
def test_moments(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(Wrong, match="is no moment"):
            moment_ns(text, NOW_NS)
    else:
        assert moment_ns(text, NOW_NS) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "soon", "10", "1970-13-01", "1970-01-01T25:00Z", "-10m"])
def test_what_is_no_moment_is_told_with_an_example(text: str) -> None:
    with pytest.raises(Wrong, match="10m"):
        moment_ns(text, NOW_NS)
