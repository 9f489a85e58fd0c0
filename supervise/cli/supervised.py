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
from supervise.paths import Paths

_NOBODY = (errno.ENXIO, errno.ENOENT, errno.ENOTDIR)
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Supervised(NamedTuple):
    """A service that the user named.

    Attributes:
        shown: the name as the user wrote it; messages begin with it.
        folder: the service folder.
        supervise: the directory that holds ``control``, ``ok`` and ``status``.
    """

    shown: str
    folder: str
    supervise: str

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
        raise _not_supervised(service) from None
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
            raise _not_supervised(service) from error
        raise SystemCallFailed.of("open", path, error) from error


def _not_supervised(service: Supervised) -> NotSupervised:
    if not os.path.isdir(service.folder):
        return NotSupervised(f"{service.shown}: there is no service folder {service.folder}")
    scan_dir = os.path.dirname(os.path.abspath(service.folder))
    return NotSupervised(
        f"{service.shown}: no supervisor is running for it; start one with `csv scan {scan_dir}`"
    )
