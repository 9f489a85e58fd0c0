r"""Syslog messages: what programs send to ``/dev/log``, as values; and RFC 5424 to be sent on.

A datagram may hold anything. Whatever of it is a priority, a time, a tag with a pid, or a header
of RFC 5424 is taken as such; the rest, which may be all of it, is the text, every byte unaltered.

In a log a message is a record of origin ``facility.severity`` whose text is ``compose`` of it::

    tag[pid]: text                  the pid, or both, may be missing
    tag[pid]: @id [data] text       with a message id or structured data of RFC 5424, as it came;
                                    ``[]`` is none; ``-:`` in place of a missing tag

``decompose`` gives the message back. The time that the sender claims, and his own host's name, are
not kept: the record's stamp and the log's name say both, and cannot be forged.

Pure. Source: RFC 3164, RFC 5424; syslog(3) of glibc and musl, logger(1) of util-linux and busybox,
``logging.handlers.SysLogHandler``, rsyslog's traditional and forward formats, as they really send.
"""

import re
import time
from collections.abc import Container
from typing import NamedTuple

FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock "
    "local0 local1 local2 local3 local4 local5 local6 local7"
).split()
SEVERITIES = "emerg alert crit err warning notice info debug".split()

DEFAULT_PRIORITY = 13
"""user.notice, for a message that brings none (RFC 3164, 4.3.3)."""

_NS = 1_000_000_000
_BOM = b"\xef\xbb\xbf"
_PRIORITY = re.compile(rb"<(0|[1-9]\d{0,2})>")
_TIME = re.compile(
    rb"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
)
_TAG = re.compile(rb"([!-Z\\^-~]{1,48}?)(?:\[([!-Z\\^-~]{1,128})\])?:(?: |\Z)")
_HOST = re.compile(rb"([!-~]{1,255}) ")
_ELEMENTS = rb'(?:\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\.)*")*\])+'
_HEADER_5424 = re.compile(
    rb"1 (?:-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) [!-~]{1,255}"
    rb" ([!-Z\\^-~]{1,48}) ([!-Z\\^-~]{1,128}) ([!-~]{1,32}) (-|" + _ELEMENTS + rb")(?: |\Z)",
    re.DOTALL,
)
_EXTENSION = re.compile(rb"@([!-~]{0,32}) (\[\]|" + _ELEMENTS + rb")(?: |\Z)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^!-~]")


class Message(NamedTuple):
    """One message.

    Attributes:
        priority: eight times the facility, plus the severity.
        text: what it says.
        tag: the program's name; empty when it gave none.
        pid: its process id, or what it calls so.
        message_id: RFC 5424's MSGID, without the nil value ``-``.
        data: RFC 5424's STRUCTURED-DATA as it came, ``[id name="value"]…``; empty when there is
            none.
    """

    priority: int
    text: bytes
    tag: str = ""
    pid: str = ""
    message_id: str = ""
    data: bytes = b""

    @property
    def origin(self) -> str:
        """``facility.severity``, the origin of its record."""
        return f"{FACILITIES[self.priority >> 3]}.{SEVERITIES[self.priority & 7]}"


def parse(datagram: bytes, hosts: Container[bytes] = ()) -> Message:
    """Read a datagram, whatever is in it; never raises.

    Args:
        datagram: as it came in; one NUL and one newline at its end are the sender's terminator.
        hosts: the names by which the sender may call his own host. In RFC 3164 a host cannot be
            told from the first word of a text, so one that is not among them stays text.
    """
    rest = datagram.removesuffix(b"\0").removesuffix(b"\n")
    priority = DEFAULT_PRIORITY
    match = _PRIORITY.match(rest)
    if match and int(match[1]) < 8 * len(FACILITIES):
        priority = int(match[1])
        rest = rest[match.end() :]
        if header := _HEADER_5424.match(rest):
            tag, pid, message_id, data = map(_unless_nil, header.groups())
            text = rest[header.end() :].removeprefix(_BOM)
            return Message(priority, text, tag.decode(), pid.decode(), message_id.decode(), data)
    if match := _TIME.match(rest):
        rest = rest[match.end() :]
        host = _HOST.match(rest)
        if host and host[1] in hosts:
            rest = rest[host.end() :]
    tag, pid, text = _split_tag(rest)
    return Message(priority, text, tag.decode(), pid.decode())


def _unless_nil(field: bytes) -> bytes:
    return b"" if field == b"-" else field


def _split_tag(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Tag, pid and what follows them; nothing but text when it begins with no tag."""
    match = _TAG.match(text)
    if match is None or match[1] == b"-":
        return b"", b"", text
    return match[1], match[2] or b"", text[match.end() :]


def compose(message: Message) -> bytes:
    """The message as the text of a record; ``decompose`` gives it back."""
    text = message.text
    if message.message_id or message.data or _EXTENSION.match(text):
        data = message.data or b"[]"
        text = b"@%s %s %s" % (message.message_id.encode(), data, text)
    elif not message.tag and not message.pid and not _TAG.match(text):
        return text  # it cannot be mistaken for more than it is
    pid = b"[%s]" % message.pid.encode() if message.pid else b""
    return b"%s%s: %s" % (message.tag.encode() or b"-", pid, text)


def decompose(origin: str, text: bytes) -> Message:
    """The message that a record holds.

    Args:
        origin: ``facility.severity``; one that is none counts as user.notice.
        text: the record's, unescaped, its partial records joined.
    """
    tag = pid = ""
    if match := _TAG.match(text):
        text = text[match.end() :]
        tag, pid = _unless_nil(match[1]).decode(), (match[2] or b"").decode()
    message_id, data = "", b""
    if match and (extension := _EXTENSION.match(text)):
        text = text[extension.end() :]
        message_id = extension[1].decode()
        data = extension[2] if extension[2] != b"[]" else b""
    return Message(priority_of(origin), text, tag, pid, message_id, data)


def priority_of(origin: str) -> int:
    """The number of ``facility.severity``; that of user.notice for anything else."""
    facility, _, severity = origin.partition(".")
    if facility not in FACILITIES or severity not in SEVERITIES:
        return DEFAULT_PRIORITY
    return FACILITIES.index(facility) * 8 + SEVERITIES.index(severity)


def format_5424(message: Message, *, time_ns: int, host: str) -> bytes:
    """The message as RFC 5424 has it, without a frame; fields are made to fit what it allows.

    A character that a field cannot have becomes ``?``, and a field that is too long is cut; text
    and structured data are never changed.

    Args:
        message: its tag should say who sent it: APP-NAME is nil when that is empty.
        time_ns: when it came in; wall clock, nanoseconds since 1970 UTC.
        host: HOSTNAME; nil when empty.
    """
    seconds, nanoseconds = divmod(time_ns, _NS)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    head = (
        f"<{message.priority}>1 {stamp}.{nanoseconds // 1000:06d}Z {_field(host, 255)}"
        f" {_field(message.tag, 48)} {_field(message.pid, 128)} {_field(message.message_id, 32)} "
    )
    data = message.data or b"-"
    return head.encode() + (data + b" " + message.text if message.text else data)


def format_value(value: str) -> str:
    r"""A value of structured data, without its quotes: ``"``, ``\`` and ``]`` are escaped."""
    return re.sub(r'(["\\\]])', r"\\\1", value)


def _field(value: str, most: int) -> str:
    return _UNPRINTABLE.sub("?", value[:most]) or "-"
