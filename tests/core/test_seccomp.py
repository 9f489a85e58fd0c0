"""Which rules of a profile hold: includes, excludes, architectures."""

from typing import Any

from supervise.core.seccomp import resolve


def rule(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": None, **fields}


PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
    ],
    "syscalls": [
        rule("always", comment="left out"),
        rule("with", includes={"caps": ["CAP_A", "CAP_B"]}),
        rule("without", excludes={"caps": ["CAP_A"]}, errnoRet=1),
        rule("intel", includes={"arches": ["amd64", "x32"]}),
        rule("no-arm", excludes={"arches": ["arm64"]}),
        rule("argument", args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]),
    ],
}


def names(capabilities: set[str], machine: str = "x86_64") -> list[str]:
    return [each["names"][0] for each in resolve(PROFILE, capabilities, machine)["syscalls"]]


def test_capabilities_decide() -> None:
    assert names(set()) == ["always", "without", "intel", "no-arm", "argument"]
    assert names({"CAP_A"}) == ["always", "intel", "no-arm", "argument"]
    assert names({"CAP_A", "CAP_B"}) == ["always", "with", "intel", "no-arm", "argument"]


def test_architecture_decides() -> None:
    assert names(set(), "aarch64") == ["always", "without", "argument"]
    assert resolve(PROFILE, (), "x86_64")["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert resolve(PROFILE, (), "aarch64")["architectures"] == ["SCMP_ARCH_AARCH64"]
    assert resolve(PROFILE, (), "vax")["architectures"] == []


def test_a_profile_may_leave_the_errno_to_the_runtime() -> None:
    profile = {**PROFILE, "defaultErrnoRet": None}
    assert "defaultErrnoRet" not in resolve(profile, (), "x86_64")


def test_a_rule_keeps_what_the_runtime_reads() -> None:
    first, without, *_rest, argument = resolve(PROFILE, (), "x86_64")["syscalls"]
    assert first == {"names": ["always"], "action": "SCMP_ACT_ALLOW"}
    assert without["errnoRet"] == 1
    assert argument["args"] == [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]
    assert resolve(PROFILE, (), "x86_64")["defaultErrnoRet"] == 38
