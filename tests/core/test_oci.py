"""The OCI configuration: what is safe by default, and what each part of a definition becomes."""

import json
from typing import Any

import pytest
from attrs import evolve

from supervise.core.capabilities import CAPABILITIES, DEFAULT, granted, missing
from supervise.core.definition import ContainerDefinition, Limits, Tmpfs, Volume
from supervise.core.oci import Bind, Facts, configuration

LEAST = ContainerDefinition(rootfs="host", command=("x", "y"))
FACTS = Facts(
    cgroups_path="/csv/web.1", uid=0, gid=0, environment=("A=1",), hostname="web",
    capabilities=DEFAULT,
)  # fmt: skip
ALL = (1 << len(CAPABILITIES)) - 1


def config(facts: Facts = FACTS, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return configuration(evolve(LEAST, **fields), facts)


def options(configured: dict[str, Any], target: str) -> list[str]:
    (found,) = [each["options"] for each in configured["mounts"] if each["destination"] == target]
    return list(found)


def test_safe_by_default() -> None:
    found = config()
    assert found["process"]["noNewPrivileges"] is True
    assert found["process"]["capabilities"]["bounding"] == list(DEFAULT)
    kinds = {each["type"] for each in found["linux"]["namespaces"]}
    assert kinds == {"pid", "ipc", "uts", "mount", "cgroup"}
    assert "/proc/kcore" in found["linux"]["maskedPaths"]
    assert "/proc/sys" in found["linux"]["readonlyPaths"]
    assert found["linux"]["resources"] == {"devices": [{"allow": False, "access": "rwm"}]}
    assert "ro" in options(found, "/sys")


def test_the_same_values_give_the_same_text() -> None:
    assert json.dumps(config()) == json.dumps(config())


def test_entrypoint_comes_before_command_and_init_before_both() -> None:
    assert config(entrypoint=("e",))["process"]["args"] == ["e", "x", "y"]
    found = config(evolve(FACTS, init="/usr/bin/catatonit"), entrypoint=("e",))
    assert found["process"]["args"] == ["/dev/init", "--", "e", "x", "y"]
    assert "ro" in options(found, "/dev/init")


def test_another_user_has_only_the_capabilities_he_was_given_by_name() -> None:
    facts = evolve(FACTS, uid=1, gid=1, capabilities=granted(["CAP_NET_ADMIN"], [], ALL))
    found = config(facts, cap_add=("CAP_NET_ADMIN",))["process"]["capabilities"]
    assert found["effective"] == found["ambient"] == ["CAP_NET_ADMIN"]
    assert set(found["bounding"]) == {*DEFAULT, "CAP_NET_ADMIN"}


def test_limits() -> None:
    limits = Limits(memory_bytes=1 << 25, cpus=0.5, pids=9)
    resources = config(limits=limits)["linux"]["resources"]
    assert resources["memory"] == {"limit": 1 << 25, "swap": 1 << 25}
    assert resources["cpu"] == {"quota": 50_000, "period": 100_000}
    assert resources["pids"] == {"limit": 9}
    without = config(evolve(FACTS, swap_limit=False), limits=limits)["linux"]["resources"]
    assert without["memory"] == {"limit": 1 << 25}


def test_a_machine_without_device_rules_gets_none() -> None:
    assert config(evolve(FACTS, device_rules=False))["linux"]["resources"] == {}


def test_a_filter_in_the_configuration() -> None:
    rules = {"defaultAction": "SCMP_ACT_ALLOW"}
    assert config(evolve(FACTS, seccomp=rules))["linux"]["seccomp"] == rules


def test_no_network_is_a_namespace_of_its_own() -> None:
    found = config(network_mode="none")["linux"]["namespaces"]
    assert {"type": "network"} in found


def test_mounts_lie_in_the_order_of_their_depth_and_the_containers_own_win() -> None:
    facts = evolve(
        FACTS,
        binds=(Bind(source="/usr", target="/usr"), Bind(source="/h", target="/etc/hosts")),
        files=frozenset({"/f"}),
    )
    found = config(
        facts,
        volumes=(
            Volume(source="/d", target="/a/b", read_only=True),
            Volume(source="/f", target="/etc/hosts", read_only=True),
        ),
        tmpfs=(Tmpfs(target="/a", options=("size=1", "exec")),),
    )
    targets = [each["destination"] for each in found["mounts"]]
    assert targets[-4:] == ["/usr", "/a", "/a/b", "/etc/hosts"]
    assert options(found, "/a") == ["nosuid", "nodev", "size=1", "exec"]
    # A directory is read-only with all that is mounted below it.
    assert "rro" in options(found, "/a/b")
    assert "ro" in options(found, "/etc/hosts")
    assert {"nosuid", "nodev"} <= set(options(found, "/a/b"))


def test_read_only_terminal_and_score() -> None:
    facts = evolve(FACTS, terminal=True, oom_score_adj=None)
    found = config(facts, read_only=True, labels=(("a", "b"),))
    assert found["root"] == {"path": "rootfs", "readonly": True}
    assert found["process"]["terminal"] is True
    assert "oomScoreAdj" not in found["process"]
    assert found["annotations"] == {"a": "b"}


@pytest.mark.parametrize(
    ("add", "drop", "bounding", "expected"),
    [
        ([], [], ALL, set(DEFAULT)),
        (["CAP_SYS_TIME"], ["CAP_CHOWN"], ALL, {*DEFAULT, "CAP_SYS_TIME"} - {"CAP_CHOWN"}),
        (["CAP_KILL"], ["ALL"], ALL, {"CAP_KILL"}),
        (["ALL"], ["CAP_KILL"], ALL, set(CAPABILITIES) - {"CAP_KILL"}),
        ([], [], 1, {"CAP_CHOWN"}),
    ],
)
def test_capabilities(add: list[str], drop: list[str], bounding: int, expected: set[str]) -> None:
    found = granted(add, drop, bounding)
    assert set(found) == expected
    assert list(found) == sorted(found, key=CAPABILITIES.index)


def test_a_capability_that_the_machine_lacks_is_named() -> None:
    assert missing(["CAP_KILL", "CAP_SYS_TIME", "ALL"], 1 << CAPABILITIES.index("CAP_KILL")) == (
        "CAP_SYS_TIME",
    )
