"""Rotated files that were compressed, read back.

By the program ``zstd``, as they are made: it is on every Debian, needs no Python package, and
what it does for a large file is done in a process of its own.
"""

import subprocess
import tempfile
from typing import BinaryIO

from supervise.errors import CsvError, HostError

PROGRAM = "zstd"


def unpack(file: BinaryIO, path: str) -> BinaryIO:
    """The content of a compressed file, as a file that can be read anywhere; it has no name.

    Raises:
        HostError: the program is missing.
        CsvError: the file is damaged.
    """
    plain = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.seek(0)
    try:
        result = subprocess.run(
            [PROGRAM, "-dcq"], stdin=file, stdout=plain, stderr=subprocess.PIPE, check=False
        )
    except FileNotFoundError:
        plain.close()
        raise HostError(f"{path}: reading it takes the program zstd; install it") from None
    if result.returncode:
        plain.close()
        reason = result.stderr.decode("utf-8", "replace").strip()
        raise CsvError(f"{path}: {PROGRAM} cannot read it: {reason}; move it away")
    return plain
