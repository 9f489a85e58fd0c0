"""``[log]``: what its keys mean, alone and together with the machine's."""

import pytest

from supervise.core.definition import Compress, LogPolicy, MachineSettings, OnFull
from supervise.core.runfile import parse_settings


def log(text: str, machine: LogPolicy | None = None) -> LogPolicy:
    settings = None if machine is None else MachineSettings(log=machine)
    return parse_settings(f"[log]\n{text}\n", file="/x/csv.toml", name="x", machine=settings).log


def test_every_key() -> None:
    policy = log(
        'max_size = "1M"\nrotate_every = "1d"\nmax_total = "8M"\ncompress = "zstd"\n'
        'rate = "1000/s"\nburst = 5000\non_full = "drop"\n'
    )
    assert policy == LogPolicy(
        max_size_bytes=1 << 20,
        rotate_every_s=86400.0,
        max_total_bytes=8 << 20,
        compress=Compress.ZSTD,
        rate_per_s=1000.0,
        burst=5000,
        on_full=OnFull.DROP,
    )


@pytest.mark.parametrize(
    ("rate", "lines"),
    [('"60/m"', 1.0), ('"1.5/s"', 1.5), ('"36 / h"', 0.01), ("7", 7.0), ('"864/d"', 0.01)],
)
def test_rates(rate: str, lines: float) -> None:
    assert log(f"rate = {rate}").rate_per_s == pytest.approx(lines)


def test_burst_is_a_seconds_worth_if_nothing_is_said() -> None:
    assert log('rate = "500/s"').burst == 500
    assert log('rate = "1/m"').burst == 1


def test_what_is_not_said_is_the_machines() -> None:
    machine = LogPolicy(rate_per_s=10.0, burst=70, rotate_every_s=60.0, on_full=OnFull.DROP)
    assert log("keep = 3", machine).burst == 70
    assert log('rate = "2/s"', machine).burst == 2
    assert log("burst = 9", machine).rate_per_s == 10.0
    assert log("rotate_every = 0", machine).rotate_every_s == 0
    assert log("", machine) == machine
