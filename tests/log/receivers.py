"""Real receivers of syslog: rsyslogd and syslog-ng, as Debian has them, on ports of this machine.

``contrib/test`` unpacks the two packages, which exclude each other, and an installed one would
take the machine's own /dev/log.
"""

import os
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from supervise.paths import Paths
from tests.waiting import LIMIT_S, wait_for

UNPACKED = Path(__file__).resolve().parent.parent.parent / ".venv/receivers"
LIBRARIES = sorted(UNPACKED.glob("usr/lib/*-linux-gnu/rsyslog"))

SEPARATOR = "\x1e"


class Received(NamedTuple):
    """A message as the receiver has understood it."""

    priority: str
    time: str
    host: str
    app_name: str
    process_id: str
    message_id: str
    data: str
    text: str


def free_port() -> int:
    """A port that nobody has now, for UDP and TCP."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


class Certificates:
    """An authority, and what it signed: a receiver ``logs.test``, a client ``box.test``."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.ca = directory / "ca.pem"
        self._authority(self.ca)
        self.receiver = self._signed(directory, "logs.test")
        self.client = self._signed(directory, "box.test")
        self.stranger = directory / "stranger.pem"
        self._authority(self.stranger)

    @staticmethod
    def _openssl(*argv: str | Path) -> None:
        subprocess.run(["openssl", *argv], check=True, capture_output=True)

    def _authority(self, ca: Path) -> None:
        key = ca.with_suffix(".key")
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        self._openssl(*words, "-subj", "/CN=ca", "-addext", usage, "-keyout", key, "-out", ca)

    def _signed(self, directory: Path, name: str) -> tuple[Path, Path]:
        key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
        signer = ("-CA", self.ca, "-CAkey", self.ca.with_suffix(".key"))
        names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
        self._openssl(*words, *signer, *names, *leaf, "-keyout", key, "-out", certificate)
        return certificate, key


class Receiver:
    """A receiver on one port; its output is one file that outlives it."""

    def __init__(self, place: Paths, transport: str, certificates: Certificates | None) -> None:
        self.transport = transport
        self.certificates = certificates
        self.port = free_port()
        self.directory = Path(place.lib_dir, f"receiver.{self.port}")
        self.directory.mkdir()
        self.output = self.directory / "received"
        self.errors = self.directory / "stderr"
        self.process: subprocess.Popen[bytes] | None = None

    def configuration(self) -> str:
        raise NotImplementedError

    def command(self, configuration: Path) -> list[str]:
        raise NotImplementedError

    @property
    def target(self) -> dict[str, object]:
        """The forwarder's target, as it stands in log.json."""
        remote = {"transport": self.transport, "host": "127.0.0.1", "port": self.port}
        if self.transport != "tls":
            return remote
        assert self.certificates is not None
        certificate, key = map(str, self.certificates.client)
        ca = str(self.certificates.ca)
        tls = {"ca": ca, "certificate": certificate, "key": key, "name": "logs.test"}
        return {**remote, **tls}

    def start(self) -> None:
        """Start it; that it is not ready yet is for the forwarder to bear."""
        configuration = self.directory / "conf"
        configuration.write_text(self.configuration())
        libraries = UNPACKED / "usr/lib/syslog-ng"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                self.command(configuration),
                env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
                cwd=self.directory,
                stdout=errors,
                stderr=errors,
            )

    def wait_until_ready(self) -> None:
        """Wait until it has read its configuration, and listens."""
        assert self.process is not None
        pid, own = self.directory / "pid", str(self.process.pid)
        wait_for(lambda: pid.exists() and pid.read_text().strip() == own, str(self.directory))

    def kill(self) -> None:
        """SIGKILL; what it had not written is lost to it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT_S)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT_S)

    def received(self) -> list[Received]:
        """All whole lines of its output, in their order."""
        if not self.output.exists():
            return []
        lines = self.output.read_text(errors="surrogateescape").split("\n")[:-1]
        return [Received(*line.split(SEPARATOR)) for line in lines]

    def texts(self) -> list[str]:
        return [message.text for message in self.received()]

    def wait_for_texts(self, texts: set[str], limit_s: float = LIMIT_S) -> None:
        """Wait until every one of these has come."""
        wait_for(lambda: texts <= set(self.texts()), str(self.directory), limit_s=limit_s)


class Rsyslog(Receiver):
    """rsyslogd."""

    def configuration(self) -> str:
        fields = "pri timestamp:::date-rfc3339 hostname app-name procid msgid structured-data msg"
        template = SEPARATOR.join(f"%{field}%" for field in fields.split())
        tls = ""
        if self.certificates is not None and self.transport == "tls":
            certificate, key = self.certificates.receiver
            tls = 'streamdriver.name="ossl" streamdriver.mode="1" streamdriver.authmode='
            tls += '"x509/name" permittedpeer=["box.test"]'
            driver = (
                f'defaultnetstreamdrivercafile="{self.certificates.ca}" '
                f'defaultnetstreamdrivercertfile="{certificate}" '
                f'defaultnetstreamdriverkeyfile="{key}" defaultnetstreamdriver="ossl"'
            )
        else:
            driver = ""
        module = "imudp" if self.transport == "udp" else "imtcp"
        return f"""
            global(workdirectory="{self.directory}" {driver})
            module(load="{module}" {tls})
            template(name="fields" type="string" string="{template}\\n")
            input(type="{module}" address="127.0.0.1" port="{self.port}")
            action(type="omfile" file="{self.output}" template="fields")
        """

    def command(self, configuration: Path) -> list[str]:
        program = str(UNPACKED / "usr/sbin/rsyslogd")
        pid = str(self.directory / "pid")
        return [program, "-n", "-f", str(configuration), "-i", pid, "-M", f"{LIBRARIES[0]}/"]


class SyslogNg(Receiver):
    """syslog-ng."""

    def configuration(self) -> str:
        fields = "PRI ISODATE HOST PROGRAM PID MSGID SDATA MSG"
        template = SEPARATOR.join(f"${{{field}}}" for field in fields.split())
        tls = ""
        if self.certificates is not None and self.transport == "tls":
            certificate, key = self.certificates.receiver
            tls = (
                f'tls(ca-file("{self.certificates.ca}") cert-file("{certificate}") '
                f'key-file("{key}") peer-verify(required-trusted))'
            )
        return f"""@version: 3.35
            options {{ keep-hostname(yes); frac-digits(6); ts-format(iso); use-dns(no);
                       stats-freq(0); time-reopen(1); flush-lines(1); }};
            source from {{ syslog(ip("127.0.0.1") port({self.port})
                transport("{self.transport}") {tls}); }};
            destination to {{ file("{self.output}" template("{template}\\n")); }};
            log {{ source(from); destination(to); }};
        """

    def command(self, configuration: Path) -> list[str]:
        state = [f"--persist-file={self.directory}/persist", f"--pidfile={self.directory}/pid"]
        modules = f"--module-path={UNPACKED}/usr/lib/syslog-ng/3.38"
        program = str(UNPACKED / "usr/sbin/syslog-ng")
        control = f"--control={self.directory}/ctl"
        return [program, "-F", "--no-caps", modules, *state, control, "-f", str(configuration)]
