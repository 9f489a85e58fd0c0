"""Services that number every line they write, and keep a tally of the lines that were written.

A tally is a file outside of csv, one per life and stream: one byte for each line whose write(2)
has returned. So what a log has to hold is known without asking the supervisor or the shim; and
which lives there are is told by the kernel, since each bears its service's mark and a random id
of its own among its arguments.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from attrs import frozen

from supervise.paths import Paths

TAIL = b"a\tb\\n \x1b[1m \xff\xfe %s"
"""The end of every line: what a log could be tempted to alter."""

_LIFE = """\
exec 4<>$3/pace 5>>$3/$1.$2.out 6>>$3/$1.$2.err
i=0
while [ $i -lt $4 ]; do
  echo "$2 $i $tail" && echo -n . >&5
  echo "$2 $i $tail" >&2 && echo -n . >&6
  i=$((i+1))
  [ $((i % 5)) = 0 ] && read -t 0.05 x <&4
done
exit 3
"""
_EXEC = """\
read id </proc/sys/kernel/random/uuid
export tail="$(printf 'a\\tb\\\\n \\033[1m \\377\\376 %%s')"
exec busybox sh -c "$0" "$1" "$2" $id "$3" "$4"
"""
_ARGUMENTS = 9
FOR_EVER = 1_000_000_000

SLOW = "trap 'read -t 0.2 x <&4; exit 4' TERM\n"
DEAF = "trap '' TERM\n"
STRAY = "busybox setsid sh -c 'exec 4<>$1/pace; read x <&4' $0 $3 &\n"
"""Leaves a process behind, in a session of its own."""


class Life(NamedTuple):
    """A process that is the payload of one launch."""

    pid: int
    name: str
    id: str


@frozen(kw_only=True)
class Kind:
    """One way of being a service.

    Attributes:
        lines: how many lines a life writes before it ends by itself.
        before: what its program does first.
        container: the lines of its run file; None for a plain program.
        finish: it has a ``finish``.
    """

    lines: int = FOR_EVER
    before: str = ""
    container: tuple[str, ...] | None = None
    finish: bool = False
    settings: str = 'stop_grace_period = "0.5s"\n'


class Payloads:
    """All payloads of one test, below the directory of its places."""

    def __init__(self, place: Paths) -> None:
        self.place = place
        self.top = os.path.dirname(place.run_dir)
        self.tallies = Path(self.top, "tallies")
        self.box = Path(self.top, "box")
        self.tallies.mkdir()
        os.mkfifo(self.tallies / "pace")
        for name in ("bin", "proc", "sys", "dev", "tmp", "tallies"):
            (self.box / name).mkdir(parents=True)
        shutil.copy2("/bin/busybox", self.box / "bin")
        (self.box / "bin/sh").symlink_to("busybox")

    def files(self, name: str, kind: Kind, comment: str = "") -> dict[str, str]:
        """The files of such a service folder; each comment makes another fingerprint."""
        life = kind.before + _LIFE
        mark = f"{self.top}/mark/{name}"
        files = {"finish": "#!/bin/sh\nexit 0\n"} if kind.finish else {}
        if kind.container is None:
            words = [life, mark, name, str(self.tallies), str(kind.lines)]
            quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
            run = f"#!/bin/sh\n# {comment}\nset -- {quoted}\n" + _EXEC_PLAIN
            return {"run": run, "csv.toml": kind.settings, **files}
        words = ["sh", "-c", _EXEC, life, mark, name, "/tallies", str(kind.lines)]
        run = [
            "#!/usr/bin/env csv-run",
            f"# {comment}",
            *kind.container,
            f"entrypoint = {json.dumps(words)}",
            f'volumes = ["{self.tallies}:/tallies"]',
            kind.settings,
        ]
        return {"run": "\n".join(run).replace("BOX", str(self.box)), **files}

    def lives(self) -> list[Life]:
        """Every payload that lives now."""
        mark = os.fsencode(self.top + "/mark/")
        return [
            Life(pid, os.fsdecode(argv[4][len(mark) :]), argv[6].decode())
            for pid, argv in _arguments(mark)
            if len(argv) == _ARGUMENTS and argv[0] == b"busybox" and argv[4].startswith(mark)
        ]

    def processes(self, name: str) -> list[int]:
        """Every process of the service, also those that are no payload (a container's init)."""
        mark = os.fsencode(f"{self.top}/mark/{name}")
        return [pid for pid, argv in _arguments(mark) if mark in argv]

    def tally(self, name: str) -> dict[tuple[str, str], int]:
        """How many lines each life of the service has written: by its id, and ``out`` or ``err``.

        A service of that name that was removed and came back counts as the same.
        """
        found = {}
        for path in self.tallies.iterdir():
            service, _, rest = path.name.partition(".")
            if service == name:
                life, _, stream = rest.partition(".")
                found[life, stream] = path.stat().st_size
        return found


_EXEC_PLAIN = "exec sh -c " + "'" + _EXEC.replace("'", "'\\''") + "'" + ' "$@"\n'


def line(life: str, number: int) -> bytes:
    """The line that a life writes as its ``number``-th, on either stream."""
    return b"%s %d %s" % (life.encode(), number, TAIL)


def _arguments(mark: bytes) -> Iterator[tuple[int, list[bytes]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                data = Path("/proc", entry, "cmdline").read_bytes()
                if mark in data:
                    yield int(entry), data.split(b"\0")[:-1]
