"""What this machine can do for containers, found without starting anything.

A few files of /proc and /sys tell it: which runtime works with the cgroup mode this machine is
in, which limits can be applied, what may be granted. ``csv check`` prints it; the launcher refuses
by it, with a reason, what the runtime would refuse with a riddle or the kernel drop in silence.
"""

import os
import shutil

from attrs import frozen

from supervise.core.capabilities import CAPABILITIES
from supervise.core.definition import Limits
from supervise.errors import HostError
from supervise.kernel import cgroup
from supervise.kernel.mount import MountPoint, mount_points

_CGROUP = "/sys/fs/cgroup"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROFILES = ("/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json")
_INITS = ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "/usr/bin/tini-static")
LIMITS = {"mem_limit": "memory", "cpus": "cpu", "pids_limit": "pids"}
_LEAF = "/supervisor"


@frozen(kw_only=True)
class Host:
    """What was found.

    Attributes:
        runtime: ``crun`` or ``runc``.
        runtime_path: where it lies.
        reason: why this one, for a person to read.
        cgroup_mode: ``v1``, ``v2`` or ``hybrid``.
        hierarchies: controller to directory; ``""`` is version 2.
        own_cgroup: the cgroup below which ours are made, from the root of the hierarchy; not the
            leaf that a supervisor puts itself into.
        controllers: those that can limit a container here.
        device_rules: whether device rules can be applied, and why not.
        bounding: the capabilities this machine has to give, one bit each.
        seccomp_profile: the packaged profile, or None.
        init: a static init program, or None.
        machine: ``uname -m``.
    """

    runtime: str
    runtime_path: str
    reason: str
    cgroup_mode: str
    hierarchies: tuple[tuple[str, str], ...]
    own_cgroup: str
    controllers: frozenset[str]
    device_rules: bool
    swap_limit: bool
    bounding: int
    seccomp_profile: str | None
    init: str | None
    machine: str

    def has(self, capability: str) -> bool:
        """Whether we hold this capability ourselves."""
        return bool(self.bounding >> CAPABILITIES.index(capability) & 1)

    def directories(self, cgroups_path: str) -> list[str]:
        """Where a container's cgroup lies in each hierarchy."""
        return [root + cgroups_path for root in dict.fromkeys(dict(self.hierarchies).values())]

    def why_no_device_rules(self) -> str:
        """The reason why device rules are left out; only if they are."""
        if self.cgroup_mode == "v2":
            return "version 2 cgroups take them as a BPF program, which needs CAP_SYS_RESOURCE"
        return "the devices controller is not mounted"

    def check_limits(self, limits: Limits) -> None:
        """Return if every limit asked for can be applied.

        Raises:
            HostError: names the key, the controller, and the cure.
        """
        asked = zip(LIMITS, (limits.memory_bytes, limits.cpus, limits.pids), strict=True)
        for key, value in asked:
            if value is not None and LIMITS[key] not in self.controllers:
                raise HostError(self.why_no_limit(key))

    def why_no_limit(self, key: str) -> str | None:
        """Why the limit ``key`` (``mem_limit``, ``cpus``, ``pids_limit``) cannot be applied."""
        controller = LIMITS[key]
        if controller in self.controllers:
            return None
        why = f"{key} cannot be applied: the {controller} controller is not available in "
        if self.cgroup_mode == "v2":
            if self.own_cgroup:
                cure = "set Delegate=yes in the unit of the supervisor"
            elif controller == "memory":
                cure = "boot with cgroup_enable=memory"
            else:
                cure = "boot with systemd.unified_cgroup_hierarchy=1, so that version 1 lets it go"
            return f"{why}{_CGROUP}{self.own_cgroup} (version 2); {cure}, or take {key} out"
        return f"{why}{_CGROUP} (version 1); mount it there, or take {key} out"


def probe() -> Host:
    """Look at this machine; starts nothing and changes nothing.

    Raises:
        HostError: neither crun nor runc can be used; the text says what to install.
    """
    mode, hierarchies = _hierarchies(mount_points())
    runtime, path, reason = _choose_runtime(mode)
    effective = _effective_capabilities()
    own = cgroup.memberships().get("", "/") if mode == "v2" else "/"
    own = own.rstrip("/").removesuffix(_LEAF)
    controllers = frozenset(hierarchies)
    if mode == "v2":
        controllers = frozenset(cgroup.read(f"{_CGROUP}{own}/cgroup.controllers").split())
    resource = bool(effective >> CAPABILITIES.index("CAP_SYS_RESOURCE") & 1)
    return Host(
        runtime=runtime,
        runtime_path=path,
        reason=reason,
        cgroup_mode=mode,
        hierarchies=tuple(hierarchies.items()),
        own_cgroup=own,
        controllers=controllers,
        device_rules=resource if mode == "v2" else "devices" in controllers,
        swap_limit=_can_limit_swap(mode, hierarchies),
        bounding=effective,
        seccomp_profile=next(filter(os.path.exists, _PROFILES), None),
        init=next(filter(os.path.exists, _INITS), None),
        machine=os.uname().machine,
    )


def _hierarchies(points: list[MountPoint]) -> tuple[str, dict[str, str]]:
    """The cgroup mode, as the runtimes tell it, and where each controller is mounted."""
    kinds = {point.path: point for point in points if point.path.startswith(_CGROUP)}
    top = kinds.get(_CGROUP)
    if top is not None and top.kind == "cgroup2":
        return "v2", {"": _CGROUP}
    found = {
        controller: point.path
        for point in kinds.values()
        if point.kind == "cgroup"
        for controller in _v1_controllers(point)
    }
    if not found:
        raise HostError(f"no cgroups are mounted on {_CGROUP}; mount -t cgroup2 cgroup2 {_CGROUP}")
    unified = kinds.get(f"{_CGROUP}/unified")
    if unified is None or unified.kind != "cgroup2":
        return "v1", found
    # No controller is there, but the runtimes put a container into it all the same.
    found["unified"] = unified.path
    return "hybrid", found


def _v1_controllers(point: MountPoint) -> list[str]:
    options = point.options.split(",")
    return [name for name in options if name not in ("rw", "ro", "xattr", "clone_children")]


def _choose_runtime(mode: str) -> tuple[str, str, str]:
    crun, runc = _which("crun"), _which("runc")
    if crun and mode != "hybrid":
        return "crun", crun, "crun is installed and works here; it is the faster one"
    why_not = (
        "crun refuses hybrid cgroups (version 1 and 2 mixed)" if crun else "crun is not installed"
    )
    if runc:
        return "runc", runc, why_not
    raise HostError(f"no container runtime can be used: {why_not}; apt install runc or crun")


def _which(program: str) -> str | None:
    # Under a supervisor PATH may be anything, and csv's own idea must not depend on it.
    return shutil.which(program) or shutil.which(program, path=_PATH)


def _effective_capabilities() -> int:
    for line in cgroup.read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _can_limit_swap(mode: str, hierarchies: dict[str, str]) -> bool:
    if mode == "v2":
        # Only a cgroup that is not the root has the file; the kernel makes it when it can.
        return os.path.exists("/proc/swaps")
    return os.path.exists(f"{hierarchies.get('memory', '')}/memory.memsw.limit_in_bytes")
