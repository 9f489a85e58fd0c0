"""Capabilities: their names, and the few that a container gets when its file says nothing.

Source: capabilities(7); the defaults are Podman's (containers-common, ``containers.conf``).
"""

from collections.abc import Iterable

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
    SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
    WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
    """.split()
)
"""In the kernel's order: the place in the tuple is the number of the capability."""

DEFAULT = tuple(
    f"CAP_{name}"
    for name in """
    CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    """.split()
)


def granted(add: Iterable[str], drop: Iterable[str], bounding: int) -> tuple[str, ...]:
    """What a container gets: the defaults, less ``drop``, plus ``add``; sorted as the kernel does.

    Args:
        add, drop: names as ``core.fields.capabilities`` gives them; ``ALL`` in either.
        bounding: what this machine has to give, one bit each. ``ALL`` means all of these;
            one of the defaults that is missing here is left out.
    """
    add, drop = set(add), set(drop)
    had = {name for number, name in enumerate(CAPABILITIES) if bounding >> number & 1}
    base = had if "ALL" in add else had & set(DEFAULT)
    left = (set() if "ALL" in drop else base - drop) | (add - {"ALL"})
    return tuple(name for name in CAPABILITIES if name in left)


def missing(add: Iterable[str], bounding: int) -> tuple[str, ...]:
    """Which of the capabilities asked for by name this machine does not have."""
    return tuple(
        name
        for name in add
        if name in CAPABILITIES and not bounding >> CAPABILITIES.index(name) & 1
    )
