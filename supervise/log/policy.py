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
    """

    max_size_bytes: int = 16 * 1024 * 1024
    keep: int = 10
    form: str = ISO8601

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
        max(MIN_SIZE_BYTES, _number(path, value, "max_size_bytes", DEFAULT.max_size_bytes)),
        _number(path, value, "keep", DEFAULT.keep),
        _form(path, value),
    )


def _number(path: str, value: dict[str, object], key: str, default: int) -> int:
    number = value.get(key, default)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 62:
        raise CsvError(f"{path}: {key} is {number!r}; expected a number, 0 or more")
    return number


def _form(path: str, value: dict[str, object]) -> str:
    form = value.get("timestamp", DEFAULT.form)
    if form not in (ISO8601, TAI64N):
        raise CsvError(f"{path}: timestamp is {form!r}; expected {ISO8601!r} or {TAI64N!r}")
    return str(form)
