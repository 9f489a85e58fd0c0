"""Nothing is lost on the way to a receiver, whoever is away or killed, and little comes twice."""

import os
import re
import select
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from supervise.paths import Paths
from tests.log.forwarder import Forwarder, Log
from tests.log.receivers import Certificates, Receiver, Rsyslog, SyslogNg

Make = Callable[..., Receiver]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls") / "files")


def lines(first: int, count: int) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_receiver_that_is_away_loses_nothing(
    transport: str, place: Paths, forwarder: Forwarder, receiver: Make, certificates: Certificates
) -> None:
    there = receiver(Rsyslog, transport, certificates)
    log = Log(place, "web", there.target)
    written = log.write(*lines(0, 500))
    forwarder.start()
    forwarder.wait_for_complaint("takes no lines: ")
    log.rotate()
    written |= log.write(*lines(500, 500))
    there.start()
    there.wait_until_ready()
    forwarder.hurry()
    there.wait_for_texts(written)
    assert list(dict.fromkeys(there.texts())) == lines(0, 1000)
    forwarder.wait_for_complaint("takes lines again, after ")


@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_receiver_that_is_killed_loses_nothing(  # noqa: PLR0917 - fixtures
    kind: type[Receiver],
    transport: str,
    place: Paths,
    forwarder: Forwarder,
    receiver: Make,
    certificates: Certificates,
) -> None:
    """It dies with lines that its kernel had acknowledged and it had not read."""
    there = receiver(kind, transport, certificates)
    there.start()
    log = Log(place, "web", there.target)
    forwarder.start()
    written: set[str] = set()
    for start in range(0, 15_000, 3000):
        written |= log.write(*lines(start, 3000))
        there.wait_for_texts({f"line {start}"})
        there.kill()
        there.start()
        there.wait_until_ready()
        forwarder.hurry()
    there.wait_for_texts(written)
    assert max(Counter(there.texts()).values()) <= 6


def test_a_forwarder_that_is_killed_loses_nothing(
    place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    there = receiver(SyslogNg, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    written: set[str] = set()
    for start in range(0, 10_000, 1000):
        written |= log.write(*lines(start, 1000))
        forwarder.start()
        there.wait_for_texts({f"line {start}"})
        forwarder.kill()
        log.rotate()
    forwarder.start()
    there.wait_for_texts(written)


def test_one_that_ends_when_told_sends_nothing_twice(
    place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    there = receiver(Rsyslog, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    written: set[str] = set()
    for start in range(0, 400, 100):
        written |= log.write(*lines(start, 100))
        forwarder.start()
        there.wait_for_texts(written)
        written |= log.write(f"last of {start}")
        assert forwarder.stop() == 0
        log.rotate()
    there.wait_for_texts(written)
    assert len(there.texts()) == len(written)


def test_rotation_is_followed(place: Paths, forwarder: Forwarder, receiver: Make) -> None:
    there = receiver(SyslogNg, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    forwarder.start()
    written: set[str] = set()
    for start in range(0, 1000, 20):
        written |= log.write(*lines(start, 20))
        log.rotate(keep=100)
    there.wait_for_texts(written)
    assert there.texts() == lines(0, 1000)


@pytest.mark.parametrize("is_up", [True, False], ids=["forwarder up", "forwarder down"])
def test_what_retention_has_removed_is_counted(
    is_up: bool, place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    """The receiver has 100 lines, 300 are removed while it is away, and the last 250 arrive."""
    there = receiver(Rsyslog, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    forwarder.start()
    there.wait_for_texts(log.write(*lines(0, 100)))
    assert forwarder.stop() == 0
    there.kill()
    if is_up:
        forwarder.start()
        log.write("one that makes it notice")
        forwarder.wait_for_complaint("takes no lines")
    log.rotate()
    for start in range(100, 600, 100):
        log.write(*lines(start, 100))
        log.rotate(keep=2)
    written = log.write(*lines(600, 50)) | set(lines(400, 200))
    there.start()
    if is_up:
        forwarder.hurry()
    else:
        forwarder.start()
    there.wait_for_texts(written)
    missed = re.findall(r"forward: web: (.*) lines were removed", forwarder.complaints())
    assert missed == ["301" if is_up else "300"]
    assert not set(lines(100, 300)) & set(there.texts())


def test_a_log_that_somebody_emptied_is_sent_on(
    place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    there = receiver(SyslogNg, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    forwarder.start()
    there.wait_for_texts(log.write(*lines(0, 10)))
    (log.directory / "current").write_bytes(b"")
    there.wait_for_texts(log.write("short"))


def test_each_target_has_its_own_position(
    place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    one, other = receiver(Rsyslog, "tcp"), receiver(SyslogNg, "tcp")
    one.start()
    web = Log(place, "web", one.target, other.target)
    db = Log(place, "db", one.target)
    forwarder.start()
    written = web.write(*lines(0, 10))
    one.wait_for_texts(written | db.write("db 1"))
    other.start()
    forwarder.hurry()
    other.wait_for_texts(written)
    assert not {"db 1"} & set(other.texts())


def test_targets_change_while_it_runs(place: Paths, forwarder: Forwarder, receiver: Make) -> None:
    one, other = receiver(Rsyslog, "tcp"), receiver(SyslogNg, "tcp")
    one.start()
    other.start()
    log = Log(place, "web", one.target)
    forwarder.start()
    one.wait_for_texts(log.write("first"))
    log.send_to(other.target)
    forwarder.order("look web")
    other.wait_for_texts(log.write("second"))
    assert one.texts() == ["first"]


def test_what_a_removed_service_has_left_is_sent(
    place: Paths, forwarder: Forwarder, receiver: Make
) -> None:
    there = receiver(Rsyslog, "tcp")
    log = Log(place, "web", there.target)
    forwarder.start()
    written = log.write(*lines(0, 10))
    forwarder.wait_for_complaint("takes no lines")
    forwarder.kill()
    written |= log.write("last words")
    (log.run / "log.json").unlink()
    log.run.rmdir()
    there.start()
    forwarder.start()
    there.wait_for_texts(written)


@pytest.mark.parametrize("mistake", ["stranger", "name"])
def test_one_who_is_not_who_it_should_be_gets_nothing(
    mistake: str, place: Paths, forwarder: Forwarder, receiver: Make, certificates: Certificates
) -> None:
    there = receiver(Rsyslog, "tls", certificates)
    there.start()
    there.wait_until_ready()
    wrong = {"ca": str(certificates.stranger)} if mistake == "stranger" else {"name": "other.test"}
    log = Log(place, "web", {**there.target, **wrong})
    log.write("secret")
    forwarder.start()
    forwarder.wait_for_complaint("certificate verify failed")
    assert there.texts() == []


def test_idle_is_idle(place: Paths, forwarder: Forwarder, receiver: Make) -> None:
    """Seven seconds after the last line nothing is left to be settled."""
    there = receiver(SyslogNg, "tcp")
    there.start()
    log = Log(place, "web", there.target)
    forwarder.start()
    there.wait_for_texts(log.write("a line"))
    assert forwarder.process is not None
    pid = forwarder.process.pid
    _alive_for(pid, 7.0)
    before = _switches(pid)
    _alive_for(pid, 2.5)
    assert _switches(pid) == before


def _alive_for(pid: int, time_s: float) -> None:
    pidfd = os.pidfd_open(pid)
    died, _, _ = select.select([pidfd], [], [], time_s)
    os.close(pidfd)
    assert not died


def _switches(pid: int) -> list[str]:
    """What every thread of the process has been woken up for."""
    found = []
    for status in sorted(Path(f"/proc/{pid}/task").glob("*/status")):
        found += re.findall(r"^voluntary_ctxt_switches:.*", status.read_text(), re.M)
    return found
