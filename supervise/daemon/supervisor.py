"""The supervisor: one trio process for all services of a scan directory.

What happens comes in by five ways, each one task: children that end, descriptors that become
readable (commands, inotify, pidfds), deadlines, signals, and the shim. Each is turned into events
of services (``daemon.supervised``); none of them waits for a service.
"""

import os
import random
import signal
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterable

import trio

from supervise.container.folder import read_machine
from supervise.container.host import probe
from supervise.container.launcher import Launcher
from supervise.core import events as on
from supervise.core import restart
from supervise.core.definition import (
    LogPolicy,
    MachineSettings,
    RestartPolicy,
    ServiceDefinition,
)
from supervise.core.service import Service
from supervise.daemon import folderlink, former
from supervise.daemon.adoption import launches, take_over
from supervise.daemon.deadlines import Deadlines
from supervise.daemon.departures import Departures
from supervise.daemon.folders import Folders, is_service_name
from supervise.daemon.forwarder import Forwarder
from supervise.daemon.journal import Journal
from supervise.daemon.logdir import log_of, main_of, service_dir
from supervise.daemon.means import MARK, Means
from supervise.daemon.places import Places
from supervise.daemon.poll import Poll
from supervise.daemon.readings import Found, Readings
from supervise.daemon.reaper import Reaper
from supervise.daemon.rundir import RunDir
from supervise.daemon.shim import Shim
from supervise.daemon.strays import Strays
from supervise.daemon.supervised import Supervised
from supervise.errors import CsvError, HostError
from supervise.kernel import files, prctl
from supervise.kernel.descriptors import Parking
from supervise.kernel.fifo import make_fifo
from supervise.kernel.signals import forget_inherited_signals
from supervise.paths import Paths

_SHIM_WAITS_S = 1.0
_REVIVAL = RestartPolicy(first_delay_s=0.1)
_FORGIVEN_AFTER_S = 120.0
_FAULTS_AT_THE_END = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOST = "there is no usable record of it: what runs of it is ended, and it begins anew"
_OWN = ".csv"
"""The run directory's entry of the supervisor's own log; its name in the log is ``csv``."""


class Supervisor:
    """One supervisor; run() is its life."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.rundir = RunDir(paths)
        self.journal = Journal()
        self.services: dict[str, Supervised] = {}
        self._launch_numbers: dict[str, int] = {}
        self._releases: dict[str, Callable[[], None]] = {}
        self._recorded: set[str] = set()
        self._ending: set[str] = set()
        self._failed: dict[str, int] = {}
        self._faults: dict[str, tuple[float, int]] = {}
        self._stopping = False
        self._unwritten: dict[str, int] = {}
        self._scanned = trio.Event()
        self._quiet = trio.Event()

    async def run(self) -> None:
        """Supervise until TERM or INT, then bring everything down and leave nothing behind.

        Raises:
            CsvError: it cannot begin: another supervisor runs, or a directory cannot be made. Or
                all is down, but lines wait to be written.
        """
        # Before anything else: a signal that finds no receiver would end us in the middle.
        forget_inherited_signals()
        os.environ.pop(MARK, None)
        for number in _SIGNALS:
            # This is what the receiver puts back in the end: a late signal, when all is done but
            # the process's own exit, would turn success into a death.
            signal.signal(number, signal.SIG_IGN)
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            files.make_directory(self.paths.scan_dir)
            self.rundir.open()
            prctl.set_child_subreaper()
            os.chdir("/")  # a working directory inside a mount would keep it busy
            async with trio.open_nursery() as nursery:
                self._assemble(nursery)
                await self._begin(nursery)
                await self._until_told_to_stop(signals)
                await self._end()
                nursery.cancel_scope.cancel()
            self.rundir.remove(unwritten=self._unwritten)

    # --- beginning ------------------------------------------------------------------------------

    def _assemble(self, nursery: trio.Nursery) -> None:
        self.machine = self._read_machine()
        self.reaper, self.poll, parking = Reaper(), Poll(self.journal.say), Parking()
        self.deadlines = Deadlines(self._due)
        self.folders = Folders(self.paths.scan_dir, self._settle, self._read)
        self.readings = Readings(self.paths, self.machine, self.folders, nursery, self._apply)
        self.departures = Departures(self.paths, self._free, nursery, self.journal)
        self.shim = Shim(
            self.paths, reaper=self.reaper, poll=self.poll, parking=parking, journal=self.journal
        )
        self.forwarder = Forwarder(
            self.paths, reaper=self.reaper, poll=self.poll, parking=parking, journal=self.journal
        )
        launcher, no_runtime = self._find_runtime()
        cores = os.cpu_count() or 1
        self.means = Means(
            paths=self.paths,
            nursery=nursery,
            reaper=self.reaper,
            poll=self.poll,
            deadlines=self.deadlines,
            journal=self.journal,
            parking=parking,
            shim=self.shim,
            forwarder=self.forwarder,
            strays=Strays(MARK, self.paths.run_dir),
            launcher=launcher,
            no_runtime=no_runtime,
            starts=Places(self.machine.parallel_starts or 2 * cores),
            cleanings=Places(2 * cores),
            lock_fd=self.rundir.lock_fd,
            forget=self._forget,
            has_service=self.services.__contains__,
            faulted=self._revive,
        )

    def _read_machine(self) -> MachineSettings:
        try:
            return read_machine(self.paths.settings)
        except CsvError as error:
            self.journal.say(f"{error}; the defaults are used")
            return MachineSettings()

    def _find_runtime(self) -> tuple[Launcher | None, str]:
        try:
            return Launcher(self.paths, probe()), ""
        except HostError as error:
            return None, str(error)

    async def _begin(self, nursery: trio.Nursery) -> None:
        own = self.paths.service(_OWN)
        files.make_directory(own.run, 0o700)
        make_fifo(own.out, 0o600)
        self.journal.also_to(own.out)
        policy = LogPolicy(forward=self.machine.log.forward)
        self.shim.look(own, "csv", policy)
        self.forwarder.look("csv", policy)
        for task in (self.reaper, self.poll, self.deadlines, self.means.strays):
            nursery.start_soon(task.serve)
        nursery.start_soon(self._keep_shim)
        nursery.start_soon(self.shim.tell)
        nursery.start_soon(self.forwarder.serve)
        self.poll.add(self.departures.fileno(), self.departures.look)
        names = self.folders.open()
        self.poll.add(self.folders.fileno(), self.folders.look)
        names += [name for name in await self._find_former() if name not in names]
        await self._first_scan(names)
        self._scanned.set()
        try:
            self.rundir.announce()
        except CsvError as error:
            self.journal.say(str(error))

    async def _keep_shim(self) -> None:
        """Services first: lines wait in their FIFOs while the shim starts, but not for long."""
        with trio.move_on_after(_SHIM_WAITS_S):
            await self._scanned.wait()
        await self.shim.serve()

    async def _find_former(self) -> list[str]:
        """What a former supervisor left: cleared if nobody will take it over, else its names."""
        left, departing = self.rundir.names()
        if self.means.launcher is not None:
            live = {launch for name in left for launch in launches(name, self.means)}
            await trio.to_thread.run_sync(self.means.launcher.sweep, live)
        self._recorded = {name for name in left if former.recorded(name, self.means) is not None}
        lost = [name for name in left if name not in self._recorded]
        for name in lost:
            self.journal.say(_LOST, name)
        await self._end_former([*lost, *departing])
        # A log before its main service, whose directory it is in.
        gone = [name for name in sorted(lost, reverse=True) if not self.folders.exists(name)]
        for name in (*gone, *departing):
            self._clear_departing(name)
        return sorted(self._recorded)

    async def _end_former(self, names: list[str]) -> None:
        numbers = await trio.to_thread.run_sync(former.end, names, self.means)
        for name, number in numbers.items():
            self._launch_numbers[name] = max(number, self._launch_numbers.get(name, 0))

    def _clear_departing(self, name: str) -> None:
        main = main_of(name)
        if main is not None and (main in self._recorded or self.folders.exists(main)):
            return  # the pipe is that one's, too
        paths = self.paths.service(name)
        service_dir(name, self.paths, self.means.parking).remove()
        if main is not None:
            return  # the shim knows it by its main service alone
        if os.path.exists(paths.run):  # else the drop could meet the next of that name
            self.shim.drop(paths)
            self.departures.add(name)

    async def _first_scan(self, names: list[str]) -> None:
        await self.readings.read_all(names)
        self.journal.say(f"supervising {len(self.services)} services of {self.paths.scan_dir}")

    # --- folders --------------------------------------------------------------------------------

    def _settle(self, name: str, at: float) -> None:
        self.deadlines.set("/" + name, at)

    def _read(self, names: Iterable[str]) -> None:
        self.readings.begin(names)

    def _due(self, key: str) -> None:
        if key.startswith("/"):
            self.folders.due(key[1:])
        elif key in self.services:
            self.services[key].feed(on.Tick())

    def _apply(self, name: str, found: Found) -> None:
        if name in self._recorded:
            self._recorded.discard(name)
            self._adopt(name, found)
        if name in self._recorded or name in self._ending:
            return  # it raised, or is cleared first: it is read again
        service = self.services.get(name)
        if name in self.departures or (service is not None and service.core.gone):
            self.departures.want(name)
        elif found is None and main_of(name) in self.services:
            pass  # a service that prints into it still runs
        elif found is None or main_of(name) in self.departures:
            self.folders.forget(name)
            if service is not None:
                service.feed(on.Retire())
        elif not is_service_name(name):
            self.journal.say(f"{name!r} cannot be the name of a service: rename the folder")
        else:
            self._define(service or self._new(name), name, found)

    def _define(
        self, service: Supervised | None, name: str, found: ServiceDefinition | CsvError
    ) -> None:
        if service is None:
            return
        self._watch(name, found)
        service.files.link()
        if obstacle := folderlink.obstacle(service.folder):
            self.journal.say(obstacle, name)
        if isinstance(found, CsvError):
            service.feed(on.Broken(reason=str(found)))
        else:
            service.feed(on.Defined(definition=found))

    def _adopt(self, name: str, found: Found) -> None:
        definition = found if isinstance(found, ServiceDefinition) else None
        try:
            if take_over(name, self.means, definition, self.services):
                return
            self.journal.say(_LOST, name)
        except CsvError as error:
            self.journal.say(f"{error}; it begins anew", name)
        except Exception:  # noqa: BLE001 - whatever a record leads to harms only its own service
            self._failed[name] = self._failed.get(name, 0) + 1
            self.journal.say(f"{traceback.format_exc()}it begins anew", name)
        if name in self.services:
            self.services.pop(name).abandon()
        self._recorded.discard(name)
        self._ending.add(name)
        self.means.nursery.start_soon(self._begin_anew, name)

    async def _begin_anew(self, name: str) -> None:
        await self._end_former([name])
        self._ending.discard(name)
        if not self.folders.exists(name):
            self._clear_departing(name)
        self.readings.begin((name,))

    def _watch(self, name: str, found: ServiceDefinition | CsvError) -> None:
        container = found.container if isinstance(found, ServiceDefinition) else None
        try:
            self.folders.watch(name, container.env_files if container else ())
        except CsvError as error:
            self.journal.say(f"{error}: changes are only seen on HUP", name)

    def _new(self, name: str) -> Supervised | None:
        core = Service(name=name, launch=self._launch_numbers.get(name, 0), since=time.monotonic())
        service = Supervised(core, self.means, faults=self._failed.get(name, 0))
        try:
            service.open()
        except (CsvError, OSError) as error:
            self.journal.say(str(error), name)
            return None
        self.services[name] = service
        return service

    def _forget(self, name: str, release: Callable[[], None]) -> None:
        """The service is gone; its name is free when its last lines are written."""
        self._releases[name] = release
        # Numbers go on: the former launches' containers may still be known under theirs.
        self._launch_numbers[name] = self.services.pop(name).core.launch
        if log_of(name) in self.services:
            self.services[log_of(name)].feed(on.Retire())
        if not self._stopping:
            self.departures.add(name)
        elif not self.services:
            self._quiet.set()

    def _free(self, name: str, wanted: bool) -> None:
        release = self._releases.pop(name, None)
        if release is not None:
            release()
        if wanted:
            self.readings.begin((name,))

    def _revive(self, name: str) -> None:
        """A service raised: make it anew from its record, as if the supervisor had been killed.

        At growing intervals: what raised (a full disk) may be there for a while.
        """
        self.services.pop(name).abandon()
        self._recorded.add(name)
        now = time.monotonic()
        last, faults = self._faults.get(name, (now, 0))
        faults = 1 if now - last > _FORGIVEN_AFTER_S else faults + 1
        self._faults[name] = now, faults
        if self._stopping:
            self._revive_to_end(name, faults)
            return
        self._settle(name, now + restart.delay_s(_REVIVAL, faults - 1, random.random))

    def _revive_to_end(self, name: str, faults: int) -> None:
        if faults <= _FAULTS_AT_THE_END:
            self._apply(name, None)
        else:
            self.journal.say("cannot be stopped; the next supervisor takes it over", name)
        if not self.services:
            self._quiet.set()

    # --- signals, and the end -------------------------------------------------------------------

    async def _until_told_to_stop(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number != signal.SIGHUP:
                self.journal.say(f"{signal.Signals(number).name}: stopping all services")
                return
            self.journal.say("SIGHUP: reading all folders again")
            try:
                self.readings.begin({*self.folders.list(), *self.services})
            except CsvError as error:
                self.journal.say(f"{error}; what runs is left alone")

    async def _end(self) -> None:
        """Everything down, each service in its own time; a further signal changes nothing."""
        self._stopping = True
        self.readings.end()
        for service in list(self.services.values()):
            if service.main not in self.services:  # else it ends after that
                service.feed(on.Retire())
        if self.services:
            await self._quiet.wait()
        if self.means.launcher is not None:
            try:
                await trio.to_thread.run_sync(self.means.launcher.close)
            except (CsvError, OSError) as error:
                self.journal.say(str(error))
        self.journal.say("all services are down")
        self.journal.close()
        self._unwritten = await self.shim.stop()
        await self.forwarder.stop()  # after the shim: the last lines are to be sent, too


def supervise(paths: Paths) -> None:
    """Supervise the scan directory until told to stop; returns when all is down.

    Raises:
        CsvError: it cannot begin.
    """
    trio.run(Supervisor(paths).run)
