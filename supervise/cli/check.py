"""``csv check [DIR...]``: are these folders right, and what can this machine do? No supervisor.

Reads a folder exactly as the supervisor would, then holds it against the machine.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from attrs import asdict

from supervise.cli.arguments import Parser, add_directories, paths
from supervise.cli.exit import program
from supervise.cli.table import printable
from supervise.container.folder import read_machine
from supervise.container.host import LIMITS, Host, probe
from supervise.container.inspect import Finding, findings_of, inspect
from supervise.core.definition import MachineSettings
from supervise.daemon import folderlink
from supervise.daemon.folders import is_service_name
from supervise.errors import DefinitionError, HostError

_DESCRIPTION = """\
Say what is wrong with service folders, one line for each mistake: FILE:LINE: what, and how to
mend it. DIR is a service folder, or a directory of them; without one, the scan directory. Exit
code 1 when there is anything to mend. Say, too, what this machine can do for containers."""
_EXAMPLES = """\
csv check                    everything in the scan directory, and this machine
csv check ./web              one folder, before it is moved into place
csv check --json | jq .machine"""

_NAME_RULE = (
    "cannot be the name of a service: rename the folder; a name has at most 128 bytes, all of them"
    " printable UTF-8, and is not csv, which is the supervisor's own log"
)


@program("csv check")
def main(argv: Sequence[str]) -> int:
    """Exit code 0 when all is right, 1 on any finding."""
    parser = Parser("csv check", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    add_directories(parser, "scan")
    parser.add_argument("dirs", nargs="*", metavar="DIR", help="a service folder, or one of them")
    options = parser.parse_args(argv)
    host = _probe()
    found: list[Finding] = []
    folders = 0
    for directory in options.dirs or [paths(options).scan_dir]:
        more, count = _check(os.path.abspath(directory), host)
        found += more
        folders += count
    if options.json:
        machine = _machine(host)
        findings = [asdict(each) for each in found]
        print(json.dumps({"folders": folders, "findings": findings, "machine": machine}, indent=2))
    else:
        _print(found, folders, host)
    return 1 if found else 0


def _probe() -> Host | HostError:
    try:
        return probe()
    except HostError as error:
        return error


def _check(directory: str, host: Host | HostError) -> tuple[list[Finding], int]:
    """Findings, and how many folders were looked at."""
    if not os.path.isdir(directory):
        return [Finding(file=directory, message="is no directory")], 0
    if os.path.lexists(f"{directory}/run"):
        machine, found = _settings(os.path.dirname(directory))
        name = os.path.basename(directory)
        return found + _check_folder(directory, name, machine, host), 1
    machine, found = _settings(directory)
    names = [
        name
        for name in sorted(os.listdir(directory))
        if not name.startswith(".") and _is_folder(f"{directory}/{name}")
    ]
    for name in names:
        found += _check_folder(f"{directory}/{name}", name, machine, host)
    return found, len(names)


def _is_folder(path: str) -> bool:
    """A link, wherever it leads, is to be a service, as for the supervisor."""
    return os.path.isdir(path) or os.path.islink(path)


def _check_folder(
    folder: str, name: str, machine: MachineSettings, host: Host | HostError
) -> list[Finding]:
    found = []
    if not is_service_name(name):
        found.append(Finding(file=folder, message=_NAME_RULE))
    return found + inspect(folder, name, machine, host) + _check_link(folder)


def _check_link(folder: str) -> list[Finding]:
    """Whether another supervisor has the folder; any csv has a state.json beside its directory."""
    link = f"{folder}/supervise"
    if obstacle := folderlink.obstacle(folder):
        return [Finding(file=folder, message=obstacle)]
    if not os.path.exists(f"{link}/../state.json"):
        try:
            folderlink.require_free(folder)
        except HostError as error:
            return [Finding(file=folder, message=str(error))]
    return []


def _settings(scan_dir: str) -> tuple[MachineSettings, list[Finding]]:
    try:
        return read_machine(f"{scan_dir}/csv.toml"), []
    except DefinitionError as error:
        return MachineSettings(), findings_of(error)


def _print(found: list[Finding], folders: int, host: Host | HostError) -> None:
    for key, value in _machine(host).items():
        print(f"{key + ':':14}{value}")
    for each in found:
        print(printable(str(each)))
    count = f"{len(found)} mistakes" if found else "nothing"
    print(f"{folders} folder{'s' * (folders != 1)}, {count} to mend")


def _machine(host: Host | HostError) -> dict[str, Any]:
    """What this machine can do, in words."""
    if isinstance(host, HostError):
        return {"runtime": f"none: {host}"}
    rules = "applied" if host.device_rules else f"left out: {host.why_no_device_rules()}"
    return {
        "runtime": f"{host.runtime} ({host.runtime_path}): {host.reason}",
        "cgroups": f"{host.cgroup_mode}, below {host.own_cgroup or '/'}",
        **{key: host.why_no_limit(key) or "can be applied" for key in LIMITS},
        "device_rules": rules,
        "seccomp": host.seccomp_profile
        or "no profile: apt install golang-github-containers-common",
        "init": host.init or "none: apt install catatonit",
    }


if __name__ == "__main__":
    raise SystemExit(main())
