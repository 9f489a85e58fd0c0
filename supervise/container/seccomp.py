"""The seccomp filter of a container, compiled once and used by every launch that needs the same.

Compiling the packaged profile is most of what a start would cost, so the compiled filter is kept
in memory and in the run directory, under a name made of all that it depends on. crun takes it as
it is; runc can only compile the profile itself.

Source: crun(1), ``run.oci.seccomp_bpf_data``; libseccomp, seccomp_export_bpf(3).
"""

import base64
import hashlib
import json
import os
import threading
from typing import Any

from supervise.core.seccomp import resolve
from supervise.errors import HostError
from supervise.kernel import libseccomp
from supervise.kernel.files import make_directory, replace_file

BPF_ANNOTATION = "run.oci.seccomp_bpf_data"
_OPERATORS = {
    "SCMP_CMP_NE": libseccomp.NE,
    "SCMP_CMP_LT": libseccomp.LT,
    "SCMP_CMP_LE": libseccomp.LE,
    "SCMP_CMP_EQ": libseccomp.EQ,
    "SCMP_CMP_GE": libseccomp.GE,
    "SCMP_CMP_GT": libseccomp.GT,
    "SCMP_CMP_MASKED_EQ": libseccomp.MASKED_EQ,
}
_ACTIONS = {
    "SCMP_ACT_KILL": libseccomp.KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": libseccomp.KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": libseccomp.KILL_PROCESS,
    "SCMP_ACT_TRAP": libseccomp.TRAP,
    "SCMP_ACT_LOG": libseccomp.LOG,
    "SCMP_ACT_ALLOW": libseccomp.ALLOW,
}


class Filters:
    """The filters of one profile; thread-safe.

    Args:
        profile: the path of the packaged profile; None when there is none.
        machine: ``uname -m``.
        directory: where compiled filters are kept, for the next supervisor and for csv-run.
    """

    def __init__(self, *, profile: str | None, machine: str, directory: str) -> None:
        self._profile = profile
        self._machine = machine
        self.directory = directory
        self._lock = threading.Lock()
        self._compiled: dict[str, str] = {}

    def rules(self, capabilities: tuple[str, ...]) -> dict[str, Any]:
        """``linux.seccomp`` for these capabilities.

        Raises:
            HostError: there is no profile, or it cannot be read.
        """
        path = profile_path(self._profile)
        try:
            with open(path, encoding="utf-8") as file:
                return resolve(json.load(file), capabilities, self._machine)
        except (OSError, ValueError, KeyError) as error:
            raise HostError(f"the seccomp profile {path} cannot be read: {error}") from error

    def compiled(self, capabilities: tuple[str, ...]) -> str:
        """The filter for these capabilities, in base64, as crun's annotation wants it.

        Raises:
            HostError: there is no profile, or libseccomp is missing or refuses it.
        """
        key = self._key(capabilities)
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._load(key) or self._compile(key, capabilities)
            return self._compiled[key]

    def _key(self, capabilities: tuple[str, ...]) -> str:
        status = os.stat(profile_path(self._profile))
        text = f"{status.st_mtime_ns} {status.st_size} {self._machine} {capabilities}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _load(self, key: str) -> str | None:
        try:
            with open(f"{self.directory}/{key}", encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _compile(self, key: str, capabilities: tuple[str, ...]) -> str:
        data = base64.b64encode(compile_filter(self.rules(capabilities))).decode()
        make_directory(self.directory, 0o700)
        replace_file(f"{self.directory}/{key}", data.encode(), 0o600)
        return data


def profile_path(profile: str | None) -> str:
    """The profile, which must be there: no container starts without a filter.

    Raises:
        HostError: there is none; the text says what to install.
    """
    if profile is None:
        raise HostError(
            "there is no seccomp profile on this machine, and no container starts without; "
            "apt install golang-github-containers-common"
        )
    return profile


def compile_filter(rules: dict[str, Any]) -> bytes:
    """Compile ``linux.seccomp`` to the BPF program that the kernel takes.

    Raises:
        HostError: libseccomp is not installed.
        SystemCallFailed: it refuses a rule.
    """
    default = _action(rules["defaultAction"], rules.get("defaultErrnoRet"))
    with libseccomp.Filter(default) as compiled:
        for name in rules["architectures"][1:]:
            compiled.add_architecture(name.removeprefix("SCMP_ARCH_").lower())
        for rule in rules["syscalls"]:
            action = _action(rule["action"], rule.get("errnoRet"))
            if action != default:
                comparisons = [_comparison(each) for each in rule.get("args") or ()]
                for name in rule["names"]:
                    compiled.add_rule(action, name, comparisons)
        return compiled.export()


def _comparison(arg: dict[str, Any]) -> tuple[int, int, int, int]:
    return arg["index"], _OPERATORS[arg["op"]], arg["value"], arg.get("valueTwo") or 0


def _action(name: str, errno: int | None) -> int:
    if name == "SCMP_ACT_ERRNO":
        return libseccomp.errno_action(1 if errno is None else errno)
    if name == "SCMP_ACT_TRACE":
        return libseccomp.trace_action(errno or 0)
    return _ACTIONS[name]
