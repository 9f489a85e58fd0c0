"""The services whose logs the shim writes: which there are, which cannot be written, which go.

The run directory is the truth: every entry with a ``log.json`` is a service. Orders on the control
FIFO only say where to look again.

A drop is acknowledged by the absence of ``log.json``, which goes last: until then the supervisor
must not make the service anew. A drop that a ``look`` overtakes is taken back. The journal
remembers drops, so that none is forgotten by a shim that dies.
"""

import contextlib
import os
import select
import time
from collections.abc import Callable

from supervise.errors import CsvError, HostError, SystemCallFailed
from supervise.kernel.datagrams import share_socket
from supervise.kernel.fifo import open_fifo
from supervise.log.control import OWN, OWN_ENTRY, VERBS, Order, log_name, parse_order
from supervise.log.descriptors import Descriptors
from supervise.log.intake import BATCH_BYTES, Intake
from supervise.log.logfile import LogFile
from supervise.log.mailbox import Mailbox
from supervise.log.messages import Inbox
from supervise.log.packer import Packer
from supervise.log.policy import DEFAULT, read_policy
from supervise.log.progress import Journal, ProgressFile
from supervise.log.remains import save
from supervise.log.stream import Stream
from supervise.paths import Paths

SILENCE_S = 1.0
"""How long the beginning of a line may wait for its end."""

RETRY_S = 1.0
"""How often a log that cannot be written is tried again."""

_OPEN_FILES = 128
_STOP_ROUNDS = 8
_OVERFLOW = ("the writer waits: nothing is lost", "they are dropped, and counted")
_FIFO_NAMES = ("out", "err")


class Services:
    """The table of services, driven by the shim's loop.

    Args:
        epoll: gets the FIFOs.
        warn: says one line on standard error.
    """

    def __init__(self, paths: Paths, epoll: select.epoll, warn: Callable[[str], None]) -> None:
        self._paths = paths
        self._epoll = epoll
        self._warn = warn
        self._descriptors = Descriptors(_OPEN_FILES)
        self._progress = ProgressFile(paths.shim + "/record")
        self._inbox = Inbox(paths.shim + "/spool", self._descriptors)
        self._intakes: dict[str, Intake] = {}
        self._streams: dict[int, tuple[Intake, Stream]] = {}
        self._late: dict[Stream, tuple[float, Intake]] = {}
        self._failing: dict[Intake, float] = {}
        self._dropping: dict[Intake, None] = {}
        self._taken: dict[Stream, int] = {}
        self._unready: set[str] = set()
        self._retry_at = 0.0
        self._packer = Packer(self.say, lambda fd: epoll.register(fd, select.EPOLLIN))
        self._mailbox = Mailbox(paths.shim, self._descriptors)
        epoll.register(self._mailbox.fileno(), select.EPOLLIN)

    def start(self) -> None:
        """Take up what a former shim left, and everything that is in the run directory."""
        for raw in list(self._progress.names):
            self._intake(os.fsdecode(raw))
        self._obey()
        self.look_everywhere()
        for intake in list(self._intakes.values()):
            folder = self._folder(intake.name)
            if not any(os.path.lexists(f"{folder}/{name}") for name in _FIFO_NAMES):
                intake.dropped = True  # removed, or half dropped, when no shim was there
            if intake.dropped:
                self._dropping[intake] = None
            for stream in intake.streams:
                if stream.size or intake.lost:  # lines to write, or dropped ones to tell of
                    self._write(intake, stream)

    def look_everywhere(self) -> None:
        """Look at every entry of the run directory that has a ``log.json``."""
        for name in filter(None, map(log_name, os.listdir(self._paths.run_dir))):
            self._look(name)

    def reopen(self) -> None:
        """Open all files anew, by name, at their next use."""
        self._descriptors.close_all()
        self.look_everywhere()

    def deadline(self) -> float | None:
        """When (monotonic clock) ``on_time`` wants to be called; None is never."""
        if self._dropping:
            return 0.0
        deadlines = [self._retry_at] if self._failing or self._unready else []
        first = [next(iter(self._late.values()))[0]] if self._late else []  # all wait equally long
        return min(deadlines + first, default=None)

    def on_time(self) -> None:
        """Write what has waited long enough, try again what failed, go on with drops."""
        now = time.monotonic()
        for stream, (deadline, intake) in list(self._late.items()):
            if deadline > now:
                break
            self._write(intake, stream, flush=True)
        if (self._failing or self._unready) and self._retry_at <= now:
            self._retry_at = now + RETRY_S
            for intake in list(self._failing):
                self._retry(intake)
            for name in list(self._unready):
                self._look(name)
        for intake in list(self._dropping):
            self._drop(intake)

    def on_ready(self, fd: int) -> None:
        """Take a batch from a FIFO that has something, and write it."""
        if fd == self._mailbox.fileno():
            self._obey()
        elif fd == self._packer.fd:
            self._packer.done()
        elif fd in self._streams:
            self._take(*self._streams[fd])

    def stop(self) -> dict[str, int]:
        """Take and write what is in the FIFOs now, unfinished lines too, as far as is possible.

        Returns:
            Bytes by service that could not be written; they are in the spools, if those took it.
        """
        self._retry_at = 0.0
        self.on_time()  # what failed gets its last chance
        for _ in range(_STOP_ROUNDS):
            events = self._epoll.poll(0, len(self._streams) + 2)
            for fd, _ in events:
                self.on_ready(fd)
            if not events:
                break
        for stream, (_, intake) in list(self._late.items()):
            self._write(intake, stream, flush=True)
        self._packer.close()
        return save(self._failing) | dict.fromkeys(self._unready, 0)

    def say(self, text: str) -> None:
        """Say one line on standard error and, if that needs no waiting, in csv's own log."""
        line = text.replace("\n", " ")
        self._warn(line)
        own = self._intakes.get(OWN)
        if own and own.streams[0].fifo >= 0:
            with contextlib.suppress(BlockingIOError):
                os.write(own.streams[0].fifo, line.encode("utf-8", "replace") + b"\n")

    def _obey(self) -> None:
        """Read all orders, look, note drops in the journal; only then forget the orders and act."""
        orders = [order for line in self._mailbox.read() if (order := self._parse(line))]
        self._taken.clear()
        for order in orders:
            self._note(order)
        self._mailbox.forget()
        for order in dict.fromkeys(orders):
            intake = self._intakes.get(order.name)
            if intake and order.verb == "rotate":
                self._rotate(intake)
            elif intake and intake.dropped:
                self._dropping[intake] = None

    def _parse(self, line: bytes) -> Order | None:
        order = parse_order(line)
        if order is None:
            self.say(f"control: {line[:200]!r} is no order: {', '.join(VERBS)}")
        return order

    def _note(self, order: Order) -> None:
        if order.verb == "look" or order.name not in self._intakes:
            self._look(order.name)
        intake = self._intakes.get(order.name)
        if intake and order.verb == "mark":
            self._mark(intake, order)
        elif intake and order.verb != "rotate":
            intake.dropped = order.verb == "drop"
            self._dropping.pop(intake, None)

    def _mark(self, intake: Intake, order: Order) -> None:
        """Say it after what was there when it was ordered; a kill may have it said twice."""
        for stream, unread in zip(intake.streams, order.unread, strict=False):
            while stream.fifo >= 0 and (left := unread - self._taken.get(stream, 0)) > 0:
                if not (taken := self._take(intake, stream, left)):
                    break
                self._taken[stream] = self._taken.get(stream, 0) + taken
            self._write(intake, stream, flush=True)
        intake.mark(order.text)
        self._write(intake, intake.streams[0])

    def _rotate(self, intake: Intake) -> None:
        for stream in intake.streams:
            self._write(intake, stream)
        try:
            if intake not in self._failing:
                intake.file.rotate(intake.policy)
        except (OSError, CsvError) as error:
            self._failed(intake, error)

    def _folder(self, name: str) -> str:
        return f"{self._paths.run_dir}/{OWN_ENTRY if name == OWN else name}"

    def _intake(self, name: str) -> Intake:
        """The intake of a service, a new one if there was none; OSError: the record is full."""
        intake = self._intakes.get(name)
        if intake is None:
            journal = Journal(self._progress, self._progress.take(os.fsencode(name)))
            intake = self._intakes[name] = Intake(
                name=name,
                journal=journal,
                file=LogFile(f"{self._paths.log_dir}/{name}", journal, self._descriptors),
                descriptors=self._descriptors,
                spool=f"{self._paths.shim}/spool/{name}",
                inbox=self._inbox,
                origins=(b"csv", b"err") if name == OWN else (b"out", b"err"),
            )
        return intake

    def _look(self, name: str) -> None:
        """Read the policy and open the FIFOs that are new; no error if there is no such service.

        What this machine cannot do now (descriptors, room for the record) is tried again.
        """
        folder = self._folder(name)
        mistake = None
        policy = self._intakes[name].policy if name in self._intakes else DEFAULT
        try:
            policy = read_policy(folder + "/log.json")
        except (FileNotFoundError, NotADirectoryError):
            self._unready.discard(name)
            return
        except CsvError as error:
            mistake = error
        try:
            intake = self._intake(name)
            intake.policy = policy
            intake.file.on_rotated = self._packer.add
            if policy.compress:
                self._packer.add(intake.file.directory)
            for stream, fifo in zip(intake.streams, _FIFO_NAMES, strict=False):
                self._open(intake, stream, f"{folder}/{fifo}")
            if policy.socket:
                self._hold(intake, intake.streams[2], share_socket(*policy.socket))
        except (OSError, SystemCallFailed) as error:
            self._not_ready(name, error)
        else:
            self._unready.discard(name)
        if mistake:
            self.say(f"{mistake}; the log of {name} goes on with {policy}")

    def _not_ready(self, name: str, error: OSError | SystemCallFailed) -> None:
        if name in self._unready:
            return
        self._retry_later()
        self._unready.add(name)
        self.say(f"log of {name}: {error}; its lines stay in the FIFO, tried again every second")

    def _retry_later(self) -> None:
        if not self._failing and not self._unready:
            self._retry_at = time.monotonic() + RETRY_S

    def _open(self, intake: Intake, stream: Stream, path: str) -> None:
        try:
            fd = open_fifo(path)
        except FileNotFoundError:
            return
        except HostError as error:
            self.say(f"log of {intake.name}: {error}")
            return
        self._hold(intake, stream, fd)

    def _hold(self, intake: Intake, stream: Stream, fd: int | None) -> None:
        """Take from ``fd`` from now on, after all that the former descriptor has; None is none."""
        if fd is None:
            return
        if stream.fifo >= 0:
            if os.path.sameopenfile(fd, stream.fifo):
                os.close(fd)
                return
            while self._take(intake, stream):
                pass
            self._close(stream)
        stream.fifo = fd
        self._streams[fd] = (intake, stream)
        self._epoll.register(fd, select.EPOLLIN)

    def _close(self, stream: Stream) -> None:
        if stream.fifo >= 0:
            self._epoll.unregister(stream.fifo)
            del self._streams[stream.fifo]
            os.close(stream.fifo)
            stream.fifo = -1

    def _drop(self, intake: Intake) -> None:
        """One round of emptying the FIFOs of a service that is gone; the last removes its files."""
        full = [stream for stream in intake.streams if not stream.is_empty()]
        for stream in full:
            self._take(intake, stream)
        if not full:
            for stream in intake.streams:
                self._write(intake, stream, flush=True)
        if intake in self._failing:
            del self._dropping[intake]  # it comes back when the log can be written again
        elif not full:
            self._remove(intake)

    def _remove(self, intake: Intake) -> None:
        """Remove the service's files.

        The slot goes before ``log.json``: a shim that is killed between the two leaves a folder
        without FIFOs, of which the next one removes the rest.
        """
        folder = self._folder(intake.name)
        for stream, name in zip(intake.streams, _FIFO_NAMES, strict=False):
            stream.unlink(f"{folder}/{name}")
        for stream in intake.streams:
            self._close(stream)
        intake.forget()
        self._progress.free(os.fsencode(intake.name))
        del self._intakes[intake.name]
        del self._dropping[intake]
        with contextlib.suppress(OSError):
            os.unlink(folder + "/log.json")
        with contextlib.suppress(OSError):
            os.rmdir(folder)

    def _take(self, intake: Intake, stream: Stream, most: int = BATCH_BYTES) -> int:
        """Take one batch and write it; 0 when nothing came."""
        taken = 0
        try:
            taken = intake.take(stream, most)
        except OSError as error:
            self._failed(intake, error)
        if taken:
            self._write(intake, stream)
        elif intake in self._failing:  # the spool is full
            self._overflow(intake, stream)
        return taken

    def _overflow(self, intake: Intake, stream: Stream) -> None:
        """From now on the FIFO fills, and then the writer waits; or lines are dropped."""
        if intake.policy.drops:
            with contextlib.suppress(OSError):  # of the spool, which is no worse than before
                intake.discard()
        else:
            self._epoll.modify(stream.fifo, 0)

    def _write(self, intake: Intake, stream: Stream, *, flush: bool = False) -> None:
        if intake in self._failing:
            return
        self._late.pop(stream, None)
        try:
            intake.write(stream, flush=flush)
        except (OSError, CsvError) as error:
            self._failed(intake, error)
            return
        if intake.waiting(stream) or intake.lost:
            self._late[stream] = (time.monotonic() + SILENCE_S, intake)

    def _failed(self, intake: Intake, error: OSError | CsvError) -> None:
        if intake in self._failing:
            return
        self._retry_later()
        self._failing[intake] = time.monotonic()
        for stream in intake.streams:
            self._late.pop(stream, None)
        self.say(
            f"log of {intake.name} cannot be written: {error}; it is tried again every second."
            f" Lines are kept in memory, and when that is full {_OVERFLOW[intake.policy.drops]}"
        )

    def _retry(self, intake: Intake) -> None:
        lines = intake.lost
        try:
            for stream in intake.streams:
                intake.write(stream)
                if not stream.is_empty():
                    intake.take(stream)
        except (OSError, CsvError):
            return
        text = f"could not be written for {time.monotonic() - self._failing.pop(intake):.1f} s"
        lost = f"{lines} lines were dropped" if lines else "nothing was lost"
        with contextlib.suppress(OSError, CsvError):
            intake.say(f"this log {text}; {lost}")
        self.say(f"log of {intake.name} {text}; it can again, {lost}")
        for stream in intake.streams:
            if stream.fifo >= 0:
                self._epoll.modify(stream.fifo, select.EPOLLIN)
            self._write(intake, stream)
        if intake.dropped:
            self._dropping[intake] = None
