"""``[log]``: how a service's log is kept, from TOML to a LogPolicy."""

import re
from collections.abc import Callable

from attrs import evolve

from supervise.core import fields, forward
from supervise.core.definition import Compress, LogPolicy, OnFull, Timestamp
from supervise.core.keys import BUILT
from supervise.core.reading import Section
from supervise.core.units import Wrong, duration_s, shown, size_bytes

_MIN_SIZE_BYTES = 4096
_MIN_EVERY_S = 60.0
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?/ ?([smhd])")
_PER = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def log_policy(top: Section, base: LogPolicy, folder: str) -> LogPolicy:
    """Read the table ``[log]`` of ``top``.

    Args:
        top: its mistakes are noted there.
        base: what holds for keys that are absent.
        folder: where relative paths start.
    """
    table = top.section("log")
    max_size_bytes = table.get("max_size", _least(_MIN_SIZE_BYTES), base.max_size_bytes)
    policy = LogPolicy(
        max_size_bytes=max_size_bytes,
        keep=table.get("keep", fields.number(int, 1, 100_000), base.keep),
        timestamp=table.get("timestamp", fields.choice(Timestamp), base.timestamp),
        forward=table.get("forward", forward.targets(folder), base.forward),
        rotate_every_s=table.get("rotate_every", _every_s, base.rotate_every_s),
        max_total_bytes=table.get("max_total", size_bytes, base.max_total_bytes),
        compress=table.get("compress", fields.choice(Compress), base.compress),
        rate_per_s=table.get("rate", rate_per_s, base.rate_per_s),
        burst=table.get("burst", fields.number(int, 1, 1_000_000_000), 0),
        on_full=table.get("on_full", fields.choice(OnFull), base.on_full),
        syslog=table.get("syslog", fields.flag, base.syslog),
    )
    table.finish(outer=BUILT)
    return _together(table, policy, base)


def _together(table: Section, policy: LogPolicy, base: LogPolicy) -> LogPolicy:
    """What keys say about each other: a default, and what cannot be."""
    least = 2 * policy.max_size_bytes
    if policy.max_total_bytes and policy.max_total_bytes < least:
        key = "max_total" if "max_total" in table else "max_size"
        table.wrong(
            key, f"max_total must hold two files of max_size at least; write {least} or more"
        )
    if "burst" in table and not policy.rate_per_s:
        table.wrong("burst", 'means nothing without a rate; add one, such as rate = "1000/s"')
    if "burst" in table:
        return policy
    burst = base.burst if "rate" not in table else max(1, round(policy.rate_per_s))
    return evolve(policy, burst=burst)


def _least(least: int) -> Callable[[object], int]:
    def convert(value: object) -> int:
        size = size_bytes(value)
        if size < least:
            raise Wrong(f"{shown(value)} is too small; the least is 4k")
        return size

    return convert


def _every_s(value: object) -> float:
    every_s = duration_s(value)
    if every_s and every_s < _MIN_EVERY_S:
        raise Wrong(f'{shown(value)} is too short; the least is "1m", and 0 is never')
    return every_s


def rate_per_s(value: object) -> float:
    """Lines per second: ``"1000/s"``, ``"100/m"``, or a number; 0 is no limit."""
    rate = -1.0
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        rate = float(match[1]) / _PER[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        rate = float(value)
    if not 0 <= rate < 1e9:
        raise Wrong(f'{shown(value)} is no rate; write lines per time, such as "1000/s" or "60/m"')
    return rate
