"""Converters from TOML's values to the fields of a definition.

Each takes what stands in the text and returns the field's value, or raises ``Wrong`` with a
sentence that says how it should read. Compose's forms are kept: where it takes a string or a
list, or a list or a table, so do these.
"""

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import TypeVar

from supervise.core.capabilities import CAPABILITIES
from supervise.core.keys import nearest
from supervise.core.units import Wrong, shown, size_bytes

E = TypeVar("E", bound=Enum)
N = TypeVar("N", int, float)

_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_USER = re.compile(r"(\d+|[A-Za-z_][\w.@-]*\$?)(:(\d+|[A-Za-z_][\w.@-]*\$?))?")
_MAX_ID = 2**32 - 2
MIN_MEMORY_BYTES = 6 * 1024 * 1024


def text(value: object) -> str:
    """A string with no NUL, which neither kernel nor libc can carry."""
    if not isinstance(value, str):
        hint = f'; write "{shown(value)}"' if isinstance(value, int | float) else ""
        raise Wrong(f"must be text between quotes, not {shown(value)}{hint}")
    if "\0" in value:
        raise Wrong("a NUL character cannot be passed to a program")
    return value


def filled(value: object) -> str:
    """A string that is not empty."""
    string = text(value)
    if not string.strip():
        raise Wrong("is empty; write a value, or take the line out")
    return string


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false without quotes, not {shown(value)}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of strings; one string is a list of one."""
    if isinstance(value, str):
        return (filled(value),)
    if not isinstance(value, list):
        raise Wrong(f'must be a list of texts such as ["a", "b"], not {shown(value)}')
    return tuple(each(value, text))


def each(values: list[object], convert: Callable[[object], str]) -> list[str]:
    """Convert every element; a mistake carries the element's place."""
    converted = []
    for index, value in enumerate(values):
        try:
            converted.append(convert(value))
        except Wrong as error:
            raise Wrong(error.reason, index, *error.within) from None
    return converted


def words(value: object) -> tuple[str, ...]:
    """A command: a list of words, or a string which is split as a shell would split it."""
    if not isinstance(value, str):
        return texts(value)
    try:
        return tuple(shlex.split(text(value)))
    except ValueError as error:
        raise Wrong(
            f"{shown(value)} cannot be split into words: {str(error).lower()}; "
            'close the quotes, or write a list such as ["sh", "-c", "..."]'
        ) from None


def pairs(value: object) -> tuple[tuple[str, str | None], ...]:
    """``environment``: a table, or a list of ``"K=V"`` and of ``"K"`` (None: our own value)."""
    if isinstance(value, dict):
        return tuple((_variable(key), _scalar(key, item)) for key, item in value.items())
    if not isinstance(value, list):
        raise Wrong(f'must be a table or a list such as ["KEY=value"], not {shown(value)}')
    found: dict[str, str | None] = {}
    for entry in each(value, filled):
        key, equals, rest = entry.partition("=")
        found[_variable(key)] = rest if equals else None
    return tuple(found.items())


def labels(value: object) -> tuple[tuple[str, str], ...]:
    """``labels``: a table, or a list of ``"K=V"``."""
    return tuple((key, item or "") for key, item in pairs(value))


def _variable(key: str) -> str:
    if not key or "=" in key or "\0" in key or key != key.strip():
        raise Wrong(f'{shown(key)} is no name of a variable; write "NAME=value"')
    return key


def _scalar(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return text(value)
    except Wrong as error:
        raise Wrong(error.reason, key) from None


def number(kind: type[N], low: N, high: N | None = None) -> Callable[[object], N]:
    """Make a converter to a number of ``kind`` that is at least ``low``, at most ``high``."""
    span = f"at least {low}" if high is None else f"from {low} to {high}"
    name = "a whole number" if kind is int else "a number"

    def convert(value: object) -> N:
        allowed = int if kind is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise Wrong(f"must be {name} without quotes, {span}, not {shown(value)}")
        if not value >= low or (high is not None and value > high) or value == float("inf"):
            raise Wrong(f"must be {name} {span}, not {value}")
        return kind(value)

    return convert


def choice(kind: type[E]) -> Callable[[object], E]:
    """Make a converter to one of the values of an Enum of strings."""

    def convert(value: object) -> E:
        return kind(one_of(value, [member.value for member in kind]))

    return convert


def one_of(value: object, valid: Collection[str]) -> str:
    """``value`` if it is among ``valid``; else the nearest one is named."""
    string = text(value)
    if string in valid:
        return string
    near = nearest(string, valid)
    hint = f'did you mean "{near}"?' if near else f"write one of: {', '.join(valid)}"
    raise Wrong(f"{shown(string)} is not known here; {hint}")


def memory_bytes(value: object) -> int:
    """``mem_limit``; below the smallest that a runtime and libc can start in is a mistake."""
    size = size_bytes(value)
    if size < MIN_MEMORY_BYTES:
        raise Wrong(f"{shown(value)} is too small for any program to start in; the least is 6M")
    return size


def cpus(value: object) -> float:
    """``cpus``: a number above 0, as a number or, as Compose allows, as text."""
    try:
        amount = float(value) if isinstance(value, str) else number(float, 0.0)(value)
    except ValueError:
        amount = -1.0
    # The kernel takes no quota below 1 ms in a period of 100 ms.
    if not 0.01 <= amount < 100_000:
        raise Wrong(f"{shown(value)} is no number of cpus; write 0.5 for half of one, 2 for two")
    return amount


def pids(value: object) -> int | None:
    """``pids_limit``; Compose's -1 is no limit."""
    if value == -1:
        return None
    return number(int, 1, 4_194_304)(value)


def capabilities(value: object) -> tuple[str, ...]:
    """Capability names, with or without CAP_; ``ALL`` too. All in upper case, with CAP_."""

    def convert(item: object) -> str:
        name = text(item).upper().removeprefix("CAP_")
        if name == "ALL":
            return name
        if f"CAP_{name}" in CAPABILITIES:
            return f"CAP_{name}"
        near = nearest(name, [each.removeprefix("CAP_") for each in CAPABILITIES])
        hint = f'did you mean "{near}"?' if near else "capabilities(7) lists them"
        raise Wrong(f"{shown(item)} is no capability; {hint}")

    if not isinstance(value, list):
        raise Wrong(f'must be a list such as ["NET_ADMIN"], not {shown(value)}')
    return tuple(dict.fromkeys(each(value, convert)))


def user(value: object) -> str:
    """``user``, ``uid``, ``user:group`` or ``uid:gid``; who that is, only the rootfs knows."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    string = filled(value)
    if not _USER.fullmatch(string):
        raise Wrong(f'{shown(string)} is no user; write "name", "1000", "name:group" or "1000:100"')
    for part in string.split(":"):
        if part.isdigit() and int(part) > _MAX_ID:
            raise Wrong(f"{part} is beyond the largest id, {_MAX_ID}")
    return string


def hostname(value: object) -> str:
    """A host name as RFC 1123 has it, at most 64 bytes, which is what the kernel takes."""
    string = filled(value)
    if len(string) > 64 or not all(_HOST_LABEL.fullmatch(part) for part in string.split(".")):
        raise Wrong(
            f"{shown(string)} is no host name; write letters, digits and hyphens, at most 64"
        )
    return string


def network_mode(value: object) -> str:
    """``host`` or ``none``."""
    string = filled(value)
    kind = string.partition(":")[0]
    if kind in ("bridge", "service", "container", "slirp4netns", "pasta"):
        raise Wrong(f'{shown(string)} is known, not built yet; write "host" or "none"')
    return one_of(string, ("host", "none"))


def absolute(value: object) -> str:
    """An absolute path inside the container, without ``.`` and ``..``."""
    string = filled(value)
    if not string.startswith("/"):
        raise Wrong(f"{shown(string)} is relative; a path in the container begins with /")
    parts = [part for part in string.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Wrong(f'{shown(string)} holds ".."; write the path without it')
    return "/" + "/".join(parts)


def host_path(folder: str) -> Callable[[object], str]:
    """Make a converter to an absolute path on this machine, relative to the service folder."""

    def convert(value: object) -> str:
        string = filled(value)
        if string.startswith("~"):
            raise Wrong(f"{shown(string)}: a service has no home; write the whole path")
        joined = string if string.startswith("/") else f"{folder}/{string}"
        return _normal(joined)

    return convert


def _normal(path: str) -> str:
    """Take ``.`` and empty parts out; ``..`` stays, as a link before it would change its sense."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def relabel(option: str) -> str | None:
    """Why a volume's ``z`` or ``Z`` is refused; None for any other option."""
    if option not in ("z", "Z"):
        return None
    return f'"{option}" relabels files for SELinux, which is not built; take it out'


def unknown_options(given: Mapping[str, object], valid: Collection[str]) -> None:
    """Raise for the first key of a table value that is not among ``valid``."""
    for key in given:
        if key not in valid:
            near = nearest(key, valid)
            hint = f'did you mean "{near}"?' if near else f"write one of: {', '.join(valid)}"
            raise Wrong(f"no such key here; {hint}", key)
