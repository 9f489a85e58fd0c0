"""What a service folder says, as a value: ServiceDefinition and its parts.

Values only. ``core.runfile`` makes them from the text of a container run file, ``daemon.folder``
reads the files. Times are float seconds, sizes bytes; defaults stand here and nowhere else.
"""

import signal
from enum import Enum

from attrs import field, frozen


class Restart(Enum):
    """When a run that ended is followed by another."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


@frozen(kw_only=True)
class RestartPolicy:
    """``[restart]``.

    Attributes:
        policy: when to start again after an end nobody asked for.
        min_delay_s: the delay of the first restart after a healthy run.
        first_delay_s: the delay after the first run that was too short.
        factor: by how much each further delay grows.
        max_delay_s: where growth ends.
        jitter: part of the delay by which it varies, either way; 0 to 1.
        reset_after_s: a run at least this long (up, or since ready) was healthy.
        max_failures: this many failures within ``window_s`` give up; 0 never does. A failure is any
            end but one that was asked for, and exit 0 after a healthy run.
        window_s: see ``max_failures``.
        retry_every_s: how often a service that was given up is tried again; 0 never.
    """

    policy: Restart = Restart.ALWAYS
    min_delay_s: float = 0.0
    first_delay_s: float = 0.1
    factor: float = 2.0
    max_delay_s: float = 60.0
    jitter: float = 0.1
    reset_after_s: float = 10.0
    max_failures: int = 0
    window_s: float = 60.0
    retry_every_s: float = 0.0


class Timestamp(Enum):
    """How a log line is stamped."""

    ISO8601 = "iso8601"
    TAI64N = "tai64n"


class Transport(Enum):
    """How a log is sent on; the values are the schemes of ``[log] forward``."""

    SYSLOG = "syslog"
    JOURNALD = "journald"
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@frozen(kw_only=True)
class ForwardTarget:
    """Somewhere that a log is sent on to, one of ``[log] forward``.

    Attributes:
        transport: how.
        path: the socket of ``syslog`` and ``journald``; empty for the others.
        host, port: the receiver of ``udp``, ``tcp`` and ``tls``.
        ca: a PEM file of those who may vouch for the receiver; None: whom this machine trusts.
        certificate, key: PEM files by which we show who we are; None: we do not.
        name: whom the receiver's certificate must name.
    """

    transport: Transport
    path: str = ""
    host: str = ""
    port: int = 0
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{self.transport.value}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.value}://{host}:{self.port}"


class Compress(Enum):
    """How rotated files are compressed."""

    NONE = "none"
    ZSTD = "zstd"


class OnFull(Enum):
    """What becomes of lines while the log cannot be written."""

    WAIT = "wait"
    DROP = "drop"


@frozen(kw_only=True)
class LogPolicy:
    """``[log]``.

    Attributes:
        max_size_bytes: ``current`` is rotated before it grows beyond this.
        keep: how many rotated files stay.
        timestamp: the form of the stamp.
        forward: where it is sent on to.
        rotate_every_s: ``current`` holds lines of one such span of time (UTC) only; 0 is no limit.
        max_total_bytes: what all files of the log may take; 0 is no limit but ``keep``.
        compress: what is done to rotated files.
        rate_per_s: lines beyond are dropped and counted; 0 drops none.
        burst: how many lines may come at once, when ``rate_per_s`` was not used up.
        on_full: whether the service waits for a disk that is full, or loses lines.
        syslog: a container gets a ``/dev/log`` of its own.
    """

    max_size_bytes: int = 16 * 1024 * 1024
    keep: int = 10
    timestamp: Timestamp = Timestamp.ISO8601
    rotate_every_s: float = 0.0
    max_total_bytes: int = 0
    compress: Compress = Compress.NONE
    rate_per_s: float = 0.0
    burst: int = 1
    on_full: OnFull = OnFull.WAIT
    syslog: bool = True
    forward: tuple[ForwardTarget, ...] = ()


@frozen(kw_only=True)
class Volume:
    """A bind mount.

    Attributes:
        source: absolute path on the host.
        target: absolute path in the container.
        read_only: ``:ro``.
    """

    source: str
    target: str
    read_only: bool = False


@frozen(kw_only=True)
class Tmpfs:
    """A tmpfs mount; ``options`` as mount(8) takes them, Compose's ``size=`` and ``mode=`` too."""

    target: str
    options: tuple[str, ...] = ()


@frozen(kw_only=True)
class Limits:
    """What a container may use; None is no limit."""

    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None


@frozen(kw_only=True)
class ContainerDefinition:
    """A container run file, parsed. Nothing here was looked up on the machine yet.

    Attributes:
        rootfs: ``host``, or the absolute path of a directory.
        entrypoint: None when the file does not name one.
        command: as in Compose: appended to the entrypoint.
        environment: what the file sets; a value of None takes the supervisor's own variable.
        env_files: absolute paths of env files, or of directories in envdir form.
        user: ``name``, ``uid``, ``name:group`` or ``uid:gid``; resolved inside the rootfs.
        writable_keep: keep the writable layer between launches.
    """

    rootfs: str
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    env_files: tuple[str, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    volumes: tuple[Volume, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    read_only: bool = False
    init: bool = False
    network_mode: str = "host"
    labels: tuple[tuple[str, str], ...] = ()
    limits: Limits = field(factory=Limits)
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    writable_keep: bool = False


@frozen(kw_only=True)
class ServiceDefinition:
    """A service folder, read whole and found right.

    Attributes:
        name: the folder's name.
        container: None for a plain ``run``.
        stop_signal: the number sent by ``svc -d``.
        stop_grace_period_s: how long a stop may take before all that is left is killed.
        normally_down: there is a ``down`` file.
        finish: there is an executable ``finish``.
        finish_timeout_s: how long ``finish`` may run.
        fingerprint: changes whenever one of the files changes that the definition was made from.
    """

    name: str
    container: ContainerDefinition | None = None
    restart: RestartPolicy = field(factory=RestartPolicy)
    log: LogPolicy = field(factory=LogPolicy)
    stop_signal: int = signal.SIGTERM.value
    stop_grace_period_s: float = 10.0
    normally_down: bool = False
    finish: bool = False
    finish_timeout_s: float = 5.0
    fingerprint: str = ""

    @property
    def private_syslog(self) -> bool:
        """Whether its launches get a ``/dev/log`` of their own.

        A plain program has this machine's, and a container may bring one.
        """
        if self.container is None or not self.log.syslog:
            return False
        mounts: list[Volume | Tmpfs] = [*self.container.volumes, *self.container.tmpfs]
        return not {mount.target for mount in mounts} & {"/dev", "/dev/log", "/dev/csv-log"}


@frozen(kw_only=True)
class MachineSettings:
    """``SCAN/csv.toml``: what holds for every service that does not say otherwise.

    Attributes:
        restart: the defaults of each service's ``[restart]``.
        log: the defaults of each service's ``[log]``.
        parallel_starts: how many launches may be under way at once; None is twice the cores.
    """

    restart: RestartPolicy = field(factory=RestartPolicy)
    log: LogPolicy = field(factory=LogPolicy)
    parallel_starts: int | None = None
