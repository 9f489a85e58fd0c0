"""The line format: what was written comes back, whatever it was."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.logline import (
    ISO8601,
    TAI64N,
    Record,
    escape,
    format_record,
    make_stamp,
    parse_record,
    settled_length,
    stamp_lines,
    unescape,
)

MOMENT_NS = 1_795_446_000_123_456_789

stamps = st.sampled_from([make_stamp(MOMENT_NS, ISO8601), make_stamp(MOMENT_NS, TAI64N)])
outputs = (
    st.lists(
        st.sampled_from([b"\n", b"a", b"\n\n", b"0123456789", b"\0\xff\x1b[2J", b"\r", b" out "])
    ).map(b"".join)
    | st.binary()
)


def text_of(log: bytes) -> bytes:
    """What the service wrote, by the rule of csv-log(5)."""
    text = b""
    for line in log.split(b"\n")[:-1]:
        record = parse_record(line)
        assert record is not None
        text += record.text if record.partial else record.text + b"\n"
    return text


@given(outputs, stamps, st.integers(1, 12), st.sampled_from([b"out", b"err"]))
def test_output_comes_back_unaltered(data: bytes, stamp: bytes, limit: int, origin: bytes) -> None:
    log = b"".join(stamp_lines(data, stamp=stamp, origin=origin, limit=limit))
    assert text_of(log) == data
    for line in log.split(b"\n")[:-1]:
        record = parse_record(line)
        assert record is not None
        assert record.origin == origin.decode()
        assert len(record.text) <= limit


@given(outputs, st.integers(1, 12), st.data())
def test_cutting_where_it_is_settled_changes_nothing(
    data: bytes, limit: int, draw: st.DataObject
) -> None:
    """However the bytes arrive, the records are those of arriving at once."""

    def records(chunk: bytes) -> bytes:
        return b"".join(stamp_lines(chunk, stamp=b"@" + b"0" * 24, origin=b"out", limit=limit))

    log = rest = b""
    at = 0
    while at < len(data):
        step = draw.draw(st.integers(1, len(data)))
        rest += data[at : at + step]
        at += step
        end = settled_length(rest, limit)
        log, rest = log + records(rest[:end]), rest[end:]
    assert text_of(log + records(rest)) == data
    assert len(rest) <= limit


def test_whole_lines_of_the_limit_are_not_split() -> None:
    log = b"".join(stamp_lines(b"12345\n123456\n", stamp=b"S", origin=b"out", limit=5))
    assert log == b"S out 12345\nS out+ 12345\nS out 6\n"


@given(
    st.integers(0, 4_000_000_000_999_999_999),
    st.sampled_from(["out", "err", "csv", "daemon.info", "local0.emerg"]),
    st.binary(),
    st.booleans(),
)
def test_records_round_trip(time_ns: int, origin: str, text: bytes, partial: bool) -> None:
    if "." not in origin:
        text = text.replace(b"\n", b"")
    record = Record(time_ns, origin, text, partial)
    line = format_record(record, TAI64N)
    assert line.count(b"\n") == 1
    assert parse_record(line[:-1]) == record
    cut = record._replace(time_ns=time_ns // 1000 * 1000)
    assert parse_record(format_record(record, ISO8601)[:-1]) == cut


def test_what_is_not_escaped_holds_no_newline() -> None:
    with pytest.raises(ValueError, match="newline"):
        format_record(Record(0, "csv", b"two\nlines"))


@given(st.binary())
def test_escaped_text_is_harmless_and_comes_back(text: bytes) -> None:
    escaped = escape(text)
    assert unescape(escaped) == text
    assert not any(byte < 32 and byte != 9 for byte in escaped)


@given(st.binary(max_size=60))
def test_any_line_can_be_parsed(line: bytes) -> None:
    parse_record(line)
    unescape(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"2026-13-23T15:00:00.000000Z out no such month",
        b"2026-11-23T15:00:00.00000Z out five digits",
        b"@40000000000000000000000 out short label",
        b"2026-11-23T15:00:00.000000Z OUT x",
        b"2026-11-23T15:00:00.000000Z out",
    ],
)
def test_what_is_no_record(line: bytes) -> None:
    assert parse_record(line) is None


def test_stamps_are_those_of_the_standard_and_of_daemontools() -> None:
    assert make_stamp(MOMENT_NS, ISO8601) == b"2026-11-23T15:00:00.123456Z"
    label = make_stamp(MOMENT_NS, TAI64N) + b"\n"
    local = subprocess.run(
        ["tai64nlocal"], input=label, env={"TZ": "UTC"}, capture_output=True, check=True
    )
    assert local.stdout == b"2026-11-23 15:00:00.123456789\n"
