"""The OCI runtime's command line, and what it has to say when it fails.

crun and runc take the same options for all that is used here. They are given an environment of
their own: what a service manager puts into ours (``NOTIFY_SOCKET``, ``LISTEN_FDS``) they would
pass on into the container.

Source: crun(1), runc(8).
"""

import json
import os
import re
import select
import signal

from supervise.container.environment import PATH
from supervise.container.host import Host
from supervise.kernel import pidfd, proc
from supervise.kernel.spawn import Command

_ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
_DEATH_S = 5.0
_LOOKS = 2
_MAX_LOG_BYTES = 64 * 1024
# crun's words, then runc's.
_NO_PROGRAM = re.compile(
    r"executable file .* not found in \$path|"
    r"exec: .*(not found in \$path|no such file or directory)"
)
_NO_ACCESS = re.compile(r"open executable: |exec: .*(permission denied|is a directory)")
NOT_FOUND = 127
CANNOT_RUN = 126


def run_command(host: Host, *, root: str, bundle: str, container_id: str, detach: bool) -> Command:
    """The command that makes the container of ``bundle`` and starts it.

    Args:
        host: which runtime.
        root: where it keeps its state.
        bundle: a directory with ``config.json``; the pid file and log are written into it.
        container_id: the container's id.
        detach: leave when it has started, or wait for its end with its exit status.
    """
    argv = [
        *_start(host, root),
        *("--log", _log_option(host, bundle), "--log-format", "json"),
        *("run", "--bundle", bundle, "--pid-file", pid_file(bundle)),
        *(["--detach"] if detach else []),
        container_id,
    ]
    return Command(argv=tuple(argv), env=dict(_ENVIRONMENT))


def _start(host: Host, root: str) -> tuple[str, ...]:
    return (host.runtime_path, "--root", root)


def _log_option(host: Host, bundle: str) -> str:
    # crun takes what precedes a colon for a kind of log; to runc all of it is a path.
    return ("file:" if host.runtime == "crun" else "") + log_file(bundle)


def pid_file(bundle: str) -> str:
    """Where the runtime writes the pid of the container's init."""
    return f"{bundle}/pid"


def log_file(bundle: str) -> str:
    """Where the runtime writes what went wrong."""
    return f"{bundle}/runtime.log"


def read_pid(bundle: str) -> int | None:
    """The pid of the container's init; None when the runtime has not come that far."""
    try:
        with open(pid_file(bundle), encoding="ascii") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(text) if text.strip().isdigit() else None


def stop_in_flight(bundle: str) -> None:
    """Kill the runtime if it is at work on this bundle, and wait for its death; idempotent.

    It is known by its argv, which names the bundle's own pid file: nobody else's does.
    """
    # One that is just dying shows no argv, and its child may not have been there to be listed.
    # It cannot fork any more: a second look finds that child.
    looks = 0
    while looks < _LOOKS:
        found = [_stop(pid, pid_file(bundle)) for pid in proc.pids()]
        looks = 0 if any(found) else looks + 1


def _stop(pid: int, mark: str) -> bool:
    """Kill this process if it is a runtime that writes this pid file; whether it was one."""
    try:
        # The descriptor first: after it, the argv read is that process's, or of none.
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        argv = proc.arguments(pid)
        if b"--pid-file" not in argv or os.fsencode(mark) not in argv:
            return False
        pidfd.send_signal(fd, signal.SIGKILL)
        return bool(select.select([fd], [], [], _DEATH_S)[0])
    finally:
        os.close(fd)


def messages(bundle: str) -> list[str]:
    """What the runtime complained of, oldest first; empty when it left without a word."""
    try:
        with open(log_file(bundle), encoding="utf-8", errors="replace") as file:
            text = file.read(_MAX_LOG_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"msg": line}
        if isinstance(entry, dict) and entry.get("level", "error") in ("error", "fatal", "panic"):
            found.append(str(entry.get("msg", line)).strip())
    return [message for message in found if message]


def reason(host: Host, bundle: str, returncode: int, program: str) -> str:
    """Why the runtime failed, in words; never just an exit code when it left a message.

    Args:
        host: which runtime.
        bundle: the launch's.
        returncode: as ``subprocess`` gives it: negative for a signal.
        program: the first word of the container's command.
    """
    said = "; ".join(dict.fromkeys(messages(bundle)))
    if exec_status(bundle) == NOT_FOUND:
        where = "does not exist in" if "/" in program else "is not in the PATH of"
        return f'the command "{program}" {where} the container'
    if exec_status(bundle) == CANNOT_RUN:
        return f'the command "{program}" is no program that can be run, or not executable: {said}'
    if said:
        return f"{host.runtime} says: {said}"
    if returncode < 0:
        return f"{host.runtime} was ended by {signal.Signals(-returncode).name}"
    return (
        f"{host.runtime} ended with exit code {returncode} and left no message; what it printed,"
        " if anything, is in the service's log"
    )


def exec_status(bundle: str) -> int | None:
    """``NOT_FOUND`` or ``CANNOT_RUN`` when that is wrong with the command, else None."""
    said = "; ".join(messages(bundle)).lower()
    if _NO_PROGRAM.search(said):
        return NOT_FOUND
    return CANNOT_RUN if _NO_ACCESS.search(said) else None
