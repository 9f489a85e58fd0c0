"""Speaking to a ``supervise`` directory: daemontools', runit's or ours, all the same.

A client opens ``ok`` or ``control`` for writing without blocking: ENXIO means that nobody holds
the other end, so no supervisor runs. It creates nothing and leaves nothing behind.

Source: daemontools ``svc.c``, ``svok.c``, ``svstat.c``.
"""

import errno
import os
from typing import NamedTuple

from supervise.core.status import Status, decode
from supervise.errors import NotSupervised, SystemCallFailed
from supervise.kernel import proc
from supervise.paths import Paths

_NOBODY = (errno.ENXIO, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Supervised(NamedTuple):
    """A service that the user named.

    Attributes:
        shown: the name as the user wrote it; messages begin with it.
        folder: the service folder.
        supervise: the directory that holds ``control``, ``ok`` and ``status``.
        run_dir: of the supervisor that should have it: the folder lies in its scan directory.
    """

    shown: str
    folder: str
    supervise: str
    run_dir: str | None = None

    @property
    def run(self) -> str:
        """The directory that ``state.json`` lies in, if csv supervises the folder."""
        return os.path.dirname(os.path.realpath(self.supervise))

    @property
    def state(self) -> str:
        return self.run + "/state.json"


def find(argument: str, paths: Paths) -> Supervised:
    """The service that ``argument`` names: a bare name in the scan directory, else a path.

    For a folder of this scan directory the run directory counts: it knows the service also when
    the link ``FOLDER/supervise`` could not be made, when the folder was removed while its service
    runs, and when two links lead to one folder. Elsewhere, and where nothing is known,
    ``FOLDER/supervise`` counts.
    """
    bare = "/" not in argument and argument not in (".", "..")
    folder = f"{paths.scan_dir}/{argument}" if bare else argument.rstrip("/") or "/"
    supervise = f"{folder}/supervise"
    parent, name = os.path.split(os.path.abspath(folder))
    if os.path.realpath(parent) == os.path.realpath(paths.scan_dir):
        ours = paths.service(name).supervise
        if os.path.isdir(ours) or not os.path.isdir(supervise):
            supervise = ours
        return Supervised(argument, folder, supervise, paths.run_dir)
    return Supervised(argument, folder, supervise)


def is_supervised(service: Supervised) -> bool:
    """Whether a supervisor holds this service's ``ok``.

    Raises:
        SystemCallFailed: that cannot be told (EACCES: only root may ask).
    """
    try:
        require_supervised(service)
    except NotSupervised:
        return False
    return True


def require_supervised(service: Supervised) -> None:
    """Raise NotSupervised, with what to do, unless is_supervised()."""
    os.close(_open_for_writing(service, "ok"))


def send(service: Supervised, letters: str) -> None:
    """Hand the letters to the supervisor, all in one write: they are obeyed in their order.

    Raises:
        NotSupervised: nobody is there to read them.
        SystemCallFailed: EACCES, or EAGAIN when the supervisor has not read for very long.
    """
    control = _open_for_writing(service, "control")
    try:
        os.write(control, letters.encode("ascii"))
    except BrokenPipeError:
        raise NotSupervised(why_not_supervised(service)) from None
    except OSError as error:
        raise SystemCallFailed.of("write", service.supervise + "/control", error) from error
    finally:
        os.close(control)


def read_status(service: Supervised) -> Status:
    """The record ``supervise/status``.

    Raises:
        SystemCallFailed: it is not there or cannot be read.
        StatusError: it is not daemontools' record.
    """
    path = service.supervise + "/status"
    try:
        with open(path, "rb", buffering=0) as file:
            return decode(file.read(64))
    except OSError as error:
        raise SystemCallFailed.of("open", path, error) from error


def _open_for_writing(service: Supervised, fifo: str) -> int:
    path = f"{service.supervise}/{fifo}"
    try:
        return os.open(path, _WRITE)
    except OSError as error:
        if error.errno in _NOBODY:
            raise NotSupervised(why_not_supervised(service)) from error
        raise SystemCallFailed.of("open", path, error) from error


def supervisor_pid(run_dir: str) -> int | None:
    """The supervisor of this run directory, if it lives and has read its folders."""
    import json  # it costs those who do not ask

    try:
        with open(f"{run_dir}/.supervisor", "rb") as file:
            found = json.load(file)
        pid: int = found["pid"]
        return pid if proc.start_time(pid) == found["start_time"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def why_not_supervised(service: Supervised) -> str:
    """One sentence: what is missing, and what to do."""
    if not os.path.isdir(service.folder):
        return f"{service.shown}: there is no service folder {service.folder}"
    pid = supervisor_pid(service.run_dir) if service.run_dir else None
    if pid is not None:
        return (
            f"{service.shown}: the supervisor (pid {pid}) does not have it: it was left with"
            f" `svc -x`, or is no service. `csv check {service.folder}` tells whether it could be"
            f" one; `kill -HUP {pid}` has it supervised again"
        )
    scan_dir = os.path.dirname(os.path.abspath(service.folder))
    return f"{service.shown}: no supervisor is running for it; start one with `csv scan {scan_dir}`"
