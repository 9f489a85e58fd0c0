"""The link ``FOLDER/supervise``: how clients that know only the folder find its supervisor.

A folder may be another supervisor's: daemontools makes a directory of that name, Debian's runit a
link to one, and a second ``csv scan`` of the same scan directory a link like ours. Whether that
supervisor lives is asked as ``svok`` asks: somebody must have its FIFO open for reading. What
lives is never touched, and its folder never started a second time.
"""

import os
import stat

from supervise.errors import HostError
from supervise.paths import ServicePaths

_FIFOS = ("ok", "control")
"""s6 has only the second one."""


def require_free(folder: str, run_dir: str | None = None) -> None:
    """Make sure that no other supervisor, which runs, has this folder.

    Args:
        folder: the service folder.
        run_dir: our run directory; a link into it is ours. None: no link is.

    Raises:
        HostError: one has.
    """
    link = f"{folder}/supervise"
    if not (run_dir and _is_ours(link, run_dir)) and _lives(link):
        raise HostError(f"{link} belongs to another supervisor that runs: stop it first")


def obstacle(folder: str) -> str | None:
    """What to say of a ``supervise`` that is no link, and so cannot be made to lead to us."""
    link = f"{folder}/supervise"
    if os.path.islink(link) or not os.path.lexists(link):
        return None
    return (
        f"{link} was left by another supervisor: remove it, or only csv's own svc, svstat and"
        " svok can reach the service, and daemontools' and runit's cannot"
    )


def make(paths: ServicePaths) -> str | None:
    """Make the link, or put it right; idempotent. Returns its real path when it is there.

    What lives and is another's stays, and so does a directory. On a read-only disk there is none.
    A folder without ``run`` gets none: it may be a link to any place, ``/`` included.
    """
    folder = os.path.realpath(paths.folder)
    link = f"{folder}/supervise"
    if not os.path.lexists(f"{folder}/run"):
        return None
    try:
        target = _target(link)
        if target == paths.supervise:
            return link
        if target is not None:
            if _is_of_real_folder(folder, target, paths):
                return None
            if not _is_ours(link, os.path.dirname(paths.run)) and _lives(link):
                return None
            os.unlink(link)
        os.symlink(paths.supervise, link)
    except OSError:
        return None
    return link


def remove(link: str, paths: ServicePaths) -> None:
    """Take the link away if it is still this service's; idempotent.

    Args:
        link: what make() returned: the folder itself may be gone by now, or lead elsewhere.
        paths: the service's.
    """
    try:
        if os.readlink(link) == paths.supervise:
            os.unlink(link)
    except OSError:
        pass  # it is gone, or the disk is read-only


def _target(link: str) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def _is_ours(link: str, run_dir: str) -> bool:
    target = _target(link)
    if target is None:
        return False
    inside = os.path.realpath(run_dir) + "/"
    return target.startswith(run_dir + "/") or os.path.realpath(link).startswith(inside)


def _is_of_real_folder(folder: str, target: str, paths: ServicePaths) -> bool:
    """Of two names of one folder, both services, the folder's own has the link."""
    scan_dir, run_dir = os.path.dirname(paths.folder), os.path.dirname(paths.run)
    own, name = os.path.split(folder)
    return own == os.path.realpath(scan_dir) and target == f"{run_dir}/{name}/supervise"


def _lives(directory: str) -> bool:
    return any(_has_reader(f"{directory}/{fifo}") for fifo in _FIFOS)


def _has_reader(path: str) -> bool:
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            return False
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
