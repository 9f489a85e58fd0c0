"""The record ``supervise/status``: daemontools' and runit's 20 bytes, as a value and back.

======  ==============================================================================
bytes   meaning
======  ==============================================================================
0-7     TAI64 label of the last change: seconds since 1970, plus 2**62 + 10, big-endian
8-11    nanoseconds of that second, big-endian
12-15   pid, **little**-endian; 0 is none
16      1 while stopped by ``svc -p``
17      what is wanted: ``u``, ``d`` or 0
18      1 once TERM was sent to the running process (runit)
19      0 down, 1 run, 2 finish (runit)
======  ==============================================================================

daemontools writes and reads the first 18 bytes, ``sv`` wants all 20. Knows no file and no clock.

Source: daemontools 0.76 ``svstat.c`` and ``supervise.c``, runit 2.1 ``runsv.c``.
"""

import struct
from typing import NamedTuple

from supervise.errors import StatusError

DOWN, RUN, FINISH = 0, 1, 2

_RECORD = struct.Struct(">QI")
_REST = struct.Struct("<IB1sBB")
# djb's label: TAI ran 10 s ahead of UTC in 1970; the leap seconds since are left out on purpose,
# as in tai_now().
_TAI_OFFSET = 2**62 + 10
_SECOND_NS = 1_000_000_000


class Status(NamedTuple):
    """One record.

    Attributes:
        changed_ns: when ``pid`` or ``state`` last changed: wall clock, nanoseconds since 1970.
            An integer, since a float holds no nanoseconds of this century.
        pid: 0 when nothing runs.
        paused: stopped by ``svc -p``.
        want: ``u``, ``d`` (runit: also after ``once``), or empty (daemontools: after ``once``).
        term_sent: TERM was sent and the process still runs.
        state: DOWN, RUN or FINISH.
    """

    changed_ns: int
    pid: int = 0
    paused: bool = False
    want: str = ""
    term_sent: bool = False
    state: int = DOWN


def encode(status: Status) -> bytes:
    """The 20 bytes of the record; the first 18 are daemontools'.

    Raises:
        StatusError: a field has no place in the record (a negative pid, a time before 1970).
    """
    seconds, nanoseconds = divmod(status.changed_ns, _SECOND_NS)
    try:
        return _RECORD.pack(_TAI_OFFSET + seconds, nanoseconds) + _REST.pack(
            status.pid, status.paused, _letter(status.want), status.term_sent, status.state
        )
    except struct.error as error:
        raise StatusError(f"{status}: does not fit supervise/status: {error}") from error


def decode(data: bytes) -> Status:
    """The value of a record of 18 or 20 bytes; whatever they are, raises StatusError at most.

    An 18-byte record says nothing of runit's two fields: a pid then means RUN.
    """
    if len(data) not in (18, 20):
        raise StatusError(f"supervise/status has {len(data)} bytes, expected 18 or 20")
    label, nanoseconds = _RECORD.unpack_from(data)
    pid, paused, want, term_sent, state = _REST.unpack(data[12:].ljust(8, b"\0"))
    if len(data) == 18:
        state = RUN if pid else DOWN
    if nanoseconds >= _SECOND_NS:
        raise StatusError(f"supervise/status counts {nanoseconds} nanoseconds in one second")
    if want not in (b"u", b"d", b"\0"):
        raise StatusError(f"supervise/status wants {want!r}, expected u, d or 0")
    if state > FINISH:
        raise StatusError(f"supervise/status has state {state}, expected 0, 1 or 2")
    return Status(
        changed_ns=(label - _TAI_OFFSET) * _SECOND_NS + nanoseconds,
        pid=pid,
        paused=bool(paused),
        want=want.decode().rstrip("\0"),
        term_sent=bool(term_sent),
        state=state,
    )


def _letter(want: str) -> bytes:
    if want not in ("u", "d", ""):
        raise StatusError(f"want is {want!r}, expected 'u', 'd' or ''")
    return want.encode() or b"\0"
