"""A container run file, or the settings of a folder or machine: from TOML text to a definition.

Pure: nothing is looked up on the machine, so a file means the same everywhere. Every mistake
is reported, each with its line, key and what was expected; a key of Compose that is not built
is refused, never ignored.
"""

import posixpath
from collections.abc import Callable

from attrs import evolve

from supervise.core import fields, mounts
from supervise.core.definition import (
    ContainerDefinition,
    Limits,
    MachineSettings,
    Restart,
    RestartPolicy,
    ServiceDefinition,
    Tmpfs,
    Volume,
)
from supervise.core.keys import BUILT, refusal_of_service
from supervise.core.logpolicy import log_policy
from supervise.core.reading import Document, Section
from supervise.core.units import Wrong, duration_s, fraction, shown, signal_number

_POLICIES = {
    "always": Restart.ALWAYS,
    "unless-stopped": Restart.ALWAYS,
    "on-failure": Restart.ON_FAILURE,
    "never": Restart.NEVER,
    "no": Restart.NEVER,
}


def is_container_run(first_line: bytes) -> bool:
    """Tell whether this first line makes the kernel run ``csv-run``, directly or by ``env``.

    Args:
        first_line: the first line of the file, or as much of it as was read.
    """
    if not first_line.startswith(b"#!"):
        return False
    words = first_line[2:].split(b"\n", 1)[0].split()
    if words and posixpath.basename(words[0]) == b"env":
        words = words[1:]
        # `env -S` splits the rest into words; `-i`, `-u NAME` and NAME=value may stand before
        # the program, but nobody writes those to csv-run.
        if words and words[0].startswith((b"-S", b"--split-string=")):
            first = words[0].removeprefix(b"-S").removeprefix(b"--split-string=")
            words = [first, *words[1:]] if first else words[1:]
    return bool(words) and posixpath.basename(words[0]) == b"csv-run"


def parse(
    text: str, *, file: str, folder: str, name: str, machine: MachineSettings | None = None
) -> ServiceDefinition:
    """Read a container run file; the same text always gives the same value.

    Args:
        text: the whole file.
        file: its path, for errors.
        folder: where relative paths start; absolute.
        name: the service's name.
        machine: the defaults of ``[restart]`` and ``[log]``.

    Returns:
        All but ``normally_down``, ``finish`` and ``fingerprint``, which other files decide.

    Raises:
        DefinitionError: with every mistake in the file, one on each line.
    """
    document = Document(text, file=file)
    top = document.top()
    base = _base(name, machine)
    service = evolve(_settings(top, base, folder), container=_container(top, folder))
    top.finish(refusal_of_service)
    document.finish()
    return service


def parse_settings(
    text: str, *, file: str, name: str, machine: MachineSettings | None = None
) -> ServiceDefinition:
    """Read the ``csv.toml`` of a folder whose ``run`` is a plain program; as ``parse`` does.

    Its keys are ``stop_signal stop_grace_period finish_timeout [restart] [log]``.
    """
    document = Document(text, file=file)
    top = document.top()
    service = _settings(top, _base(name, machine), posixpath.dirname(file))
    top.finish(_refusal_of_setting)
    document.finish()
    return service


def parse_machine(text: str, *, file: str) -> MachineSettings:
    """Read the ``csv.toml`` of the scan directory: ``[restart] [log] [limits]``.

    Raises:
        DefinitionError: with every mistake in the file, one on each line.
    """
    document = Document(text, file=file)
    top = document.top()
    default = MachineSettings()
    limits = top.section("limits")
    settings = MachineSettings(
        restart=_restart(top, default.restart),
        log=log_policy(top, default.log, posixpath.dirname(file)),
        parallel_starts=limits.get("parallel_starts", fields.number(int, 1, 10_000), None),
    )
    limits.finish()
    top.finish()
    document.finish()
    return settings


def _base(name: str, machine: MachineSettings | None) -> ServiceDefinition:
    machine = machine or MachineSettings()
    return ServiceDefinition(name=name, restart=machine.restart, log=machine.log)


def _settings(top: Section, base: ServiceDefinition, folder: str) -> ServiceDefinition:
    """The keys that a container run file and a plain folder's settings share."""
    return evolve(
        base,
        restart=_restart(top, base.restart),
        log=log_policy(top, base.log, folder),
        stop_signal=top.get("stop_signal", signal_number, base.stop_signal),
        stop_grace_period_s=top.get("stop_grace_period", duration_s, base.stop_grace_period_s),
        finish_timeout_s=top.get("finish_timeout", duration_s, base.finish_timeout_s),
    )


def _refusal_of_setting(key: str) -> str:
    if key in BUILT:
        return "means something only in a container run file; this folder's run is a program"
    return refusal_of_service(key)


def _container(top: Section, folder: str) -> ContainerDefinition:
    binds = top.get("volumes", mounts.volumes(folder), ())
    temporary = top.get("tmpfs", mounts.tmpfs, ())
    if twice := mounts.duplicate((*binds, *temporary)):
        top.wrong("volumes", f"{twice} is mounted twice; each target once")
    entrypoint = top.get("entrypoint", fields.words, None)
    container = ContainerDefinition(
        rootfs=_rootfs(top, folder),
        entrypoint=entrypoint,
        command=top.get("command", fields.words, ()),
        environment=top.get("environment", fields.pairs, ()),
        env_files=top.get("env_file", _env_files(folder), ()),
        user=top.get("user", fields.user, None),
        working_dir=top.get("working_dir", fields.absolute, None),
        hostname=top.get("hostname", fields.hostname, None),
        volumes=tuple(mount for mount in binds if isinstance(mount, Volume)),
        tmpfs=temporary + tuple(mount for mount in binds if isinstance(mount, Tmpfs)),
        read_only=top.get("read_only", fields.flag, False),
        init=top.get("init", fields.flag, False),
        network_mode=top.get("network_mode", fields.network_mode, "host"),
        labels=top.get("labels", fields.labels, ()),
        limits=Limits(
            memory_bytes=top.get("mem_limit", fields.memory_bytes, None),
            cpus=top.get("cpus", fields.cpus, None),
            pids=top.get("pids_limit", fields.pids, None),
        ),
        cap_add=top.get("cap_add", fields.capabilities, ()),
        cap_drop=top.get("cap_drop", fields.capabilities, ()),
        writable_keep=top.get("writable", _keep, False),
    )
    _check_together(top, container)
    return container


def _check_together(top: Section, container: ContainerDefinition) -> None:
    words = (*(container.entrypoint or ()), *container.command)
    if "command" not in top and "entrypoint" not in top:
        top.wrong("command", 'is missing; write what to run, such as command = ["nginx"]')
    elif not top.raw("command") and not top.raw("entrypoint"):
        top.wrong("command", 'is empty; write what to run, such as command = ["nginx"]')
    elif words and not words[0]:
        key = "entrypoint" if container.entrypoint else "command"
        top.wrong(key, "begins with an empty word; its first word is the program")
    if container.writable_keep and container.read_only:
        top.wrong("writable", '"keep" has nothing to keep when read_only = true; take one out')
    for name in container.cap_add:
        if name in container.cap_drop:
            top.wrong("cap_drop", f"{name} is in cap_add too; take it out of one")


def _rootfs(top: Section, folder: str) -> str:
    def convert(value: object) -> str:
        string = fields.filled(value)
        if string == "host":
            return string
        if not string.startswith(("/", "./", "../")):
            raise Wrong(
                f'{shown(string)} is not known; write "host", or a directory: "./{string}" in the '
                "service folder, or a path that begins with /"
            )
        path = fields.host_path(folder)(string)
        if path == "/":
            raise Wrong('"/" would show all secrets of this machine inside; write "host"')
        return path

    if "rootfs" not in top and "image" not in top:
        top.wrong(
            "rootfs",
            'is missing; write rootfs = "host" (the programs of this machine) or '
            'rootfs = "./directory"',
        )
    return top.get("rootfs", convert, "host")


def _env_files(folder: str) -> Callable[[object], tuple[str, ...]]:
    convert = fields.host_path(folder)
    return lambda value: tuple(fields.each(list(fields.texts(value)), convert))


def _keep(value: object) -> bool:
    return fields.one_of(value, ("keep",)) == "keep"


def _restart(top: Section, base: RestartPolicy) -> RestartPolicy:
    if isinstance(top.raw("restart"), str):
        return top.get("restart", lambda value: _restart_word(str(value), base), base)
    table = top.section("restart")
    policy = evolve(
        base,
        policy=table.get("policy", _policy, base.policy),
        min_delay_s=table.get("min_delay", duration_s, base.min_delay_s),
        first_delay_s=table.get("first_delay", duration_s, base.first_delay_s),
        factor=table.get("factor", fields.number(float, 1.0, 1000.0), base.factor),
        max_delay_s=table.get("max_delay", duration_s, base.max_delay_s),
        jitter=table.get("jitter", fraction, base.jitter),
        reset_after_s=table.get("reset_after", duration_s, base.reset_after_s),
        max_failures=table.get("max_failures", fields.number(int, 0), base.max_failures),
        window_s=table.get("window", duration_s, base.window_s),
        retry_every_s=table.get("retry_every", duration_s, base.retry_every_s),
    )
    for key, delay_s in (("first_delay", policy.first_delay_s), ("min_delay", policy.min_delay_s)):
        given = key in table or (key == "min_delay" and "max_delay" in table)
        if given and delay_s > policy.max_delay_s:
            table.wrong(key, f"is longer than max_delay ({policy.max_delay_s:g} s); raise that too")
    if policy.max_failures and not policy.window_s:
        table.wrong("window", "is 0, so max_failures could never be reached; write a time")
    table.finish(outer=BUILT)
    return policy


def _policy(value: object) -> Restart:
    return _POLICIES[fields.one_of(value, _POLICIES)]


def _restart_word(word: str, base: RestartPolicy) -> RestartPolicy:
    """Compose's ``restart = "on-failure:3"``."""
    name, colon, count = word.partition(":")
    policy = _policy(name)
    if not colon:
        return evolve(base, policy=policy)
    if policy is not Restart.ON_FAILURE or not count.isdigit() or int(count) < 1:
        raise Wrong(f'{shown(word)} is no restart policy; write "on-failure:3" for 3 tries again')
    # Compose counts tries again, however long they take; ours counts ends within a window. The
    # window holds that many ends if each run was too short to be healthy.
    ends = int(count) + 1
    longest_s = base.reset_after_s + base.max_delay_s * (1 + base.jitter)
    return evolve(base, policy=policy, max_failures=ends, window_s=ends * longest_s)
