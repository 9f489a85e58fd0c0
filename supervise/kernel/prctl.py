"""prctl(2): what a process asks of the kernel for itself."""

import ctypes

from supervise.errors import SystemCallFailed

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def set_child_subreaper() -> None:
    """Become the parent of every descendant whose own parent ends.

    Raises:
        SystemCallFailed: the kernel refused.
    """
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemCallFailed("prctl", "PR_SET_CHILD_SUBREAPER", ctypes.get_errno())
