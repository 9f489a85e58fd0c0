"""Where a log is sent on to: ``[log] forward`` as values, and these as JSON for the forwarder.

A target is written as one text (``"journald"``, ``"tcp://logs.example.org:601"``), or as a table
when there is more to say: ``{ to = "tls://logs.example.org", ca = "ca.pem" }``.

Source: the ports are those of RFC 5426 (514), RFC 6587 (601) and RFC 5425 (6514).
"""

import re
from collections.abc import Callable
from typing import Any

from attrs import asdict

from supervise.core import fields
from supervise.core.definition import ForwardTarget, Transport
from supervise.core.units import Wrong, shown

SOCKETS = {Transport.SYSLOG: "/dev/log", Transport.JOURNALD: "/run/systemd/journal/socket"}
PORTS = {Transport.UDP: 514, Transport.TCP: 601, Transport.TLS: 6514}

_EXPECTED = (
    'write "syslog" (this machine\'s /dev/log), "journald", "udp://HOST:PORT", "tcp://HOST:PORT" '
    'or "tls://HOST:PORT"'
)
_LOCAL = re.compile(r"(syslog|journald)(?::(/.*))?")
_REMOTE = re.compile(r"(udp|tcp|tls)://(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:/@]+))(?::(\d{1,5}))?/?")
_FILES = ("ca", "certificate", "key")
_OPTIONS = (*_FILES, "name")


def targets(folder: str) -> Callable[[object], tuple[ForwardTarget, ...]]:
    """Make a converter of ``forward``, a list of targets; one target is a list of one.

    Args:
        folder: where relative paths start; absolute.
    """

    def convert(value: object) -> tuple[ForwardTarget, ...]:
        values = value if isinstance(value, list) else [value]
        found: dict[str, ForwardTarget] = {}
        for index, each in enumerate(values):
            try:
                target = _target(each, folder)
            except Wrong as error:
                within = (index, *error.within) if isinstance(value, list) else error.within
                raise Wrong(error.reason, *within) from None
            if str(target) in found:
                raise Wrong(f"{target} stands here twice; take one out", index)
            found[str(target)] = target
        return tuple(found.values())

    return convert


def _target(value: object, folder: str) -> ForwardTarget:
    if not isinstance(value, dict):
        return _address(value)
    fields.unknown_options(value, ("to", *_OPTIONS))
    if "to" not in value:
        raise Wrong('says not where to: add to = "tls://HOST"')
    try:
        target = _address(value["to"])
    except Wrong as error:
        raise Wrong(error.reason, "to") from None
    given = {key: item for key, item in value.items() if key != "to"}
    if given and target.transport is not Transport.TLS:
        first = next(iter(given))
        raise Wrong(f"means something for tls:// only, and this is {target}; take it out", first)
    return _with_options(target, given, folder)


def _address(value: object) -> ForwardTarget:
    string = fields.filled(value)
    if match := _LOCAL.fullmatch(string):
        transport = Transport(match[1])
        return ForwardTarget(transport=transport, path=match[2] or SOCKETS[transport])
    match = _REMOTE.fullmatch(string)
    if match is None:
        raise Wrong(f"{shown(string)} is no target; {_EXPECTED}")
    transport = Transport(match[1])
    port = int(match[4]) if match[4] else PORTS[transport]
    if not 1 <= port <= 65535:
        raise Wrong(f"{port} is no port; they are 1 to 65535")
    host = match[2] or match[3]
    name = host if transport is Transport.TLS else ""
    return ForwardTarget(transport=transport, host=host, port=port, name=name)


def _with_options(target: ForwardTarget, given: dict[str, object], folder: str) -> ForwardTarget:
    values: dict[str, Any] = {}
    for key, item in given.items():
        try:
            convert = fields.host_path(folder) if key in _FILES else fields.filled
            values[key] = convert(item)
        except Wrong as error:
            raise Wrong(error.reason, key) from None
    if "key" in values and "certificate" not in values:
        raise Wrong("is of no use without a certificate; add certificate = FILE", "key")
    return ForwardTarget(**{**asdict(target), **values})


def dump(target: ForwardTarget) -> dict[str, object]:
    """The target as JSON can have it; ``load`` gives it back."""
    return {**asdict(target), "transport": target.transport.value}


def load(value: dict[str, Any]) -> ForwardTarget:
    """The target that ``dump`` made this of.

    Raises:
        ValueError: it is something else.
    """
    try:
        return ForwardTarget(**{**value, "transport": Transport(value["transport"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"no target to forward to: {value!r:.80}") from error
