"""The syslog shim's keeper: starts it, takes it over, brings it back, stops it last.

What the shim has to know it reads from files (``log.json`` and the FIFOs of each service); a line
on its control FIFO only tells it where to look. So nothing depends on its being alive now.
"""

import contextlib
import json
import os
import time
from collections import deque

import trio

from supervise.core.definition import LogPolicy
from supervise.core.forward import dump
from supervise.daemon.journal import Journal
from supervise.daemon.keeper import Keeper
from supervise.daemon.poll import Poll
from supervise.daemon.reaper import Reaper
from supervise.errors import SystemCallFailed
from supervise.kernel import files, proc
from supervise.kernel.datagrams import held_sockets, share_socket, socket_id
from supervise.kernel.descriptors import Parking
from supervise.kernel.fifo import grow_pipe, make_fifo, open_fifo, unread_bytes
from supervise.log.control import OWN, OWN_ENTRY, Order, format_order
from supervise.log.remains import unread, unwritten
from supervise.paths import Paths, ServicePaths

_CONTROL_BYTES = 1 << 20
_STOP_WITHIN_S = 10.0
_HELD_FOR_S = 1.0


class Shim:
    """One shim at a time, kept up."""

    def __init__(
        self, paths: Paths, *, reaper: Reaper, poll: Poll, parking: Parking, journal: Journal
    ) -> None:
        self._paths = paths
        self._parking = parking
        self._journal = journal
        self._keeper = Keeper(
            what="the syslog shim",
            argv=("syslogd", "--run-dir", paths.run_dir, "--log-dir", paths.log_dir),
            pid_file=paths.shim + "/pid",
            reaper=reaper,
            poll=poll,
            parking=parking,
            journal=journal,
        )
        self._services = 0
        self._told_of: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._holder: tuple[int, int] | None = None
        self._held_at = -_HELD_FOR_S
        self._backlog: deque[bytes] = deque()
        self._more = trio.Event()
        self._told = trio.Event()
        self._told.set()
        files.make_directory(paths.shim, 0o700)
        control = paths.shim + "/control"
        make_fifo(control, 0o600)
        self._control = parking.park(open_fifo(control))
        grow_pipe(self._control, _CONTROL_BYTES)

    def look(
        self, service: ServicePaths, name: str, policy: LogPolicy, socket: int | None = None
    ) -> None:
        """Have the service's FIFOs read and kept as ``policy`` says.

        Args:
            socket: our descriptor of its ``/dev/log``, which the shim takes one of its own of.

        Raises:
            SystemCallFailed: ``log.json`` cannot be written.
        """
        content = {
            "name": name,
            "max_size_bytes": policy.max_size_bytes,
            "keep": policy.keep,
            "timestamp": policy.timestamp.value,
            "rotate_every_s": policy.rotate_every_s,
            "max_total_bytes": policy.max_total_bytes,
            "compress": policy.compress.value,
            "rate_per_s": policy.rate_per_s,
            "burst": policy.burst,
            "on_full": policy.on_full.value,
            "forward": [dump(target) for target in policy.forward],
            "socket": None if socket is None else self._place(service, socket),
        }
        text = json.dumps(content).encode() + b"\n"
        if self._told_of.get(service.run) != hash(text):
            files.replace_file(service.log_policy, text)
            self._tell("look", service)
            self._told_of[service.run] = hash(text)

    def share(self, service: ServicePaths, socket: int) -> None:
        """Say anew, after a change of supervisors, who has the service's socket and where.

        Raises:
            SystemCallFailed: ``log.json`` cannot be written.
        """
        try:
            with open(service.log_policy, "rb") as file:
                content = {**json.load(file), "socket": self._place(service, socket)}
        except (OSError, ValueError, TypeError):
            return  # the next launch writes it
        files.replace_file(service.log_policy, json.dumps(content).encode() + b"\n")
        self._tell("look", service)

    def _place(self, service: ServicePaths, socket: int) -> list[object]:
        pid = os.getpid()
        return [pid, proc.start_time(pid), socket, socket_id(service.syslog)]

    def held(self, directory: str) -> int | None:
        """A descriptor of our own for the socket in this directory, if a shim holds it."""
        now = time.monotonic()
        if now - self._held_at > _HELD_FOR_S:
            # The table of all sockets: read once for all services of a former supervisor.
            self._holder, self._held_at = self._find_holder(), now
            self._held = held_sockets(self._holder[0]) if self._holder else {}
        name = socket_id(directory)
        fd = self._held.get(name)
        if fd is None or self._holder is None:
            return None
        with contextlib.suppress(SystemCallFailed):
            return share_socket(*self._holder, fd, name)
        return None

    def _find_holder(self) -> tuple[int, int] | None:
        try:
            with open(self._paths.shim + "/pid", "rb") as file:
                record = json.load(file)
            return int(record["pid"]), int(record["start_time"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def separates(self) -> bool:
        """True when one more service's stderr may have a FIFO of its own.

        The shim holds a descriptor per FIFO under the same limit as we do; where there are very
        many services the last of them share one FIFO for both.
        """
        self._services += 1
        return self._services <= self._parking.capacity // 4

    def drop(self, service: ServicePaths) -> None:
        """Have what is left in the service's FIFOs written, and its files removed."""
        self._services -= 1
        self._told_of.pop(service.run, None)
        self._tell("drop", service)

    def mark(self, service: ServicePaths, text: str) -> None:
        """Have the log say ``text`` in its own name, after all that is in the FIFOs now."""
        unread = tuple(unread_bytes(path) for path in (service.out, service.err))
        self._tell("mark", service, text, unread)

    def _tell(
        self, verb: str, service: ServicePaths, text: str = "", unread: tuple[int, ...] = ()
    ) -> None:
        name = service.run.rpartition("/")[2]
        line = format_order(Order(verb, OWN if name == OWN_ENTRY else name, text, unread))
        if not self._backlog:
            with contextlib.suppress(BlockingIOError):
                os.write(self._control, line)
                return
        self._backlog.append(line)
        self._more.set()
        if self._told.is_set():
            self._told = trio.Event()

    async def tell(self) -> None:
        """Write the control lines in their order, waiting while the FIFO is full; for ever."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            await self._flush()

    async def _flush(self) -> None:
        while self._backlog:
            await trio.lowlevel.wait_writable(self._control)
            # A writable pipe takes a line of less than PIPE_BUF whole, unless another writer was
            # faster.
            with contextlib.suppress(BlockingIOError):
                os.write(self._control, self._backlog[0])
                self._backlog.popleft()
        self._told.set()

    async def serve(self) -> None:
        """Keep the shim up until stop(); a shim that dies is replaced, at growing intervals."""
        await self._keeper.serve()

    async def stop(self) -> dict[str, int]:
        """Tell it to write what is there and end; after a while, kill it.

        Returns:
            By the service's name: how many bytes it could not write; they are in its spool.

        Raises:
            SystemCallFailed: what it left cannot be read.
        """
        with trio.move_on_after(_STOP_WITHIN_S):
            await self._told.wait()
        if await self._keeper.stop():
            return {}
        try:
            for name, size in unread(self._paths.run_dir).items():
                self._journal.say(f"{size} bytes are lost: neither log nor spool took them", name)
            return unwritten(self._paths.shim)
        except OSError as error:
            raise SystemCallFailed.of("open", self._paths.shim + "/record", error) from error
