"""``csv scan`` that kills itself before its N-th step: a program, run in the supervisor's place.

The code is not touched: the interpreter tells of every call that is about to be made
(``sys.setprofile``, in each thread), and those that change the world outside are counted. Each is
written down before it is made, so a test can say after which step the supervisor was killed.

    cutter.py TRACE N SCAN_DIR    with N = 0 nothing is cut
"""

import itertools
import os
import signal
import sys
import threading
from types import FrameType

_STEPS = {
    "posix": {
        *("chmod", "kill", "killpg", "link", "mkdir", "mkfifo", "rename", "rmdir", "symlink"),
        *("unlink", "waitpid", "write"),
    },
    "fcntl": {"flock"},
    "signal": {"pidfd_send_signal"},
    "_posixsubprocess": {"fork_exec"},
}
"""Functions that change what another process, or the next supervisor, can see."""

_KERNEL = {"mount", "umount2", "open_process"}
"""The same, of ``supervise.kernel``: what ctypes calls is no function of C to the interpreter."""


class Cutter:
    """Counts steps, and ends this process before the one with number ``cut``."""

    def __init__(self, trace: str, cut: int) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._cut = cut
        self._numbers = itertools.count(1)

    def watch(self, frame: FrameType, event: str, called: object) -> None:
        """See ``sys.setprofile``."""
        if event == "c_call":
            name = getattr(called, "__name__", "")
            if name in _STEPS.get(getattr(called, "__module__", None) or "", ()):
                self._step(frame, name)
        elif event == "call" and frame.f_code.co_name in _KERNEL:
            self._step(frame, frame.f_code.co_name)

    def _step(self, frame: FrameType | None, name: str) -> None:
        sys.setprofile(None)
        number = next(self._numbers)
        where = []
        while frame is not None and len(where) < 4:
            file = frame.f_code.co_filename
            if "/supervise/" in file:
                where.append(f"{os.path.basename(file)}:{frame.f_lineno} {frame.f_code.co_name}")
            frame = frame.f_back
        os.write(self._trace, f"{number} {name} < {' < '.join(where)}\n".encode())
        if number == self._cut:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(self.watch)


def main(trace: str, cut: int, scan_dir: str) -> None:
    """Supervise, until the cut."""
    # Imported first: an import changes nothing that could be cut.
    from supervise.cli.scan import main as scan
    from supervise.daemon import supervisor

    assert supervisor
    cutter = Cutter(trace, cut)
    threading.setprofile(cutter.watch)
    sys.setprofile(cutter.watch)
    sys.exit(scan([scan_dir]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
