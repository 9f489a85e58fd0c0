"""supervise/status: our bytes are daemontools' and runit's, and no bytes can hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.status import DOWN, FINISH, RUN, Status, decode, encode
from supervise.errors import StatusError

STATUSES = st.builds(
    Status,
    changed_ns=st.integers(0, 2**62 * 1_000_000_000),
    pid=st.integers(0, 2**32 - 1),
    paused=st.booleans(),
    want=st.sampled_from(["u", "d", ""]),
    term_sent=st.booleans(),
    state=st.sampled_from([DOWN, RUN, FINISH]),
)


@given(STATUSES)
def test_every_status_survives_the_way_there_and_back(status: Status) -> None:
    data = encode(status)
    assert len(data) == 20
    assert decode(data) == status


@given(STATUSES)
def test_daemontools_record_is_the_first_18_bytes(status: Status) -> None:
    expected = status._replace(term_sent=False, state=RUN if status.pid else DOWN)
    assert decode(encode(status)[:18]) == expected


@given(st.one_of(st.binary(max_size=40), st.binary(min_size=20, max_size=20)))
def test_no_bytes_raise_anything_but_status_error(data: bytes) -> None:
    try:
        status = decode(data)
    except StatusError:
        return
    assert decode(encode(status)) == status


def test_layout_is_the_one_that_daemontools_wrote() -> None:
    """Bytes as ``supervise`` of daemontools 0.76 leaves them; pid little-endian, label big."""
    status = Status(changed_ns=1_700_000_000_123_456_789, pid=0x01020304, paused=True, want="d")
    assert encode(status).hex(" ", 4) == "40000000 6553f10a 075bcd15 04030201 01640000"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (bytes(19), "19 bytes"),
        (bytes(8) + b"\xff" * 4 + bytes(8), "4294967295 nanoseconds"),
        (bytes(17) + b"z" + bytes(2), "wants b'z'"),
        (bytes(19) + b"\x03", "state 3"),
    ],
)
def test_a_malformed_record_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(StatusError, match=reason):
        decode(data)


@pytest.mark.parametrize(
    "status",
    [
        Status(changed_ns=0, pid=-1),
        Status(changed_ns=0, pid=2**32),
        Status(changed_ns=0, want="x"),
        Status(changed_ns=0, state=256),
        Status(changed_ns=2**64 * 1_000_000_000),
    ],
)
def test_what_has_no_place_in_the_record_is_refused(status: Status) -> None:
    with pytest.raises(StatusError):
        encode(status)
