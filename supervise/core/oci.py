"""A container's definition, and what was looked up for it, to its OCI runtime configuration.

Pure and total: the same two values always give the same ``config.json``, and everything that
makes a container safe by default is on this page. What depends on the machine (ids, limits that
can be applied, the compiled seccomp filter) comes in as ``Facts``.

Source: OCI runtime specification 1.0.2; masked and read-only paths, capabilities and mounts as
Podman and runc set them.
"""

from typing import Any

from attrs import frozen

from supervise.core.definition import ContainerDefinition, Limits, Tmpfs, Volume

_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_NAMESPACES = ("pid", "ipc", "uts", "mount", "cgroup")
_BIND = ("rbind", "rprivate", "nosuid", "nodev")
_CPU_PERIOD_US = 100_000
INIT_TARGET = "/dev/init"
SYSLOG_TARGET = "/dev/csv-log"


@frozen(kw_only=True)
class Bind:
    """A file or directory of this machine that every container of its kind gets, read-only."""

    source: str
    target: str
    is_file: bool = False


@frozen(kw_only=True)
class Facts:
    """What was looked up for one launch.

    Attributes:
        cgroups_path: the container's cgroup, from the root of the hierarchy.
        uid, gid, groups: who the container's process is.
        environment: the whole of it, ``K=V``.
        hostname: the name in its own uts namespace.
        working_dir: where the process starts.
        capabilities: ``CAP_`` names, those granted.
        binds: what the machine adds below the container's own volumes.
        files: those sources of volumes that are no directories.
        init: the path of the init program on this machine, or None.
        seccomp: ``linux.seccomp``, or None when a ready filter stands in ``annotations``.
        annotations: for the runtime itself.
        device_rules: whether this machine can apply device rules.
        swap_limit: whether this machine can limit swap.
        max_files: the soft and hard RLIMIT_NOFILE.
        oom_score_adj: None leaves it as it is.
        terminal: whether the process gets a terminal of its own.
        syslog: the directory of the socket to which a link ``/dev/log`` leads, which is in the
            root file system already; or None.
    """

    cgroups_path: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    environment: tuple[str, ...]
    hostname: str
    working_dir: str = "/"
    capabilities: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    files: frozenset[str] = frozenset()
    init: str | None = None
    seccomp: dict[str, Any] | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    device_rules: bool = True
    swap_limit: bool = True
    max_files: tuple[int, int] = (1024, 524288)
    oom_score_adj: int | None = 0
    terminal: bool = False
    syslog: str | None = None


def configuration(definition: ContainerDefinition, facts: Facts) -> dict[str, Any]:
    """The OCI configuration; its root file system is ``rootfs`` in the bundle.

    Args:
        definition: what the run file says.
        facts: what was looked up.
    """
    return {
        "ociVersion": "1.0.2",
        "process": _process(definition, facts),
        "root": {"path": "rootfs", "readonly": definition.read_only},
        "hostname": facts.hostname,
        "mounts": _mounts(definition, facts),
        "annotations": {**dict(definition.labels), **dict(facts.annotations)},
        "linux": _linux(definition, facts),
    }


def _process(definition: ContainerDefinition, facts: Facts) -> dict[str, Any]:
    argv = [*(definition.entrypoint or ()), *definition.command]
    soft, hard = facts.max_files
    # A process that is not root has capabilities only as far as its program's file grants them,
    # which no_new_privileges forbids; those added by name it must still get, hence "ambient".
    granted = list(facts.capabilities) if facts.uid == 0 else _named(definition, facts)
    process: dict[str, Any] = {
        "terminal": facts.terminal,
        "user": {
            "uid": facts.uid,
            "gid": facts.gid,
            "umask": 0o022,
            "additionalGids": list(facts.groups),
        },
        "args": [INIT_TARGET, "--", *argv] if facts.init else argv,
        "env": list(facts.environment),
        "cwd": facts.working_dir,
        "capabilities": {
            "bounding": list(facts.capabilities),
            "effective": granted,
            "permitted": granted,
            "inheritable": [] if facts.uid == 0 else granted,
            "ambient": [] if facts.uid == 0 else granted,
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}],
        "noNewPrivileges": True,
    }
    if facts.oom_score_adj is not None:
        process["oomScoreAdj"] = facts.oom_score_adj
    return process


def _named(definition: ContainerDefinition, facts: Facts) -> list[str]:
    return [name for name in facts.capabilities if name in definition.cap_add]


def _linux(definition: ContainerDefinition, facts: Facts) -> dict[str, Any]:
    namespaces = list(_NAMESPACES)
    if definition.network_mode == "none":
        namespaces.append("network")
    linux: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in namespaces],
        "cgroupsPath": facts.cgroups_path,
        "resources": _resources(
            definition.limits, device_rules=facts.device_rules, swap_limit=facts.swap_limit
        ),
        "maskedPaths": list(_MASKED),
        "readonlyPaths": list(_READ_ONLY),
        "rootfsPropagation": "private",
    }
    if facts.seccomp is not None:
        linux["seccomp"] = facts.seccomp
    return linux


def _resources(limits: Limits, *, device_rules: bool, swap_limit: bool) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if device_rules:
        # The runtime itself lets the default devices through.
        resources["devices"] = [{"allow": False, "access": "rwm"}]
    if limits.memory_bytes is not None:
        memory = resources["memory"] = {"limit": limits.memory_bytes}
        if swap_limit:
            # Without it, what does not fit goes to swap, and the machine crawls.
            memory["swap"] = limits.memory_bytes
    if limits.cpus is not None:
        quota_us = int(limits.cpus * _CPU_PERIOD_US)
        resources["cpu"] = {"quota": quota_us, "period": _CPU_PERIOD_US}
    if limits.pids is not None:
        resources["pids"] = {"limit": limits.pids}
    return resources


def _mounts(definition: ContainerDefinition, facts: Facts) -> list[dict[str, Any]]:
    """The kernel's, the machine's, the container's own: a later one covers an earlier.

    The container's own are sorted, so that a mount point inside another's target comes after it.
    """
    own: list[Volume | Tmpfs] = [*definition.volumes, *definition.tmpfs]
    taken = {mount.target for mount in own}
    mounts = _kernel_mounts()
    if facts.syslog is not None:
        # The runtime mounts an empty /dev; with this it takes along what the root has there.
        next(m for m in mounts if m["destination"] == "/dev")["options"].append("tmpcopyup")
        mounts.append(_bind(Bind(source=facts.syslog, target=SYSLOG_TARGET)))
    mounts += [_bind(bind) for bind in facts.binds if bind.target not in taken]
    mounts += [
        _own(mount, facts.files) for mount in sorted(own, key=lambda mount: mount.target.split("/"))
    ]
    if facts.init:
        mounts.append(_bind(Bind(source=facts.init, target=INIT_TARGET, is_file=True)))
    return mounts


def _kernel_mounts() -> list[dict[str, Any]]:
    def entry(target: str, kind: str, *options: str, source: str | None = None) -> dict[str, Any]:
        return {
            "destination": target,
            "type": kind,
            "source": source or kind,
            "options": list(options),
        }

    safe = ("nosuid", "noexec", "nodev")
    return [
        entry("/proc", "proc", *safe),
        entry("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        entry(
            "/dev/pts",
            "devpts",
            *("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        entry("/dev/shm", "tmpfs", *safe, "mode=1777", "size=65536k", source="shm"),
        entry("/dev/mqueue", "mqueue", *safe),
        entry("/sys", "sysfs", *safe, "ro"),
        entry("/sys/fs/cgroup", "cgroup", *safe, "relatime", "ro"),
    ]


def _bind(bind: Bind) -> dict[str, Any]:
    return {
        "destination": bind.target,
        "type": "bind",
        "source": bind.source,
        "options": [*_BIND, _read_only(bind.is_file)],
    }


def _read_only(is_file: bool) -> str:
    # "ro" alone would leave what is mounted below a directory writable; crun takes "rro" for
    # directories only.
    return "ro" if is_file else "rro"


def _own(mount: Volume | Tmpfs, files: frozenset[str]) -> dict[str, Any]:
    if isinstance(mount, Volume):
        access = _read_only(mount.source in files) if mount.read_only else "rw"
        return {
            "destination": mount.target,
            "type": "bind",
            "source": mount.source,
            "options": [*_BIND, access],
        }
    defaults = [
        option
        for option in ("nosuid", "nodev", "noexec")
        if option.removeprefix("no") not in mount.options and option not in mount.options
    ]
    return {
        "destination": mount.target,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": [*defaults, *mount.options],
    }
