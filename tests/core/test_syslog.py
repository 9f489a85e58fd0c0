"""Syslog messages as programs really send them; and that nothing of one is lost on its way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.logline import Record, format_record, parse_record
from supervise.core.syslog import (
    FACILITIES,
    SEVERITIES,
    Message,
    compose,
    decompose,
    format_5424,
    format_value,
    parse,
    priority_of,
)

MOMENT_NS = 1_795_446_000_123_456_789
HOSTS = (b"box", b"localhost")
EXAMPLE = b'[exampleSDID@32473 iut="3" eventSource="App\\"li\\]cation"][e@1]'

SENT = {
    "glibc": (
        b"<30>Nov 23 16:00:00 prog[123]: hello",
        Message(30, b"hello", "prog", "123"),
        b"prog[123]: hello",
    ),
    "musl, busybox": (
        b"<13>Nov  3 16:00:00 root: hello\n",
        Message(13, b"hello", "root"),
        b"root: hello",
    ),
    "Python": (b"<14>hello\0", Message(14, b"hello"), b"hello"),
    "Python with an ident": (b"<14>app: hello\0", Message(14, b"hello", "app"), b"app: hello"),
    "util-linux to a server": (
        b"<13>Nov 23 16:00:00 box tag[7]: hello",
        Message(13, b"hello", "tag", "7"),
        b"tag[7]: hello",
    ),
    "rsyslog's forward format": (
        b"<46>2026-11-23T16:00:00.123456+00:00 box rsyslogd: start",
        Message(46, b"start", "rsyslogd"),
        b"rsyslogd: start",
    ),
    "a host that is not the sender's own": (
        b"<13>Nov 23 16:00:00 started nginx: hello",
        Message(13, b"started nginx: hello"),
        b"started nginx: hello",
    ),
    "RFC 5424": (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 8710 ID47 "
        + EXAMPLE
        + b" \xef\xbb\xbfAn event",
        Message(165, b"An event", "evntslog", "8710", "ID47", EXAMPLE),
        b"evntslog[8710]: @ID47 " + EXAMPLE + b" An event",
    ),
    "RFC 5424 with nothing in it": (b"<0>1 - h - - - -", Message(0, b""), b""),
    "RFC 5424 with no tag": (
        b"<34>1 - h - - ID - x: y",
        Message(34, b"x: y", message_id="ID"),
        b"-: @ID [] x: y",
    ),
    "RFC 5424 with data alone": (
        b"<13>1 - h tag - - [a] x",
        Message(13, b"x", "tag", data=b"[a]"),
        b"tag: @ [a] x",
    ),
    "RFC 5424 that is none": (
        b"<13>1 - h tag - - [a x",
        Message(13, b"1 - h tag - - [a x"),
        b"1 - h tag - - [a x",
    ),
    "no priority": (b"tag: hello", Message(13, b"hello", "tag"), b"tag: hello"),
    "no such priority": (b"<192>hello", Message(13, b"<192>hello"), b"<192>hello"),
    "a priority no one writes so": (b"<013>hello", Message(13, b"<013>hello"), b"<013>hello"),
    "no tag, though a colon": (
        b"<14>http://box/ is down",
        Message(14, b"http://box/ is down"),
        b"http://box/ is down",
    ),
    "a tag and nothing": (b"<14>app:", Message(14, b"", "app"), b"app: "),
    "what looks like an extension": (
        b"<14>app: @ID [] x",
        Message(14, b"@ID [] x", "app"),
        b"app: @ [] @ID [] x",
    ),
    "nothing": (b"", Message(13, b""), b""),
    "terminators": (b"<14>hello\n\n\0", Message(14, b"hello\n"), b"hello\n"),
}


@pytest.mark.parametrize(("datagram", "message", "text"), SENT.values(), ids=SENT)
def test_what_is_sent_is_understood(datagram: bytes, message: Message, text: bytes) -> None:
    assert parse(datagram, HOSTS) == message
    assert compose(message) == text
    assert decompose(message.origin, text) == message


pieces = st.sampled_from(
    [
        *(b"<13>", b"<191>", b"<192>", b"1 ", b"- ", b"-", b"a", b"a[1]", b": ", b":", b"@"),
        *(b"[]", b"[a]", b'[a b="c"]', b" ", b"\n", b"\0", b"2026-11-23T16:00:00Z ", b"box "),
        *(b"Nov 23 16:00:00 ", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"\x1b[2J", b"\\x0a"),
    ]
)
datagrams = st.lists(pieces).map(b"".join) | st.binary()


@given(datagrams)
def test_anything_comes_back_from_the_log(datagram: bytes) -> None:
    message = parse(datagram, HOSTS)
    line = format_record(Record(MOMENT_NS, message.origin, compose(message)))
    assert line.count(b"\n") == 1
    assert not set(line[:-1]) & {*range(9), *range(10, 32), 127}
    record = parse_record(line[:-1])
    assert record is not None
    assert decompose(record.origin, record.text) == message


@given(datagrams)
def test_what_is_sent_on_is_what_came(datagram: bytes) -> None:
    message = parse(datagram, HOSTS)
    again = parse(format_5424(message, time_ns=MOMENT_NS, host="box") + b"\n\0")
    text = message.text.removeprefix(b"\xef\xbb\xbf")
    assert again == message._replace(text=text)


def test_5424_as_it_is_sent() -> None:
    message = Message(165, b"caf\xc3\xa9", "evnt slog", "8710", "ID47", EXAMPLE)
    expected = b"<165>1 2026-11-23T15:00:00.123456Z box evnt?slog 8710 ID47 " + EXAMPLE
    assert format_5424(message, time_ns=MOMENT_NS, host="box") == expected + b" caf\xc3\xa9"


def test_fields_are_made_to_fit() -> None:
    message = Message(13, b"", "t" * 49, "", "i" * 33)
    expected = b"<13>1 1970-01-01T00:00:00.000000Z - " + b"t" * 48 + b" - " + b"i" * 32 + b" -"
    assert format_5424(message, time_ns=0, host="") == expected


def test_a_value_cannot_end_its_element() -> None:
    data = f'[x@1 v="{format_value(chr(34) + "]" + chr(92))}"]'.encode()
    assert parse(b"<13>1 - - - - - " + data + b" text").data == data


def test_every_priority_has_a_name() -> None:
    for priority in range(8 * len(FACILITIES)):
        assert priority_of(Message(priority, b"").origin) == priority
    assert Message(0, b"").origin == f"{FACILITIES[0]}.{SEVERITIES[0]}" == "kern.emerg"
    assert priority_of("out") == priority_of("mail.loud") == priority_of("loud.err") == 13
