"""Entries of systemd's journal, as its native socket takes them.

Pure. Source: systemd's docs/JOURNAL_NATIVE_PROTOCOL.md and systemd.journal-fields(7).
"""

from collections.abc import Iterable


def format_entry(fields: Iterable[tuple[str, bytes]]) -> bytes:
    """One entry; a value that holds a newline is written with its length, so any bytes can be.

    Args:
        fields: names of upper-case ASCII letters, digits and underscores; one may come twice.
    """
    parts = []
    for name, value in fields:
        if b"\n" in value:
            parts.append(b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value))
        else:
            parts.append(b"%s=%s\n" % (name.encode(), value))
    return b"".join(parts)
