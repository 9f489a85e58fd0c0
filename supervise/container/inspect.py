"""What would go wrong at a launch, found without one: for ``csv check``.

``folder.read_folder`` says whether a folder is right in itself; here it is held against this
machine. A finding is what would make a start fail, never a matter of taste.
"""

import os
import stat
from functools import partial

from attrs import frozen

from supervise.container import environment, executable, users
from supervise.container.bundle import check_machine, check_sources
from supervise.container.folder import read_folder
from supervise.container.host import Host
from supervise.core.definition import ContainerDefinition, MachineSettings
from supervise.errors import DefinitionError, HostError, LaunchError, SystemCallFailed
from supervise.kernel.openat2 import open_in_root

_SHOWN = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")


@frozen(kw_only=True)
class Finding:
    """One thing that has to be mended.

    Attributes:
        file: where.
        line: the line in it, counted from 1, where one is known.
        message: what is wrong, and what to do.
    """

    file: str
    line: int | None = None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


def findings_of(error: DefinitionError) -> list[Finding]:
    """The mistakes that an error speaks of, one finding each."""
    mistakes = (error, *error.others)
    return [Finding(file=each.file, line=each.line, message=each.reason) for each in mistakes]


def inspect(
    folder: str, name: str, machine: MachineSettings, host: Host | HostError
) -> list[Finding]:
    """Everything that is wrong with a service folder on this machine; empty when it would start.

    Args:
        folder: its path, absolute.
        name: the service's name.
        machine: the machine's settings.
        host: what the machine can do, or why it can run no container.
    """
    try:
        service = read_folder(folder, name, machine)
    except DefinitionError as error:
        return findings_of(error)
    run = f"{folder}/run"
    reasons = {f"{folder}/finish": executable.check(f"{folder}/finish") if service.finish else []}
    if service.container is None:
        reasons[run] = executable.check(run)
    else:
        reasons[run] = executable.check_line_end(run) + _check_container(service.container, host)
    return [Finding(file=file, message=each) for file in reasons for each in reasons[file]]


def _check_container(definition: ContainerDefinition, host: Host | HostError) -> list[str]:
    if isinstance(host, HostError):
        return [str(host)]
    reasons = []
    for check in (
        partial(check_machine, host=host),
        check_sources,
        _check_environment,
        _check_user,
        _check_command,
    ):
        try:
            check(definition)
        except (HostError, LaunchError) as error:
            reasons.append(str(error))
    return reasons


def _check_environment(definition: ContainerDefinition) -> None:
    for path in filter(os.path.exists, definition.env_files):
        environment.read_env(path)


def _root(definition: ContainerDefinition) -> str:
    return "/" if definition.rootfs == "host" else definition.rootfs


def _check_user(definition: ContainerDefinition) -> None:
    if os.path.isdir(_root(definition)) and not _is_mounted(definition, "/etc/passwd"):
        users.resolve_user(_root(definition), definition.user)


def _check_command(definition: ContainerDefinition) -> None:
    """The program, as far as it lies in the root and not on a mount of the container's own."""
    program = (*(definition.entrypoint or ()), *definition.command)[0]
    path = dict(definition.environment).get("PATH") or environment.PATH
    if "/" in program:
        places = [os.path.join(definition.working_dir or "/", program)]
    elif definition.env_files:
        return  # they may set another PATH
    else:
        places = [f"{directory}/{program}" for directory in path.split(":") if directory]
    if not os.path.isdir(_root(definition)):
        return
    if not any(_is_mounted(definition, each) or _is_program(definition, each) for each in places):
        where = "does not exist in" if "/" in program else "is not in the PATH of"
        raise LaunchError(f'command: "{program}" {where} the container, or is not executable')


def _is_mounted(definition: ContainerDefinition, path: str) -> bool:
    targets = [volume.target for volume in definition.volumes]
    targets += [tmpfs.target for tmpfs in definition.tmpfs]
    return any((path + "/").startswith(target + "/") for target in targets)


def _is_program(definition: ContainerDefinition, path: str) -> bool:
    if definition.rootfs == "host" and path.split("/")[1] not in _SHOWN:
        return False
    try:
        fd = open_in_root(_root(definition), path, os.O_PATH)
    except SystemCallFailed:
        return False
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    return stat.S_ISREG(mode) and bool(mode & 0o111)
