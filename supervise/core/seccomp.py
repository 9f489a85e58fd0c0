"""The packaged seccomp profile, interpreted: which of its rules hold for one container.

A profile is written for every container at once: a rule may hold only with a capability, or only
on some architectures. What is left is the OCI ``linux.seccomp`` object.

Source: containers-common's seccomp(5) profile format (``includes``, ``excludes``, ``archMap``);
OCI runtime specification, config-linux, "Seccomp".
"""

from collections.abc import Collection
from typing import Any

# uname's name of the machine to the profile's two spellings of it.
_ARCHITECTURES = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "armv7l": ("arm", "SCMP_ARCH_ARM"),
    "i686": ("x86", "SCMP_ARCH_X86"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
}


def resolve(profile: dict[str, Any], capabilities: Collection[str], machine: str) -> dict[str, Any]:
    """The rules of ``profile`` that hold for these capabilities on this machine.

    Args:
        profile: the parsed JSON of a containers-common profile.
        capabilities: what the container is granted, ``CAP_`` names.
        machine: ``uname -m``.

    Returns:
        ``linux.seccomp`` of an OCI configuration.
    """
    short, architecture = _ARCHITECTURES.get(machine, (machine, ""))
    resolved: dict[str, Any] = {
        "defaultAction": profile["defaultAction"],
        "architectures": _architectures(profile, architecture),
        "syscalls": [
            _rule(rule)
            for rule in profile["syscalls"]
            if _holds(rule, frozenset(capabilities), short)
        ],
    }
    if profile.get("defaultErrnoRet") is not None:
        resolved["defaultErrnoRet"] = profile["defaultErrnoRet"]
    return resolved


def _architectures(profile: dict[str, Any], architecture: str) -> list[str]:
    for entry in profile.get("archMap") or ():
        if entry["architecture"] == architecture:
            return [architecture, *(entry.get("subArchitectures") or ())]
    return [architecture] if architecture else []


def _holds(rule: dict[str, Any], capabilities: frozenset[str], architecture: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    return capabilities.isdisjoint(excludes.get("caps") or ())


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"names": rule["names"], "action": rule["action"]}
    if rule.get("errnoRet") is not None:
        kept["errnoRet"] = rule["errnoRet"]
    if rule.get("args"):
        kept["args"] = rule["args"]
    return kept
