"""The units people write: sizes, durations, signals, parts of a whole.

Each function takes what TOML gave and returns a number, or raises ``Wrong`` with a sentence that
says what was found and how it should read.

Source: Compose Specification, "Specifying durations" and "Specifying byte values"; docker's
go-units for what it takes beyond that.
"""

import math
import re
import signal

from supervise.core.keys import nearest

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
_REALTIME = re.compile(r"RT(MIN|MAX)(?:([+-])(\d+))?")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}


class Wrong(ValueError):
    """A value is wrong.

    Args:
        reason: what was found and what was expected.
        within: where in the value, for a list or table.
    """

    def __init__(self, reason: str, *within: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.within = within


def shown(value: object) -> str:
    """The value as it would stand in TOML, cut to a length that fits an error."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= 60 else text[:57] + "..."


def printable(text: str) -> str:
    """The text on one line, whatever is in it: a terminal must not obey a service folder."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def size_bytes(value: object) -> int:
    """A number of bytes, or a string such as ``"256M"``; units are powers of 1024."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise Wrong(f"{value} is negative; a size is 0 or more bytes")
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Wrong(
            f'{shown(value)} is no size; write bytes, or a number and a unit such as "256M" '
            "(units: b k m g t, powers of 1024)"
        )
    power = "kmgtp".find(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**power)


def duration_s(value: object) -> float:
    """A number of seconds, or a string such as ``"1m30s"``; never negative, never endless."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or value < 0:
            raise Wrong(f"{value} is no duration; it must be 0 or more seconds")
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        why = " has no unit" if text.isdigit() else " is no duration"
        raise Wrong(
            f'{shown(value)}{why}; write seconds, or a string such as "10s", "1m30s", "500ms" '
            "(units: ms s m h d w)"
        )
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def fraction(value: object) -> float:
    """A part of a whole: ``0.1`` or ``"10%"``; 0 to 1."""
    number: object = value
    if isinstance(value, str) and value.endswith("%"):
        try:
            number = float(value[:-1]) / 100
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise Wrong(f'{shown(value)} is not between 0 and 1; write 0.1 or "10%"')
    return float(number)


def signal_number(value: object) -> int:
    """A signal's number from its name, with or without SIG, or from a number."""
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if 1 <= value <= signal.SIGRTMAX:
            return value
        raise Wrong(f"{value} is no signal; they are 1 to {signal.SIGRTMAX.value}")
    if not isinstance(value, str):
        raise Wrong(f'{shown(value)} is no signal; write its name, such as "SIGTERM"')
    name = value.strip().upper().removeprefix("SIG")
    realtime = _realtime(name)
    if realtime is not None:
        return realtime
    names = {s.name.removeprefix("SIG"): s.value for s in signal.Signals}
    if name in names:
        return names[name]
    near = nearest(name, names)
    hint = f'did you mean "SIG{near}"?' if near else 'write its name, such as "SIGTERM"'
    raise Wrong(f"{shown(value)} is no signal; {hint}")


def _realtime(name: str) -> int | None:
    match = _REALTIME.fullmatch(name)
    if match is None:
        return None
    base = signal.SIGRTMIN if match[1] == "MIN" else signal.SIGRTMAX
    number = base + int((match[2] or "+") + (match[3] or "0"))
    return number if signal.SIGRTMIN <= number <= signal.SIGRTMAX else None
