"""The OCI bundle of a launch: ``config.json`` and the few files that are this launch's own.

Everything that has to be looked up for a container is looked up here, after its root file system
is mounted (users are resolved in it) and before the runtime starts.
"""

import json
import os
import resource
from collections.abc import Mapping

from attrs import evolve

from supervise.container import skeleton
from supervise.container.environment import environment
from supervise.container.host import Host
from supervise.container.names import Launch
from supervise.container.seccomp import BPF_ANNOTATION, Filters, profile_path
from supervise.container.users import resolve_user
from supervise.core import capabilities
from supervise.core.definition import ContainerDefinition
from supervise.core.oci import Bind, Facts, configuration
from supervise.errors import HostError, LaunchError

_MAX_FILES = (1024, 524288)
_MAX_HOST_FILE_BYTES = 1024 * 1024


def write_bundle(
    launch: Launch,
    *,
    bundle: str,
    cgroups_path: str,
    host: Host,
    filters: Filters,
    ours: Mapping[str, str],
    terminal: bool,
) -> None:
    """Write ``config.json`` and what it names into the bundle, whose ``rootfs`` is mounted.

    Args:
        launch: which one.
        bundle: its directory.
        cgroups_path: where its cgroup will be.
        host: the machine.
        filters: where seccomp filters come from.
        ours: our own environment, of which variables may be passed on.
        terminal: whether the container's process gets a terminal of its own.

    Raises:
        LaunchError: a user or an env file is missing.
        HostError: a capability, the init program or the seccomp profile is missing.
    """
    definition = launch.definition
    who = resolve_user(f"{bundle}/rootfs", definition.user)
    hostname = definition.hostname or _hostname(launch.service or launch.name)
    facts = Facts(
        cgroups_path=cgroups_path,
        uid=who.uid,
        gid=who.gid,
        groups=who.groups,
        environment=environment(
            definition, hostname=hostname, home=who.home, terminal=terminal, ours=ours
        ),
        hostname=hostname,
        working_dir=definition.working_dir or "/",
        binds=_binds(definition, bundle, hostname),
        files=_files(definition),
        terminal=terminal,
        syslog=launch.syslog,
    )
    facts = _with_safety(facts, definition, host, filters)
    text = json.dumps(configuration(definition, facts), separators=(",", ":"))
    _write(f"{bundle}/config.json", text.encode())


def _with_safety(
    facts: Facts, definition: ContainerDefinition, host: Host, filters: Filters
) -> Facts:
    """Add what the machine decides: what is granted, filtered and limited."""
    granted = _capabilities(definition, host)
    rules, annotations = _seccomp(host, filters, granted)
    return evolve(
        facts,
        capabilities=granted,
        init=_init(host) if definition.init else None,
        seccomp=rules,
        annotations=annotations,
        device_rules=host.device_rules,
        swap_limit=host.swap_limit,
        max_files=_max_files(host),
        oom_score_adj=_oom_score_adj(host),
    )


def _files(definition: ContainerDefinition) -> frozenset[str]:
    return frozenset(
        volume.source for volume in definition.volumes if not os.path.isdir(volume.source)
    )


def read_cgroups_path(bundle: str) -> str | None:
    """The cgroup of the launch whose bundle this is; None when it never got that far."""
    try:
        with open(f"{bundle}/config.json", "rb") as file:
            path = json.load(file)["linux"]["cgroupsPath"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(path)


def check_machine(definition: ContainerDefinition, host: Host) -> None:
    """Return if this machine can do what the definition asks for.

    Raises:
        HostError: a limit, a capability, the init program or the seccomp profile is missing.
    """
    host.check_limits(definition.limits)
    _capabilities(definition, host)
    profile_path(host.seccomp_profile)
    if definition.init:
        _init(host)


def check_sources(definition: ContainerDefinition) -> None:
    """Return if every file of this machine that the definition names is there.

    Raises:
        LaunchError: one is not; names the key and the path.
    """
    if definition.rootfs != "host" and not os.path.isdir(definition.rootfs):
        raise LaunchError(f"rootfs: {definition.rootfs} is no directory; make it, or mend the path")
    for volume in definition.volumes:
        if not os.path.exists(volume.source):
            raise LaunchError(
                f"volumes: {volume.source} does not exist; make it (it would be {volume.target} "
                "in the container), or mend the path"
            )
    for path in definition.env_files:
        if not os.path.exists(path):
            raise LaunchError(f"env_file: {path} does not exist; make it, or take it out")


def _capabilities(definition: ContainerDefinition, host: Host) -> tuple[str, ...]:
    lacking = capabilities.missing(definition.cap_add, host.bounding)
    if lacking:
        raise HostError(
            f"cap_add: this machine does not have {', '.join(lacking)} to give; take it out"
        )
    return capabilities.granted(definition.cap_add, definition.cap_drop, host.bounding)


def _seccomp(
    host: Host, filters: Filters, granted: tuple[str, ...]
) -> tuple[dict[str, object] | None, tuple[tuple[str, str], ...]]:
    if host.runtime == "crun":
        return None, ((BPF_ANNOTATION, filters.compiled(granted)),)
    return filters.rules(granted), ()


def _init(host: Host) -> str:
    if host.init is None:
        raise HostError("init = true: no static init program is installed; apt install catatonit")
    return host.init


def _hostname(name: str) -> str:
    safe = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in name)
    return safe.strip("-")[:63].rstrip("-") or "container"


def _binds(definition: ContainerDefinition, bundle: str, hostname: str) -> tuple[Bind, ...]:
    """What every container of this kind is given, unless it mounts something of its own there."""
    binds = list(skeleton.binds()) if definition.rootfs == "host" else []
    os.mkdir(f"{bundle}/etc", 0o755)
    for name, content in _host_files(definition, hostname).items():
        _write(f"{bundle}/etc/{name}", content)
        binds.append(Bind(source=f"{bundle}/etc/{name}", target=f"/etc/{name}", is_file=True))
    own = [volume.target for volume in definition.volumes]
    own += [tmpfs.target for tmpfs in definition.tmpfs]
    return tuple(
        bind for bind in binds if not any((bind.target + "/").startswith(f"{t}/") for t in own)
    )


def _host_files(definition: ContainerDefinition, hostname: str) -> dict[str, bytes]:
    """Copies, as a bind of the machine's own file goes stale when that is renamed over."""
    own_name = f"127.0.1.1\t{hostname}\n".encode()
    if definition.network_mode == "none":
        hosts = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        return {"hostname": f"{hostname}\n".encode(), "hosts": hosts + own_name}
    hosts = _read("/etc/hosts")
    return {
        "hostname": f"{hostname}\n".encode(),
        "hosts": hosts + (b"" if hosts.endswith(b"\n") else b"\n") + own_name,
        "resolv.conf": _read("/etc/resolv.conf"),
    }


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_HOST_FILE_BYTES)
    except OSError:
        return b""


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        # Whatever umask we were started with: a container's user has to read its hosts file.
        os.fchmod(fd, 0o644)
        os.write(fd, content)
    finally:
        os.close(fd)


def _max_files(host: Host) -> tuple[int, int]:
    """A sane limit, not ours; without CAP_SYS_RESOURCE the hard one can only be lowered."""
    soft, hard = _MAX_FILES
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if ours != resource.RLIM_INFINITY and not host.has("CAP_SYS_RESOURCE"):
        hard = min(hard, ours)
    return min(soft, hard), hard


def _oom_score_adj(host: Host) -> int | None:
    """Not ours, which may protect a supervisor; but lowering one takes CAP_SYS_RESOURCE."""
    with open("/proc/self/oom_score_adj", encoding="ascii") as file:
        ours = int(file.read())
    return 0 if ours <= 0 or host.has("CAP_SYS_RESOURCE") else None
