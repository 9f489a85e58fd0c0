"""From a record of a log to what a target takes: RFC 5424, the lines of /dev/log, or fields.

Standard output is ``daemon.info``, standard error ``daemon.err`` (as Docker's drivers have it),
what csv itself says ``daemon.notice``; a syslog message keeps its own priority, tag and pid. The
name of the service stands in every message, whatever tag it has: nobody can send in the name of
another.

A text that is longer than every receiver can be expected to take goes as several messages.
Source: RFC 5424, 6.1 (8192 bytes should be taken).
"""

import time
from collections.abc import Callable, Iterator
from functools import lru_cache

from supervise.core.definition import Transport
from supervise.core.journald import format_entry
from supervise.core.logline import ISO8601, Record, make_stamp
from supervise.core.syslog import (
    Message,
    decompose,
    format_5424,
    format_value,
    priority_of,
)

DATA_ID = "csv@32473"
"""Our structured data; 32473 is the enterprise number that is nobody's (RFC 5612)."""

_TEXT_BYTES = 7 * 1024  # leaves a KiB for the header, within 8192
_PRIORITIES = {"out": "daemon.info", "err": "daemon.err", "csv": "daemon.notice"}

Encoder = Callable[[Record, str], Iterator[bytes]]
"""Makes the messages of a record of the service that is named."""


def encoder(transport: Transport, host: str) -> Encoder:
    """What makes messages for this kind of target.

    Args:
        host: the name of this machine.
    """
    if transport is Transport.JOURNALD:
        return _journal
    if transport is Transport.SYSLOG:
        return _local
    framed = transport in (Transport.TCP, Transport.TLS)

    def remote(record: Record, service: str) -> Iterator[bytes]:
        for message, partial in _pieces(record, service):
            theirs = message.data.replace(b"[csv@", b"[not-csv@")
            whole = message._replace(data=_ours(service, record.origin, partial) + theirs)
            line = format_5424(whole, time_ns=record.time_ns, host=host)
            # Octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3); a datagram is its own frame.
            yield b"%d %s" % (len(line), line) if framed else line

    return remote


@lru_cache(maxsize=1024)
def _ours(service: str, origin: str, partial: bool) -> bytes:
    """The structured data that says where a message is from."""
    more = ' partial="1"' if partial else ""
    value = f'[{DATA_ID} service="{format_value(service)}" origin="{origin}"{more}]'
    return value.encode("utf-8", "replace")


def _message(record: Record) -> Message:
    if "." in record.origin:
        return decompose(record.origin, record.text)
    return Message(priority_of(_PRIORITIES.get(record.origin, "")), record.text)


def _pieces(record: Record, service: str) -> Iterator[tuple[Message, bool]]:
    """The record as messages, and whether the next one of its origin goes on with the text."""
    message = _message(record)
    message = message._replace(tag=message.tag or service)
    text = message.text
    while len(text) > _TEXT_BYTES:
        yield message._replace(text=text[:_TEXT_BYTES]), True
        text = text[_TEXT_BYTES:]
    yield message._replace(text=text), record.partial


def _local(record: Record, service: str) -> Iterator[bytes]:
    """What glibc's syslog(3) writes into /dev/log: local time, no host name."""
    for message, _ in _pieces(record, service):
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(record.time_ns // 1_000_000_000))
        tag = message.tag.replace(" ", "_") + (f"[{message.pid}]" if message.pid else "")
        yield f"<{message.priority}>{stamp} {tag}: ".encode() + message.text


def _journal(record: Record, service: str) -> Iterator[bytes]:
    """One entry; journald takes a text of any length."""
    message = _message(record)
    name = service.encode("utf-8", "surrogateescape")
    fields = [
        ("MESSAGE", message.text),
        ("PRIORITY", b"%d" % (message.priority & 7)),
        ("SYSLOG_FACILITY", b"%d" % (message.priority >> 3)),
        ("SYSLOG_IDENTIFIER", message.tag.encode() or name),
        ("CONTAINER_NAME", name),
        ("CSV_SERVICE", name),
        ("CSV_ORIGIN", record.origin.encode()),
        ("CSV_TIMESTAMP", make_stamp(record.time_ns, ISO8601)),
    ]
    if message.pid:
        fields.append(("SYSLOG_PID", message.pid.encode()))
    if message.message_id:
        fields.append(("CSV_MESSAGE_ID", message.message_id.encode()))
    if message.data:
        fields.append(("CSV_STRUCTURED_DATA", message.data))
    if record.partial:
        fields.append(("CONTAINER_PARTIAL_MESSAGE", b"true"))
    yield format_entry(fields)
