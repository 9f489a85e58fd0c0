"""How a service's log is to be kept: ``log.json``, which the supervisor writes for the shim."""

import json
from typing import NamedTuple

from supervise.core.logline import ISO8601, TAI64N
from supervise.errors import CsvError

MIN_SIZE_BYTES = 4096
"""The smallest size at which a log is rotated, as in multilog."""

_LINE_BYTES = 64 * 1024
_ROOM_BYTES = 256  # for stamps, origins and newlines of a line and what it is split into


class Policy(NamedTuple):
    """The shim's view of ``[log]``; plain, because the shim imports no attrs.

    Attributes:
        max_size_bytes: ``current`` never grows beyond this; at least MIN_SIZE_BYTES.
        keep: how many rotated files stay.
        form: the form of the stamp, ``iso8601`` or ``tai64n``.
        rotate_every_s: ``current`` holds lines of one such span of time (UTC) only; 0 is no limit.
        max_total_bytes: what all files together may take; 0 is no limit but ``keep``.
        compress: rotated files are compressed, by zstd.
        rate_per_s, burst: lines beyond are dropped and counted; a rate of 0 drops none.
        drops: lines that cannot be written are dropped, once the spool is full; else they wait.
        forwarded: a forwarder follows it: what retention removes is counted.
        socket: who has the socket of its syslog messages: pid, start time, descriptor, the
            socket's name.
    """

    max_size_bytes: int = 16 * 1024 * 1024
    keep: int = 10
    form: str = ISO8601
    rotate_every_s: float = 0.0
    max_total_bytes: int = 0
    compress: bool = False
    rate_per_s: float = 0.0
    burst: int = 1
    drops: bool = False
    forwarded: bool = False
    socket: tuple[int, int, int, str] | None = None

    @property
    def line_bytes(self) -> int:
        """The longest text of one record; longer lines are split."""
        return min(_LINE_BYTES, self.max_size_bytes - _ROOM_BYTES)


DEFAULT = Policy()


def read_policy(path: str) -> Policy:
    """Read ``log.json``; keys that are missing have their defaults, unknown ones are ignored.

    Raises:
        FileNotFoundError: there is none.
        CsvError: it cannot be read or is wrong; the text says how.
    """
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(65536))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CsvError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise CsvError(f"{path}: expected an object, found {value!r:.40}")
    return Policy(
        max_size_bytes=max(
            MIN_SIZE_BYTES, int(_number(path, value, "max_size_bytes", DEFAULT.max_size_bytes))
        ),
        keep=int(_number(path, value, "keep", DEFAULT.keep)),
        form=_word(path, value, "timestamp", ISO8601, TAI64N),
        rotate_every_s=_number(path, value, "rotate_every_s", DEFAULT.rotate_every_s),
        max_total_bytes=int(_number(path, value, "max_total_bytes", DEFAULT.max_total_bytes)),
        compress=_word(path, value, "compress", "none", "zstd") == "zstd",
        rate_per_s=_number(path, value, "rate_per_s", DEFAULT.rate_per_s),
        burst=max(1, int(_number(path, value, "burst", DEFAULT.burst))),
        drops=_word(path, value, "on_full", "wait", "drop") == "drop",
        forwarded=bool(value.get("forward")),
        socket=_socket(path, value),
    )


def _number(path: str, value: dict[str, object], key: str, default: float) -> float:
    number = value.get(key, default)
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number < 1 << 62:
        raise CsvError(f"{path}: {key} is {number!r}; expected a number, 0 or more")
    return number


def _word(path: str, value: dict[str, object], key: str, default: str, other: str) -> str:
    word = value.get(key, default)
    if word not in (default, other):
        raise CsvError(f"{path}: {key} is {word!r}; expected {default!r} or {other!r}")
    return str(word)


def _socket(path: str, value: dict[str, object]) -> tuple[int, int, int, str] | None:
    match value.get("socket"):
        case None:
            return None
        case [int(pid), int(start), int(fd), str(name)] if 0 < pid < 1 << 31 and 0 <= fd < 1 << 31:
            return pid, start, fd, name
        case other:
            raise CsvError(f"{path}: socket is {other!r}; expected pid, start time, fd, name")
