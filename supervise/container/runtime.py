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
from supervise.kernel import pidfd as pidfds
from supervise.kernel import proc
from supervise.kernel.spawn import Command

_ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
_DEATH_S = 5.0
_MAX_LOG_BYTES = 64 * 1024
_NOT_FOUND = re.compile(r"executable file `?\"?(?P<program>[^`\"]+?)[`\"]? not found in \$PATH")
_NO_FILE = re.compile(r"(?:open executable|exec):? [`\"]?(?P<program>[^`\":]+)[`\"]?: (?P<why>.+)")


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
        *("--log", log_file(bundle), "--log-format", "json"),
        *("run", "--bundle", bundle, "--pid-file", pid_file(bundle)),
        *(["--detach"] if detach else []),
        container_id,
    ]
    return Command(argv=tuple(argv), env=dict(_ENVIRONMENT))


def delete_command(host: Host, *, root: str, container_id: str) -> Command:
    """The command that kills the container and removes its state and cgroup."""
    argv = (*_start(host, root), "delete", "--force", container_id)
    return Command(argv=argv, env=dict(_ENVIRONMENT))


def _start(host: Host, root: str) -> tuple[str, ...]:
    return (host.runtime_path, "--root", root)


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
    mark = os.fsencode(pid_file(bundle))
    for pid in proc.pids():
        try:
            # The descriptor first: after it, the argv read is that process's, or of none.
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            argv = proc.arguments(pid)
            if b"--pid-file" in argv and mark in argv:
                pidfds.send_signal(pidfd, signal.SIGKILL)
                select.select([pidfd], [], [], _DEATH_S)
        finally:
            os.close(pidfd)


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


def reason(host: Host, bundle: str, returncode: int) -> str:
    """Why the runtime failed, in words; never just an exit code when it left a message.

    Args:
        host: which runtime.
        bundle: the launch's.
        returncode: as ``subprocess`` gives it: negative for a signal.
    """
    said = messages(bundle)
    if said:
        return _in_words(said)
    if returncode < 0:
        return f"{host.runtime} was ended by {signal.Signals(-returncode).name}"
    return (
        f"{host.runtime} ended with exit code {returncode} and left no message in "
        f"{os.path.basename(log_file(bundle))}"
    )


def _in_words(said: list[str]) -> str:
    text = "; ".join(dict.fromkeys(said))
    if match := _NOT_FOUND.search(text):
        return f'the command "{match["program"]}" is not in the PATH of the container'
    if match := _NO_FILE.search(text):
        return f'the command "{match["program"]}" cannot be run: {match["why"]}'
    return text


def exec_status(said: list[str]) -> int | None:
    """127 or 126 when the container's command could not be found or run; None otherwise."""
    text = "; ".join(said)
    if _NOT_FOUND.search(text) or ("No such file or directory" in text and _NO_FILE.search(text)):
        return 127
    if _NO_FILE.search(text):
        return 126
    return None
