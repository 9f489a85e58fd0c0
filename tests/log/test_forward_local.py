"""This machine's own receivers: a real journald, field by field, and what /dev/log gets."""

import re
import socket
from pathlib import Path

from supervise.core.logline import Record
from supervise.core.syslog import Message, compose, parse
from supervise.paths import Paths
from tests.log.forwarder import Forwarder, Log
from tests.log.journal import journald
from tests.waiting import LIMIT_S

AT_NS = 1_795_448_020_123_456_000
MESSAGE = Message(19, b"one\ntwo", "cron", "4711", "ID7", b'[meta@1 a="b"]')


def test_journald_gets_every_field(place: Paths, forwarder: Forwarder) -> None:
    with journald(Path(place.lib_dir, "journald.stderr")) as journal:
        log = Log(place, "web", {"transport": "journald", "path": journal.socket})
        log.append(
            Record(AT_NS, "out", b"to standard output"),
            Record(AT_NS, "err", "grüße".encode(), partial=True),
            Record(AT_NS, MESSAGE.origin, compose(MESSAGE)),
        )
        forwarder.start()
        assert forwarder.stop() == 0
        entries = journal.synced_entries()
    own = {
        "CONTAINER_NAME": "web",
        "CSV_SERVICE": "web",
        "CSV_TIMESTAMP": "2026-11-23T15:33:40.123456Z",
    }
    expected = (
        {"MESSAGE": "to standard output", "PRIORITY": "6", "SYSLOG_FACILITY": "3"}
        | {"SYSLOG_IDENTIFIER": "web", "CSV_ORIGIN": "out"},
        {"MESSAGE": "grüße", "PRIORITY": "3", "SYSLOG_FACILITY": "3", "CSV_ORIGIN": "err"}
        | {"SYSLOG_IDENTIFIER": "web", "CONTAINER_PARTIAL_MESSAGE": "true"},
        {"MESSAGE": "one\ntwo", "PRIORITY": "3", "SYSLOG_FACILITY": "2", "SYSLOG_PID": "4711"}
        | {"SYSLOG_IDENTIFIER": "cron", "CSV_ORIGIN": "mail.err", "CSV_MESSAGE_ID": "ID7"}
        | {"CSV_STRUCTURED_DATA": '[meta@1 a="b"]'},
    )
    for entry, fields in zip(entries, expected, strict=True):
        ours = {key: value for key, value in entry.items() if not key.startswith("_")}
        assert ours == own | fields


def test_an_entry_that_is_too_large_for_a_datagram_goes_as_a_file(
    place: Paths, forwarder: Forwarder
) -> None:
    text = "x" * 300_000
    with journald(Path(place.lib_dir, "journald.stderr")) as journal:
        log = Log(place, "web", {"transport": "journald", "path": journal.socket})
        log.write("before")
        tagged = Message(30, text.encode(), "big")
        log.append(Record(AT_NS, tagged.origin, compose(tagged)))
        log.write("after")
        forwarder.start()
        assert forwarder.stop() == 0
        entries = journal.synced_entries()
    assert [entry["MESSAGE"] for entry in entries] == ["before", text, "after"]


def test_dev_log_gets_what_syslog_3_sends(place: Paths, forwarder: Forwarder) -> None:
    path = place.lib_dir + "/log"
    log = Log(place, "web", {"transport": "syslog", "path": path})
    written = [f"line {number}" for number in range(1000)]
    log.write(*written)
    log.append(Record(AT_NS, MESSAGE.origin, compose(MESSAGE)))
    forwarder.start()
    forwarder.wait_for_complaint("takes no lines: [Errno 2] No such file")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.settimeout(LIMIT_S)
        there.bind(path)
        forwarder.hurry()
        datagrams = [there.recv(65536) for _ in range(1001)]
    assert re.match(rb"<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d web: line 0\Z", datagrams[0])
    messages = [parse(datagram) for datagram in datagrams]
    assert messages[:1000] == [Message(30, text.encode(), "web") for text in written]
    assert messages[1000] == Message(19, b"one\ntwo", "cron", "4711")
