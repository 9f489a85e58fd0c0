"""The environment of a container: defaults, then env files in order, then the run file's own.

An env file is Compose's: ``K=V`` lines, or ``K`` alone for our own value. A directory is
daemontools' envdir: one file per variable.

Source: Compose Specification, "env_file"; envdir(8).
"""

import os
import stat
from collections.abc import Mapping

from supervise.core.definition import ContainerDefinition
from supervise.errors import LaunchError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REMOVE = "\0"
"""No value of a variable: none can hold a NUL."""

_MAX_BYTES = 1024 * 1024


def environment(
    definition: ContainerDefinition,
    *,
    hostname: str,
    home: str,
    terminal: bool,
    ours: Mapping[str, str],
) -> tuple[str, ...]:
    """All of it, as ``K=V``.

    Args:
        definition: what the run file says.
        hostname: the container's.
        home: of the user in the container.
        terminal: whether there is one, whose kind is then ours.
        ours: the supervisor's own environment, of which a variable may be passed on.

    Raises:
        LaunchError: an env file is missing or wrong; names it and the line.
    """
    found: dict[str, str] = {"PATH": PATH, "HOSTNAME": hostname, "HOME": home}
    if terminal:
        found["TERM"] = ours.get("TERM", "xterm")
    for path in definition.env_files:
        _merge(found, read_env(path), ours)
    _merge(found, dict(definition.environment), ours)
    return tuple(f"{key}={value}" for key, value in found.items())


def read_env(path: str) -> dict[str, str | None]:
    """Read an env file, or a directory in envdir form.

    Returns:
        Variables to set; None takes our own value, ``REMOVE`` takes the variable away (an empty
        file in a directory).

    Raises:
        LaunchError: it is missing or wrong.
    """
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return _read_directory(path)
        return _parse(_read(path), path)
    except OSError as error:
        raise LaunchError(
            f"env_file {error.filename or path}: {error.strerror}; make it, or take it out"
        ) from error


def _merge(found: dict[str, str], given: Mapping[str, str | None], ours: Mapping[str, str]) -> None:
    for key, value in given.items():
        if value == REMOVE:
            found.pop(key, None)
        elif value is not None:
            found[key] = value
        elif key in ours:
            found[key] = ours[key]


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LaunchError(f"env_file {path} is neither a file nor a directory")
        data = os.read(fd, _MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > _MAX_BYTES:
        raise LaunchError(f"env_file {path} is larger than {_MAX_BYTES} bytes")
    return data.decode("utf-8", "surrogateescape")


def _read_directory(path: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in sorted(os.listdir(path)):
        if name.startswith(".") or "=" in name:
            continue
        text = _read(f"{path}/{name}")
        # Only the first line counts; a NUL in it stands for a line end.
        first = text.split("\n", 1)[0].rstrip(" \t").replace("\0", "\n")
        found[name] = first if text else REMOVE
    return found


def _parse(text: str, path: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, value = stripped.removeprefix("export ").partition("=")
        key = key.strip()
        if not key or any(character.isspace() for character in key) or "\0" in stripped:
            raise LaunchError(f'env_file {path}:{number}: "{stripped[:60]}" is no NAME=value')
        found[key] = _value(value, path, number) if equals else None
    return found


def _value(text: str, path: str, number: int) -> str:
    """Take quotes away, and a comment that follows; nothing is expanded."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        if end < 0:
            raise LaunchError(f"env_file {path}:{number}: the closing {text[0]} is missing")
        return text[1:end]
    for at, character in enumerate(text):
        if character == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at].rstrip()
    return text
