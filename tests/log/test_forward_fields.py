"""What rsyslogd and syslog-ng make of what is sent on: every message, every field."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from supervise.core.logline import Record
from supervise.core.syslog import Message, compose
from supervise.paths import Paths
from tests.log.forwarder import Forwarder, Log
from tests.log.receivers import Certificates, Received, Receiver, Rsyslog, SyslogNg

HOST = socket.gethostname()
AT_NS = 1_795_448_020_123_456_000
AT = datetime.fromtimestamp(AT_NS // 1_000_000_000, UTC).replace(microsecond=123_456)

MESSAGE = Message(19, 'grüße [x] \\ "'.encode(), "cron", "4711", "ID7", b'[meta@1 a="b\\"c"]')
RECORDS = (
    Record(AT_NS, "out", b"to standard output"),
    Record(AT_NS, "err", b"to standard error"),
    Record(AT_NS, "csv", b"launch 1 started"),
    Record(AT_NS, "out", b"prompt: ", partial=True),
    Record(AT_NS, "out", b""),
    Record(AT_NS, MESSAGE.origin, compose(MESSAGE)),
)


def ours(origin: str, more: str = "") -> str:
    return f'[csv@32473 service="web" origin="{origin}"{more}]'


EXPECTED = (
    ("30", "web", "-", "-", ours("out"), "to standard output"),
    ("27", "web", "-", "-", ours("err"), "to standard error"),
    ("29", "web", "-", "-", ours("csv"), "launch 1 started"),
    ("30", "web", "-", "-", ours("out", ' partial="1"'), "prompt: "),
    ("30", "web", "-", "-", ours("out"), ""),
    ("19", "cron", "4711", "ID7", ours("mail.err") + '[meta@1 a="b\\"c"]', 'grüße [x] \\ "'),
)


def plain(message: Received) -> tuple[str, ...]:
    """The fields; syslog-ng writes a nil as nothing, and sorts structured data."""
    fields = (message.app_name, message.process_id or "-", message.message_id or "-")
    data = "".join(sorted(message.data.replace("][", "]\n[").split("\n")))
    return (message.priority, *fields, data, message.text)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls") / "files")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
def test_every_field_arrives(  # noqa: PLR0917 - fixtures
    kind: type[Receiver],
    transport: str,
    place: Paths,
    forwarder: Forwarder,
    receiver: Callable[..., Receiver],
    certificates: Certificates,
) -> None:
    there = receiver(kind, transport, certificates)
    there.start()
    log = Log(place, "web", there.target)
    log.append(*RECORDS)
    forwarder.start()
    there.wait_for_texts({record[-1] for record in EXPECTED})
    messages = there.received()
    stamps = {datetime.fromisoformat(message.time) for message in messages}
    assert stamps == {AT}
    assert {message.host for message in messages} == {HOST}
    assert [plain(message) for message in messages][: len(EXPECTED)] == [
        (*row[:4], "".join(sorted(row[4].replace("][", "]\n[").split("\n"))), row[5])
        for row in EXPECTED
    ]
