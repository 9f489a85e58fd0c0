"""How far a target has come with a log, on disk: what survives every restart and boot.

One small file for each target and service, ``LIB/forward/TARGET/NAME``, of one line with a check
sum. It is overwritten in place by a single write(2) of less than a sector, which a kill finds done
or not done; a rename would be flushed by ext4 each time, and a busy log has many. After a crash of
the machine it may be old, or gone: then lines are sent again, none is left out.

Beside them lies ``target``: with it, what a service has left behind is sent on even if the service
was removed while no forwarder lived.
"""

import contextlib
import hashlib
import json
import os
import re
from typing import NamedTuple
from zlib import crc32

from supervise.core.definition import ForwardTarget
from supervise.core.forward import dump, load
from supervise.errors import SystemCallFailed
from supervise.kernel.files import make_directory, replace_file

_TARGET = ".target"
_LINE = re.compile(rb"((\S+) (\d+) (\d+) (\d+) (\d+)) (\d+) *\n")
_WIDTH = 128


class Position(NamedTuple):
    """A place between two lines of a log.

    Attributes:
        after: the file is the one after this rotated file; empty: the oldest.
        head: check sum of the first bytes of the file, by which it is known again.
        head_bytes: how many these are.
        offset: where in the file.
        line: how many lines the log had before, since the count of ``log.removed`` began.
    """

    after: str
    head: int
    head_bytes: int
    offset: int
    line: int


class Positions:
    """The saved positions of one target.

    Args:
        directory: ``LIB/forward``.

    Raises:
        SystemCallFailed: the directory cannot be made or written.
    """

    def __init__(self, directory: str, target: ForwardTarget) -> None:
        digest = hashlib.sha256(str(target).encode()).hexdigest()[:16]
        self._directory = f"{directory}/{digest}"
        make_directory(self._directory, 0o700)
        content = json.dumps(dump(target)).encode() + b"\n"
        replace_file(f"{self._directory}/{_TARGET}", content, 0o600)

    def _path(self, service: str) -> str:
        return f"{self._directory}/{service}"

    def load(self, service: str) -> Position | None:
        """The position saved last; None when there is none, or a crash has spoilt it."""
        try:
            with open(self._path(service), "rb") as file:
                match = _LINE.fullmatch(file.read(_WIDTH))
        except OSError:
            return None
        if match is None or crc32(match[1]) != int(match[7]):
            return None
        after = match[2].decode().removeprefix("-")
        return Position(after, *(int(number) for number in match.groups()[2:6]))

    def save(self, service: str, position: Position) -> None:
        """Remember the position; atomic against a kill at any moment.

        Raises:
            SystemCallFailed: ENOSPC and others; the former position holds.
        """
        numbers = " ".join(map(str, position[1:]))
        body = f"-{position.after} {numbers}".encode()
        line = b"%s %d" % (body, crc32(body))
        try:
            fd = os.open(self._path(service), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(fd, line.ljust(_WIDTH - 1) + b"\n", 0)
            finally:
                os.close(fd)
        except OSError as error:
            raise SystemCallFailed.of("write", self._path(service), error) from error

    def forget(self, service: str) -> None:
        """The service is not sent there any more; idempotent."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(service))


def left_behind(directory: str) -> list[tuple[ForwardTarget, str]]:
    """Every target below ``directory`` and each service that it has a position of."""
    found: list[tuple[ForwardTarget, str]] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.listdir(directory):
            try:
                with open(f"{directory}/{entry}/{_TARGET}", "rb") as file:
                    target = load(json.load(file))
                names = os.listdir(f"{directory}/{entry}")
            except (OSError, ValueError, AttributeError):
                continue
            found += [(target, name) for name in names if not name.startswith(".")]
    return found
