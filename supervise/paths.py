"""Where everything lies: the one place that knows a path of csv.

Four directories, each moved by an environment variable and an option (DEFAULTS). All else is
derived. Entries of the run directory that are no service begin with a dot, as no service can.
Plain strings and NamedTuple, not pathlib and attrs: ``svc`` imports this and must feel instant.
"""

import os
from typing import NamedTuple

DEFAULTS = {
    "CSV_SCAN_DIR": "/etc/csv",
    "CSV_RUN_DIR": "/run/csv",
    "CSV_LIB_DIR": "/var/lib/csv",
    "CSV_LOG_DIR": "/var/log/csv",
}


class ServicePaths(NamedTuple):
    """The places of one service.

    Attributes:
        name: the service's name, the name of its folder.
        folder: the service folder itself, below the scan directory.
        run: what belongs to this boot, ``RUN/NAME``.
        log: the log directory, ``LOG/NAME``; ``current`` lies in it.
    """

    name: str
    folder: str
    run: str
    log: str

    @property
    def supervise(self) -> str:
        """daemontools' directory; ``folder/supervise`` is a link to it."""
        return self.run + "/supervise"

    @property
    def control(self) -> str:
        return self.run + "/supervise/control"

    @property
    def ok(self) -> str:
        return self.run + "/supervise/ok"

    @property
    def status(self) -> str:
        return self.run + "/supervise/status"

    @property
    def state(self) -> str:
        """``state.json``: all that the next supervisor and ``csv status`` need to know."""
        return self.run + "/state.json"

    @property
    def out(self) -> str:
        """The FIFO that is the service's standard output."""
        return self.run + "/out"

    @property
    def err(self) -> str:
        """The FIFO that is the service's standard error (absent: it goes to ``out``)."""
        return self.run + "/err"

    @property
    def pipe(self) -> str:
        """The FIFO that is standard output instead, where the folder has a ``log/run``."""
        return self.run + "/pipe"

    @property
    def log_policy(self) -> str:
        """``log.json``: how the shim is to keep this service's log."""
        return self.run + "/log.json"

    @property
    def syslog(self) -> str:
        """The directory that a container has as ``/dev/csv-log``; the socket ``log`` is in it."""
        return self.run + "/syslog"

    def bundle(self, number: int) -> str:
        """The OCI bundle of launch ``number``; its ``rootfs`` is the mount point of the overlay."""
        return f"{self.run}/bundle.{number}"


class Paths(NamedTuple):
    """The four directories, absolute, and what is not any one service's."""

    scan_dir: str
    run_dir: str
    lib_dir: str
    log_dir: str

    @classmethod
    def find(
        cls,
        scan_dir: str | None = None,
        run_dir: str | None = None,
        lib_dir: str | None = None,
        log_dir: str | None = None,
    ) -> "Paths":
        """Take each directory from the argument, else the environment, else the default."""

        def one(given: str | None, variable: str) -> str:
            return os.path.abspath(given or os.environ.get(variable) or DEFAULTS[variable])

        return cls(
            one(scan_dir, "CSV_SCAN_DIR"),
            one(run_dir, "CSV_RUN_DIR"),
            one(lib_dir, "CSV_LIB_DIR"),
            one(log_dir, "CSV_LOG_DIR"),
        )

    def service(self, name: str) -> ServicePaths:
        return ServicePaths(
            name, f"{self.scan_dir}/{name}", f"{self.run_dir}/{name}", f"{self.log_dir}/{name}"
        )

    @property
    def settings(self) -> str:
        """Settings for the whole machine."""
        return self.scan_dir + "/csv.toml"

    @property
    def lock(self) -> str:
        """Held (flock) by the supervisor of this run directory, and by its spawns until exec."""
        return self.run_dir + "/.lock"

    @property
    def supervisor(self) -> str:
        """JSON ``{"pid", "start_time"}``: put there when the first scan is done, so: readiness."""
        return self.run_dir + "/.supervisor"

    @property
    def runtime_root(self) -> str:
        """``--root`` of crun and runc."""
        return self.run_dir + "/.runtime"

    @property
    def skeleton(self) -> str:
        """The lower layer of ``rootfs = "host"``."""
        return self.run_dir + "/.skeleton"

    @property
    def shim(self) -> str:
        """The syslog shim's own directory: ``lock pid control record spool/``."""
        return self.run_dir + "/.syslogd"

    @property
    def forwarder(self) -> str:
        """The forwarder's own directory: ``lock pid control``."""
        return self.run_dir + "/.forward"

    @property
    def positions(self) -> str:
        """How far each target has come with each log; it survives a boot."""
        return self.lib_dir + "/forward"

    @property
    def layers(self) -> str:
        """Writable layers: ``NAME.N`` of one launch, ``NAME.keep`` of all of a service's."""
        return self.lib_dir + "/containers"
