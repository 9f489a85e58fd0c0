"""``log/run``: daemontools' own way to keep a service's log, and the pipe that leads there.

``NAME/log`` is a service like any other, below the folder and the run directory of its main one:
no folder has a slash in its name, so it is nobody else's. It is started before the main one, and
retired when that is gone.

The pipe is a FIFO, ``RUN/NAME/pipe``. The main service has it open for reading and writing, and so
have we; the log program only reads. So no death of one of the three loses a line or ends the
other: the log program comes to the end of its input only when it is retired, when we let go. It
is not told to end then: it reads what is left, and ends of itself.

Only standard output goes there, as with daemontools. Standard error, and what the log program has
to say itself, goes to the shim, which keeps it as NAME's log.
"""

import os

from supervise.daemon.servicedir import LOG_FIFO_MODE, ServiceDir
from supervise.errors import SystemCallFailed
from supervise.kernel import files
from supervise.kernel.descriptors import Parking
from supervise.kernel.fifo import make_fifo, open_fifo
from supervise.paths import Paths, ServicePaths


def main_of(name: str) -> str | None:
    """The service whose ``log/run`` this one is; None when it is none."""
    main, slash, _ = name.rpartition("/")
    return main if slash else None


def log_of(name: str) -> str:
    """What the service is called that is the ``log/run`` of this one."""
    return f"{name}/log"


def service_dir(name: str, paths: Paths, parking: Parking) -> ServiceDir:
    """The files of the service, whichever kind it is."""
    main = main_of(name)
    if main is None:
        return ServiceDir(paths.service(name), parking)
    return LogDir(paths.service(name), paths.service(main), parking)


class LogDir(ServiceDir):
    """The files of a ``log/run``, and the pipe."""

    def __init__(self, paths: ServicePaths, main: ServicePaths, parking: Parking) -> None:
        super().__init__(paths, parking)
        self._main = main

    def hold_logs(self, *, separate: bool) -> None:
        """Make the pipe, and hold it; idempotent."""
        make_fifo(self._main.pipe, LOG_FIFO_MODE)
        make_fifo(self._main.err, LOG_FIFO_MODE)
        if not self._logs:
            self._logs.append(self._parking.park(open_fifo(self._main.pipe)))

    def open_output(self) -> tuple[int, int]:
        """Both are the main service's stderr: what a log program says is not for its own log."""
        try:
            err = os.open(self._main.err, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise SystemCallFailed.of("open", self._main.err, error) from error
        return err, os.dup(err)

    def open_input(self) -> int:
        """The end of the pipe that is read.

        Raises:
            SystemCallFailed: it cannot be opened.
        """
        try:
            # We hold the other end, so this does not wait for a writer.
            return os.open(self._main.pipe, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise SystemCallFailed.of("open", self._main.pipe, error) from error

    def remove(self) -> None:
        """Take its files away, and the pipe."""
        super().remove()
        files.remove_file(self._main.pipe)
        files.remove_directory(self._main.run)
