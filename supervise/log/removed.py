"""How many lines of a log retention has removed: so that who reads it later can say what he missed.

Where a log is forwarded, the shim adds the lines of each rotated file to ``LOG/NAME/removed``
before it removes the file. A kill between the two counts nothing twice, as that says what it
counted last.
"""

import contextlib
import json
from typing import BinaryIO, NamedTuple

from supervise.errors import CsvError
from supervise.kernel.files import replace_file
from supervise.log.packed import unpack

_NAME = "removed"
_BLOCK_BYTES = 256 * 1024


class Removed(NamedTuple):
    """What was removed since the count began.

    Attributes:
        lines: how many lines.
        last: the rotated file that was removed last, without the ending of a compressed one.
    """

    lines: int = 0
    last: str = ""


def read_removed(directory: str) -> Removed:
    """What has been removed from this log; nothing where nobody counts."""
    try:
        with open(f"{directory}/{_NAME}", "rb") as file:
            value = json.load(file)
        return Removed(int(value["lines"]), str(value["last"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Removed()


def count_removed(directory: str, name: str) -> None:
    """Count the lines of a rotated file that is to be removed.

    Never raises: a log that cannot be counted is kept nevertheless.
    """
    with contextlib.suppress(OSError, CsvError):
        removed = read_removed(directory)
        plain = name.removesuffix(".zst")
        if removed.last < plain:
            _write(directory, Removed(removed.lines + _lines(f"{directory}/{name}"), plain))


def _lines(path: str) -> int:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(open(path, "rb"))
        if path.endswith(".zst"):
            file = stack.enter_context(unpack(file, path))
            file.seek(0)
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


def _write(directory: str, removed: Removed) -> None:
    content = json.dumps(removed._asdict()).encode() + b"\n"
    replace_file(f"{directory}/{_NAME}", content, 0o640)
