"""What is measured, and by what: the kernel's own events and counters, nothing that polls."""

import os
import re
import select
import socket
import statistics
import struct
import time
from pathlib import Path
from typing import Self

_CN_IDX_PROC = 1
_PROC_CN_MCAST_LISTEN = 1
_EXEC = 2
_SO_RCVBUFFORCE = 33


class Execs:
    """Every exec on this machine, stamped by the kernel with the monotonic clock.

    Source: the netlink process connector, ``linux/cn_proc.h``.
    """

    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, 11)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind((0, _CN_IDX_PROC))
        listen = struct.pack("=IIIIHHI", _CN_IDX_PROC, 1, 0, 0, 4, 0, _PROC_CN_MCAST_LISTEN)
        head = struct.pack("=IHHII", 16 + len(listen), 3, 0, 0, os.getpid())
        self._socket.send(head + listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, command: str, limit_s: float = 60.0) -> tuple[int, int]:
        """Wait for the next exec of ``command``, ``PROGRAM ARGUMENTS``: its pid, and when in ns."""
        return self.wait_all([command], limit_s)[command]

    def wait_all(self, commands: list[str], limit_s: float = 60.0) -> dict[str, tuple[int, int]]:
        """Wait for the next exec of each; they are forgotten then, so a later one is another."""
        deadline = time.monotonic() + limit_s
        while missing := [command for command in commands if command not in self.seen]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(missing)} not running in {limit_s} s: {missing[:3]}")
            select.select([self._socket], [], [], 0.1)
            self._read()
        return {command: self.seen.pop(command) for command in commands}

    def _read(self) -> None:
        while True:
            try:
                event = self._socket.recv(4096)
            except BlockingIOError:
                return
            what, _, at_ns, _, pid = struct.unpack_from("=IIQII", event, 36)
            if what == _EXEC and (argv := command_line(pid)):
                self.seen[" ".join([os.path.basename(argv[0]), *argv[1:]])] = pid, at_ns


def command_line(pid: int) -> list[str]:
    """The process's argv; empty when it has gone."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return data.decode(errors="replace").split("\0")[:-1]


def pss_bytes(pids: list[int]) -> int:
    """The memory of these processes, pages that are shared counted in parts."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        match = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
        assert match is not None
        total += int(match[1]) * 1024
    return total


def switches(pids: list[int]) -> int:
    """Context switches of all threads, voluntary or not: each is a wake-up."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/status").read_text()
            total += sum(int(n) for n in re.findall(r"^\w*ctxt_switches:\s+(\d+)", text, re.M))
    return total


def children(top: int) -> list[int]:
    """The living descendants of a process, itself not among them."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [top]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def spread(values: list[float], unit: str) -> str:
    """Median, least and greatest."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.1f} {unit} ({low:.1f} to {high:.1f}, n = {len(values)})"
