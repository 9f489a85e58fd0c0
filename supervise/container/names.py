"""The names of one launch: the container's id, its cgroup, its layer; each unambiguous.

Two run directories never meet: the default one uses plain names, any other adds a hash of its
path. A service called ``web.5`` and the fifth launch of ``web`` never meet either: launches end
in a number, kept layers in ``.keep``.
"""

import hashlib
import re

from attrs import frozen

from supervise.core.definition import ContainerDefinition
from supervise.paths import DEFAULTS, Paths, ServicePaths

# What both runtimes take in an id; "+" is the escape.
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_MAX_ID_BYTES = 200
_LAUNCH_LAYER = re.compile(r"(?P<name>.+)\.(?P<number>\d+)(?:\+(?P<place>[0-9a-f]{8}))?", re.DOTALL)


@frozen(kw_only=True)
class Launch:
    """One life of a service that is a container.

    Attributes:
        name: the service's name.
        number: the launch's number; never used twice for one service of one run directory.
        folder: the service folder, absolute.
        definition: what its run file says.
        service: for a launch by hand, the service whose kept layer it uses.
        syslog: the directory in which the socket ``log`` is, or will be; None: no ``/dev/log``.
    """

    name: str
    number: int
    folder: str
    definition: ContainerDefinition
    service: str | None = None
    syslog: str | None = None

    @property
    def id(self) -> str:
        """The container's id."""
        return container_id(self.name, self.number)


def container_id(name: str, number: int) -> str:
    """The id of a launch: the same for the same launch, different for any other.

    Bytes that a runtime refuses in an id are written ``+XX``; a name that would get too long
    for a file name ends in a hash instead.
    """
    safe = "".join(
        chr(byte) if chr(byte) in _SAFE else f"+{byte:02X}"
        for byte in name.encode("utf-8", "surrogateescape")
    )
    if safe.startswith((".", "-")):
        # The kernel refuses a keyring of such a name as the first, and the runtime makes one of
        # the id; the second it takes for an option.
        safe = f"+{ord(safe[0]):02X}{safe[1:]}"
    if len(safe) > _MAX_ID_BYTES:
        safe = f"{safe[:_MAX_ID_BYTES]}+{_digest(name)}"
    return f"{safe}.{number}"


def place(paths: Paths) -> str:
    """What tells this run directory from others: empty for the default one."""
    return "" if paths.run_dir == DEFAULTS["CSV_RUN_DIR"] else _digest(paths.run_dir)


def cgroup_parent(paths: Paths, own_cgroup: str) -> str:
    """The cgroup that holds those of all launches of this run directory."""
    return f"{own_cgroup}/csv" + (f"-{place(paths)}" if place(paths) else "")


def layer(paths: Paths, name: str, number: int) -> str:
    """Where a launch's own writable layer lies."""
    suffix = f"+{place(paths)}" if place(paths) else ""
    return f"{paths.layers}/{name}.{number}{suffix}"


def kept_layer(paths: Paths, name: str) -> str:
    """Where the writable layer lies that all launches of a service share."""
    return f"{paths.layers}/{name}.keep"


def launch_of_layer(paths: Paths, entry: str) -> tuple[str, int] | None:
    """Whose layer an entry of the layers directory is; None for another's or a kept one."""
    match = _LAUNCH_LAYER.fullmatch(entry)
    if match is None or (match["place"] or "") != place(paths):
        return None
    return match["name"], int(match["number"])


def bundle(paths: Paths, name: str, number: int) -> str:
    """The OCI bundle of a launch."""
    return ServicePaths(name, "", f"{paths.run_dir}/{name}", "").bundle(number)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
