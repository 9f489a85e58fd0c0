"""The cgroups of launches: made ready for limits, looked into, killed, removed.

Version 2 has two rules that a supervisor must keep. A controller works in a cgroup only if every
one above it hands it down; and what hands down must itself hold no process, unless it is the
root. So a supervisor that was started in a cgroup of its own moves into a leaf of it, but only
when the first limit is asked for.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint".
"""

import errno
import os
import time

from supervise.container.host import Host
from supervise.core.definition import Limits
from supervise.errors import HostError, SystemCallFailed
from supervise.kernel import cgroup, proc
from supervise.kernel.files import make_directory

_ROOT = "/sys/fs/cgroup"
_LEAF = "supervisor"
_TRIES = 10
_DEATH_S = 5.0


def make_ready(host: Host, parent: str, limits: Limits) -> None:
    """Make sure that these limits work for cgroups below ``parent``; idempotent.

    Args:
        host: the machine.
        parent: the cgroup that holds those of all launches, from the root of the hierarchy.
        limits: those asked for; without any, nothing is changed.

    Raises:
        HostError: one of them cannot be applied here; names the key and the cure.
    """
    host.check_limits(limits)
    asked = zip(
        ("memory", "cpu", "pids"), (limits.memory_bytes, limits.cpus, limits.pids), strict=True
    )
    wanted = [controller for controller, value in asked if value is not None]
    if host.cgroup_mode == "v2" and wanted:
        hand_down(host.own_cgroup, parent, wanted)


def hand_down(own_cgroup: str, parent: str, controllers: list[str]) -> None:
    """Make version 2 controllers work in cgroups below ``parent``; idempotent.

    Args:
        own_cgroup: the one that is ours to divide; empty for the root. If it holds processes,
            which are we and our children, they are moved into a leaf of it.
        parent: below ``own_cgroup``; made if needed.
        controllers: available in ``own_cgroup``.

    Raises:
        HostError: the kernel refused.
    """
    own = _ROOT + own_cgroup
    try:
        make_directory(_ROOT + parent)
        if own_cgroup and not _hands_down(own, controllers):
            _move_into_leaf(own)
        for directory in (own, _ROOT + parent):
            if not _hands_down(directory, controllers):
                text = " ".join(f"+{controller}" for controller in controllers)
                cgroup.write(f"{directory}/cgroup.subtree_control", text)
    except SystemCallFailed as error:
        raise HostError(
            f"limits cannot be applied: {', '.join(controllers)} cannot be handed down in {own} "
            f"({error}); set Delegate=yes in the unit of the supervisor, or take the limits out"
        ) from error


def _hands_down(directory: str, controllers: list[str]) -> bool:
    given = cgroup.read(f"{directory}/cgroup.subtree_control").split()
    return set(controllers) <= set(given)


def _move_into_leaf(own: str) -> None:
    """Move every process of our own cgroup, which are we and our children, into a leaf."""
    leaf = f"{own}/{_LEAF}"
    make_directory(leaf)
    for _ in range(_TRIES):  # a process may fork while it is being moved
        pids = cgroup.processes(own)
        if not pids:
            return
        for pid in pids:
            try:
                cgroup.write(f"{leaf}/cgroup.procs", str(pid))
            except SystemCallFailed as error:
                if error.errno != errno.ESRCH:
                    raise
    raise SystemCallFailed("write", f"{leaf}/cgroup.procs", errno.EBUSY)


def holds(cgroups_path: str, pid: int) -> bool:
    """Whether the live process ``pid`` is in this cgroup; a zombie is not alive."""
    return proc.start_time(pid) is not None and cgroups_path in cgroup.memberships(pid).values()


def kill(host: Host, cgroups_path: str) -> None:
    """Send SIGKILL to every process in this cgroup; idempotent, does not wait for the deaths."""
    for directory in host.directories(cgroups_path):
        cgroup.kill(directory)


def oom_killed(host: Host, cgroups_path: str) -> bool:
    """Whether the kernel killed a process in this cgroup for want of memory."""
    hierarchies = dict(host.hierarchies)
    root = hierarchies.get("") or hierarchies.get("memory")
    return root is not None and cgroup.oom_kills(root + cgroups_path) > 0


def remove(host: Host, cgroups_path: str) -> bool:
    """Remove this cgroup in every hierarchy, if what was killed in it dies within seconds.

    Returns:
        False when a process in it lives on.
    """
    for directory in host.directories(cgroups_path):
        deadline = time.monotonic() + _DEATH_S
        while not cgroup.remove(directory):
            if not cgroup.wait_for_a_death(directory, deadline - time.monotonic()):
                return False
    return True


def children(host: Host, parent: str) -> set[str]:
    """The names of the cgroups below ``parent``."""
    found: set[str] = set()
    for directory in host.directories(parent):
        if os.path.isdir(directory):
            with os.scandir(directory) as entries:
                found |= {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    return found
