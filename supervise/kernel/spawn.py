"""Start a process: what to run is a value, to be printed, compared, and run by whoever waits."""

import signal
import subprocess

from attrs import field, frozen

from supervise.errors import SystemCallFailed


@frozen(kw_only=True)
class Command:
    """A process to start.

    Attributes:
        argv: the program and its arguments; without a slash it is searched in PATH.
        executable: what is executed instead of ``argv[0]``.
        cwd: its working directory.
        env: its whole environment; None takes ours.
        stdin, stdout, stderr: descriptors; None is /dev/null for stdin and ours for the others.
        new_session: make it leader of a session and process group of its own.
        keep: descriptors it inherits under their own numbers.
        blocked: signals that wait until it unblocks them: it is not ready for them at once.
    """

    argv: tuple[str, ...]
    executable: str | None = None
    cwd: str = "/"
    env: dict[str, str] | dict[bytes, bytes] | None = field(default=None, hash=False)
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    new_session: bool = True
    keep: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Start the command; when this returns, its program has been executed.

    Dispositions of signals are the defaults in the child, and so is the mask but for ``blocked``;
    every descriptor but 0 to 2 and ``keep`` is closed. The caller, or a reaper which sets
    ``returncode``, must wait for it.

    Raises:
        SystemCallFailed: fork or exec failed; ``errno`` tells ENOENT, EACCES, ENOEXEC (the file
            or its interpreter) from EAGAIN, ENOMEM and EMFILE (try again later).
    """
    mask = signal.pthread_sigmask(signal.SIG_SETMASK, command.blocked)
    try:
        return subprocess.Popen(
            command.argv,
            executable=command.executable,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL if command.stdin is None else command.stdin,
            stdout=command.stdout,
            stderr=command.stderr,
            start_new_session=command.new_session,
            pass_fds=command.keep,
            close_fds=True,
            restore_signals=True,
        )
    except OSError as error:
        raise SystemCallFailed.of("execve", command.argv[0], error) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
