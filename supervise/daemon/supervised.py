"""One service under supervision: feeds its state model, and carries out what that asks for.

Every event goes through ``feed``. Before anything is started, and after each event, the record is
written: whatever kills the supervisor, the next one finds what was true. No service has a task of
its own while nothing happens to it; that is why a thousand of them cost little.
"""

import os
import time
import traceback
from collections import deque
from collections.abc import Callable

import trio

from supervise.core import command, ends
from supervise.core import events as on
from supervise.core import status as daemontools
from supervise.core.definition import ServiceDefinition
from supervise.core.events import Event, Phase, Want
from supervise.core.service import Service
from supervise.daemon import launching, record
from supervise.daemon.logdir import log_of, main_of, service_dir
from supervise.daemon.means import Means
from supervise.daemon.process import Process
from supervise.errors import CsvError
from supervise.kernel import files

_COMMANDS_BYTES = 4096
_EVENTS: dict[str, Event] = {
    "u": on.Up(),
    "d": on.Down(),
    "o": on.Once(),
    "t": on.Terminate(),
    "k": on.Kill(),
    "p": on.Pause(),
    "c": on.Continue(),
    "x": on.Leave(),
}
# runit's word for once, which sv waits for; it is down that is wanted after the one run.
_WANT = {Want.UP: "u", Want.DOWN: "d", Want.ONCE: "d"}


class Supervised:
    """One service.

    Attributes:
        core: its state model; changed by feed() alone.
        folder: where its ``run`` lies.
        main: the service whose ``log/run`` it is, if any.
        process: what runs now: the launch's first process, or ``finish``.
        faults: how often it raised.
        cleaned: set while no clean-up of a former launch is under way.
        start_scope: cancels the start under way.
    """

    def __init__(self, core: Service, means: Means, faults: int = 0) -> None:
        self.core = core
        self.means = means
        self.files = service_dir(core.name, means.paths, means.parking)
        self.main = main_of(core.name)
        self.folder = self.files.paths.folder
        self.process: Process | None = None
        self.faults = faults
        self.start_scope: trio.CancelScope | None = None
        self._cleaning = 0
        self._changed_ns = time.time_ns()
        self._status = b""
        self._queue: deque[Event] = deque()
        self._busy = False
        self._logs_open = False
        self._recorded = False
        self._moved: trio.Event | None = None
        self._abandoned = False

    @property
    def name(self) -> str:
        return self.core.name

    def open(self) -> None:
        """Make the service's files and take commands.

        Raises:
            SystemCallFailed, HostError: it cannot be supervised; nothing of it is left open.
        """
        self.means.poll.add(self.files.open(), self._on_commands)
        paths = self.files.paths
        self.files.piped = os.path.exists(paths.pipe)
        if self.main is not None:
            self.files.hold_logs(separate=False)
        elif os.path.exists(paths.out) or self.files.piped:
            self._hold_logs(separate=os.path.exists(self.files.paths.err))
        if self.files.has_syslog():
            socket = self.files.hold_syslog(self.means.shim.held)
            self.means.shim.share(self.files.paths, socket)

    # --- events -------------------------------------------------------------------------------

    def feed(self, *events: Event) -> None:
        """Take events in, in order; what they lead to is under way, and recorded, on return.

        A service that raises harms only itself: it is reported, counted, and made anew.
        """
        self._queue.extend(events)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self._take(self._queue.popleft())
            if not self.core.gone and not self._recorded:
                self.record()
        except (CsvError, OSError) as error:
            self._give_in(str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the other services must not feel it
            self._give_in(traceback.format_exc())
        finally:
            self._busy = False
        self._wake()

    def _give_in(self, why: str) -> None:
        self.faults += 1
        self._queue.clear()
        self.means.journal.say(why, self.name)
        self.means.faulted(self.name)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds()``, which is asked after every event and clean-up."""
        while not holds():
            if self._moved is None:
                self._moved = trio.Event()
            await self._moved.wait()

    def _wake(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    def _take(self, event: Event) -> None:
        self._recorded = False
        before = (self.core.phase, self.core.error, self.core.last_end)
        effects = self.core.handle(event, time.monotonic())
        self.means.deadlines.set(self.name, self.core.deadline)
        # Said before it is recorded: killed in between, an end is told twice, but never not at all.
        self._tell_people(*before)
        if any(isinstance(effect, on.Start | on.RunFinish) for effect in effects):
            self.record()
        for effect in effects:
            launching.carry_out(self, effect)

    def _on_commands(self) -> None:
        data = self.files.read_commands(_COMMANDS_BYTES)
        unknown = command.unknown(data)
        if unknown:
            self.means.journal.say(f"no such command: {unknown[:20]!r}", self.name)
        self.feed(*(self._event(letter) for letter in command.decode(data)))

    @staticmethod
    def _event(letter: command.Letter) -> Event:
        return _EVENTS.get(letter.letter) or on.Send(signal=letter.signal or 0)

    # --- what others see ------------------------------------------------------------------------

    def record(self, **more: object) -> None:
        """Write ``state.json`` and, when it changed, daemontools' ``status``.

        Raises:
            SystemCallFailed: the run directory cannot be written.
        """
        paths = self.files.paths
        content = record.dump(self.core, self.folder, self.process, faults=self.faults, **more)
        files.replace_file(paths.state, content)
        self._recorded = True
        status = daemontools.encode(self._daemontools_status())
        if status[8 + 4 :] != self._status[8 + 4 :]:
            self._changed_ns = time.time_ns()
            status = daemontools.encode(self._daemontools_status())
            self._status = status
            files.replace_file(paths.status, status)

    def _daemontools_status(self) -> daemontools.Status:
        core = self.core
        state = daemontools.FINISH if core.phase is Phase.FINISHING else daemontools.RUN
        asked = core.phase in (Phase.UP, Phase.STOPPING) and core.asked_at is not None
        return daemontools.Status(
            changed_ns=self._changed_ns,
            pid=self.process.pid if self.process else 0,
            paused=core.paused,
            want=_WANT[core.want],
            term_sent=asked,
            state=state if self.process else daemontools.DOWN,
        )

    def _tell_people(self, phase: Phase, error: str | None, end: on.End | None) -> None:
        core, say = self.core, self.means.journal.say
        if core.last_end is not end and core.last_end is not None:
            how = core.last_end.reason or ends.words(
                core.last_end.status, out_of_memory=core.last_end.out_of_memory
            )
            say(f"launch {core.last_end.launch} ended: {how}", self.name)
            self.mark(f"launch {core.last_end.launch} ended: {how}")
        elif core.error is not None and core.error != error:
            say(core.error, self.name)
        if core.phase is Phase.UP and phase is not Phase.UP:
            say(f"launch {core.launch} is up", self.name)
        if core.phase is Phase.WAITING and core.phase is not phase and core.deadline is not None:
            say(f"next start in {core.deadline - time.monotonic():.1f} s", self.name)

    # --- the log --------------------------------------------------------------------------------

    def open_logs(self, definition: ServiceDefinition) -> None:
        """Have stdout, stderr and syslog taken in by the shim, kept as the definition says.

        Raises:
            SystemCallFailed, HostError: a FIFO or ``log.json`` cannot be made.
        """
        if self.main is not None:
            return
        self.files.piped = self.means.has_service(log_of(self.name))
        if not self._logs_open:
            self._hold_logs(separate=self.means.shim.separates())
        socket = self._hold_syslog() if definition.private_syslog else None
        self.means.shim.look(self.files.paths, self.name, definition.log, socket)
        self.means.forwarder.look(self.name, definition.log)

    def _hold_syslog(self) -> int | None:
        try:
            return self.files.hold_syslog(self.means.shim.held)
        except CsvError as error:
            self.means.journal.say(f"{error}; it starts with no /dev/log", self.name)
            return None

    def mark(self, text: str) -> None:
        """Say it in the service's own log, between the lines of one launch and the next."""
        if self._logs_open:
            self.means.shim.mark(self.files.paths, text)

    def _hold_logs(self, *, separate: bool) -> None:
        self.files.hold_logs(separate=separate)
        self._logs_open = True

    # --- cleaning up ----------------------------------------------------------------------------

    def cleaning_begins(self) -> None:
        """A clean-up is under way: the service's files must stay."""
        self._cleaning += 1

    def cleaning_ends(self) -> None:
        """That clean-up is done; the last one of a service that is gone takes its files along."""
        self._cleaning -= 1
        self._wake()
        if self._cleaning == 0 and self.core.gone and not self._abandoned:
            self._forget()

    @property
    def ran_plain(self) -> bool:
        """The last launch was no container: what it left is known by its mark alone."""
        return self.core.launched is not None and self.core.launched.container is None

    @property
    def clean(self) -> bool:
        """No clean-up is under way."""
        return self._cleaning == 0

    def leave(self) -> None:
        """Supervise it no more, as soon as it is clean."""
        self.means.deadlines.set(self.name, None)
        if self.clean:
            self._forget()

    def _forget(self) -> None:
        self._let_go()
        self.files.remove()
        if self._logs_open:
            self.means.shim.drop(self.files.paths)
        # Should the shim be dead now, the last lines live by our descriptors alone.
        self.means.forget(self.name, self.files.release_logs)

    def abandon(self) -> None:
        """Let go of everything but the files and the processes; hear nothing any more."""
        self._let_go()
        self.files.release_logs()

    def _let_go(self) -> None:
        self._abandoned = self.core.gone = True
        if self.files.control is not None:
            self.means.poll.remove(self.files.control)
        self.files.close()
        if self.start_scope is not None:
            self.start_scope.cancel()

    def fail(self, error: CsvError) -> None:
        """Say what went wrong behind a launch's back; nobody waits for an answer."""
        self.means.journal.say(str(error), self.name)
