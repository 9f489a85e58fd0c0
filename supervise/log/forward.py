"""The forwarder: sends logs on, in a process of its own, so that the shim waits for no network.

Which service is sent where it reads from ``log.json`` of each service; lines ``look NAME`` and
``drop NAME`` on its control FIFO only tell it where to look, and a start looks everywhere. New
lines it learns of from the log directories (inotify). There is one task for each target
(``log.forward_target``), and none that wakes up while nothing happens.

trio, unlike in the shim: here many connections are waited for, each with time limits of its own.
"""

import contextlib
import errno
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable

import trio

from supervise.core.definition import ForwardTarget
from supervise.core.forward import load
from supervise.errors import CsvError, SystemCallFailed
from supervise.kernel.fifo import make_fifo, open_fifo
from supervise.kernel.filelock import take_lock
from supervise.kernel.files import make_directory, replace_file
from supervise.kernel.proc import start_time
from supervise.log.control import OWN, OWN_ENTRY, log_name, parse_order
from supervise.log.follow import Watch
from supervise.log.forward_position import Positions, left_behind
from supervise.log.forward_target import Sender
from supervise.paths import Paths

DRAIN_S = 5.0
"""How long TERM lets it send what is there."""

_CONTROL_BYTES = 64 * 1024
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(paths: Paths, warn: Callable[[str], None]) -> None:
    """Forward logs until SIGTERM; SIGHUP looks at all services again and tries all targets.

    Args:
        warn: says one line on standard error.

    Raises:
        SystemCallFailed: another forwarder serves this run directory, or it cannot be used.
    """
    make_directory(paths.forwarder, 0o700)
    make_directory(paths.positions, 0o700)
    make_directory(paths.log_dir)
    lock = paths.forwarder + "/lock"
    try:
        held = take_lock(lock)
    except OSError as error:
        raise SystemCallFailed.of("open", lock, error) from error
    if held is None:
        raise SystemCallFailed("flock", f"{lock} (held by another csv forward)", errno.EAGAIN)
    try:
        trio.run(Forwarder(paths, warn).run)
    finally:
        os.close(held)


class Forwarder:
    """All targets of all services."""

    def __init__(self, paths: Paths, warn: Callable[[str], None]) -> None:
        self._paths = paths
        self._warn = warn
        self._host = socket.gethostname()
        self._senders: dict[ForwardTarget, Sender] = {}
        self._scopes: dict[ForwardTarget, trio.CancelScope] = {}
        self._orders = b""

    async def run(self) -> None:
        """Forward until told to end."""
        control = self._paths.forwarder + "/control"
        make_fifo(control, 0o600)
        fifo = open_fifo(control)
        self._watch = Watch(self._paths.log_dir, ())
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            async with trio.open_nursery() as self._nursery:
                self._look_everywhere()
                self._announce()
                self._nursery.start_soon(self._obey, fifo)
                self._nursery.start_soon(self._follow)
                await self._until_told_to_end(signals)
                self._nursery.cancel_scope.cancel()
        self._watch.close()
        os.close(fifo)

    def _announce(self) -> None:
        record = {"pid": os.getpid(), "start_time": start_time(os.getpid())}
        replace_file(self._paths.forwarder + "/pid", json.dumps(record).encode())

    async def _until_told_to_end(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number != signal.SIGHUP:
                break
            self._look_everywhere()
            for sender in self._senders.values():
                sender.wake_all()
                sender.hurry()
        with trio.move_on_after(DRAIN_S):
            for sender in list(self._senders.values()):
                await sender.drain()
        for sender in self._senders.values():
            sender.save()

    # --- what is sent where ---------------------------------------------------------------------

    def _look_everywhere(self) -> None:
        names = {name for entry in os.listdir(self._paths.run_dir) if (name := log_name(entry))}
        for name in sorted(names):
            self._look(name)
        # What a service has left behind is sent, even if it was removed while we were not there.
        for target, name in left_behind(self._paths.positions):
            if name not in names and os.path.isdir(f"{self._paths.log_dir}/{name}"):
                self._add(target, name)

    def _look(self, name: str) -> None:
        """Have this service's log sent where ``log.json`` says; without one nothing changes."""
        entry = OWN_ENTRY if name == OWN else name
        try:
            targets = _read_targets(f"{self._paths.run_dir}/{entry}/log.json")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._say(f"{name}: log.json: {error}; its log is sent where it was before")
            return
        kept = {str(target) for target in targets}
        for target, sender in list(self._senders.items()):
            if name in sender and target not in targets:
                sender.remove(name)
                if str(target) not in kept:
                    sender.forget(name)
                if not len(sender):
                    self._end(target)
        for target in targets:
            self._add(target, name)

    def _add(self, target: ForwardTarget, name: str) -> None:
        sender = self._senders.get(target)
        if sender is None:
            try:
                positions = Positions(self._paths.positions, target)
            except CsvError as error:
                self._say(f"{target}: its positions cannot be kept, so nothing is sent: {error}")
                return
            sender = self._senders[target] = Sender(target, positions, self._host, self._say)
            self._scopes[target] = trio.CancelScope()
            self._nursery.start_soon(self._run, sender, self._scopes[target])
        if name not in sender:
            directory = f"{self._paths.log_dir}/{name}"
            try:
                self._watch.add(directory)
            except CsvError as error:
                self._say(f"{name}: {error}; its new lines are sent only after a HUP")
            sender.add(name, directory)

    async def _run(self, sender: Sender, scope: trio.CancelScope) -> None:
        with scope:
            await sender.run()

    def _end(self, target: ForwardTarget) -> None:
        self._scopes.pop(target).cancel()
        del self._senders[target]

    # --- news -----------------------------------------------------------------------------------

    async def _obey(self, fifo: int) -> None:
        while True:
            await trio.lowlevel.wait_readable(fifo)
            self._orders += os.read(fifo, _CONTROL_BYTES)
            *lines, self._orders = self._orders.split(b"\n")
            for name in {order.name: None for line in lines if (order := parse_order(line))}:
                self._look(name)

    async def _follow(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._watch)
            for directory in self._watch.changed():
                name = os.path.basename(directory)
                for sender in self._senders.values():
                    sender.wake(name)

    def _say(self, text: str) -> None:
        """Say one line on standard error and, if that needs no waiting, in csv's own log."""
        line = "forward: " + text.replace("\n", " ")
        self._warn(line)
        with contextlib.suppress(OSError, CsvError):
            fd = open_fifo(f"{self._paths.run_dir}/{OWN_ENTRY}/out")
            try:
                os.write(fd, line.encode("utf-8", "replace") + b"\n")
            finally:
                os.close(fd)


def _read_targets(path: str) -> tuple[ForwardTarget, ...]:
    with open(path, "rb") as file:
        value = json.load(file)
    targets = value.get("forward", []) if isinstance(value, dict) else []
    if not isinstance(targets, list):
        raise ValueError(f"forward is {targets!r:.40}; expected a list")
    return tuple(load(target) for target in targets)
