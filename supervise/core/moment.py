"""A moment as people write it: ``10m`` ago, or a time of RFC 3339.

Pure: what ``now`` is, the caller says.

Source: RFC 3339, section 5.6; ISO 8601 where it is as clear (a blank for the T, parts left out).
"""

from datetime import UTC, datetime

from supervise.core.units import Wrong, duration_s, shown

_NS = 1_000_000_000


def moment_ns(text: str, now_ns: int) -> int:
    """The moment that ``text`` means, in nanoseconds since 1970 UTC.

    Args:
        text: a duration, which counts back from now; or a date, with a time and a zone if wanted.
            Without a zone it is UTC, as the stamps in the logs are.
        now_ns: the present.

    Raises:
        Wrong: it is neither.
    """
    if text[:4].isdecimal() and text[4:5] == "-":
        return _date_ns(text)
    try:
        return now_ns - round(duration_s(text) * _NS)
    except Wrong:
        raise _neither(text) from None


def _date_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise _neither(text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86400 + whole.seconds) * _NS + whole.microseconds * 1000


def _neither(text: str) -> Wrong:
    return Wrong(
        f'{shown(text)} is no moment; write how long ago, such as "10m" or "1h30m", or a time '
        'such as "2026-11-23T15:00:00Z" (without a zone it is UTC)'
    )
