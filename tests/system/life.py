"""The whole life of one service, step by step, under supervisors that may be cut anywhere."""

import os
import select
import shutil
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.system import rules
from tests.system.payload import Kind, Payloads
from tests.waiting import LIMIT_S, kill, wait_for

MACHINE = '[restart]\nfirst_delay = "0s"\n'
NAME = "web"
_CUTTER = str(Path(__file__).with_name("cutter.py"))


class WasCut(Exception):
    """The supervisor was killed by the cutter."""


class WholeLife:
    """A service that comes, runs, crashes, is stopped and started, goes, and comes back.

    Args:
        place: its places; nothing is there yet.
        kind: which service.
    """

    def __init__(self, place: Paths, kind: Kind) -> None:
        for directory in place:
            os.makedirs(directory)
        Path(place.scan_dir, "csv.toml").write_text(MACHINE)
        self.place = place
        self.payloads = Payloads(place)
        self.trace = Path(self.payloads.top, "trace")
        self.steps = [
            (self._add, self._runs),
            (self._crash, self._runs_anew),
            (lambda: self._write(b"d"), self._is_down),
            (lambda: self._write(b"u"), self._runs),
            (self._remove, self._is_gone),
            (self._add, self._runs),
        ]
        self._kind = kind
        self._crashed = ""
        self._supervisor = Supervisor(place)
        self._deaths = Path(self.payloads.top, "deaths")
        self._deaths.mkdir()

    def live(self, first: int, last: int, cut: int | None = None) -> int:
        """Take the steps from ``first`` on and before ``last``, under a supervisor of their own.

        Args:
            first, last: which steps.
            cut: the supervisor is killed before its own step with this number; 0 only counts.

        Returns:
            How many steps were taken to the end.
        """
        program = [sys.executable, _CUTTER, str(self.trace), str(cut)]
        self._supervisor = Supervisor(self.place, *([program] if cut is not None else []))
        step = first
        try:
            self._start_and_take_over(first)
            while step < last:
                act, goal = self.steps[step]
                act()
                self._wait(goal)
                step += 1
        except WasCut:
            assert cut, f"died by itself: {self._supervisor.output.read_text()}"
        return step

    def kill(self) -> None:
        """Kill the supervisor, if it is not dead yet."""
        self._supervisor.kill()
        with self._supervisor.output.open("a") as output:
            output.write(f"\n{rules.DEATH}\n")

    def stop(self) -> bool:
        """End the supervisor; False when it was cut before it had done so."""
        if not self._supervisor.alive:
            return False
        return self._supervisor.stop() == 0

    def wrong(self) -> list[str]:
        """Which rules are broken, when all is over."""
        output = self._supervisor.output.read_text()
        wrong, _ = rules.ledger(output)
        wrong += rules.left_of_all(self.payloads)
        wrong += rules.wrong_lines(self.payloads, NAME)
        return [*wrong, output] if wrong else []

    def _start_and_take_over(self, step: int) -> None:
        """Start it; what lives, and is not being stopped, goes on: neither ended nor doubled."""
        before = {life.id for life in self.payloads.lives()}
        self._start()
        goals = [goal for _, goal in self.steps[step : step + 1]]
        if before and (self._runs in goals or self._runs_anew in goals):
            self._wait(self._runs)
            after = {life.id for life in self.payloads.lives()}
            assert before == after, f"not taken over: {self._facts()}"

    def _start(self) -> None:
        try:
            self._supervisor.start()
        except AssertionError:
            if self._supervisor.alive:
                raise
            raise WasCut from None
        threading.Thread(target=self._report_death, args=[self._supervisor.pid]).start()

    def _report_death(self, pid: int) -> None:
        """Put its death where a wait for files sees it."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            pass  # dead and waited for
        else:
            select.select([pidfd], [], [])
            os.close(pidfd)
        if self._deaths.exists():
            (self._deaths / str(pid)).touch()

    def _wait(self, goal: Callable[[], bool]) -> None:
        def reached() -> bool:
            if not self._supervisor.alive:
                raise WasCut
            doubled = rules.doubled(self.payloads)
            assert not doubled, f"two lives at once: {doubled}"
            return goal()

        watched = (self.place.run_dir, str(self._deaths), str(self.payloads.tallies))
        try:
            wait_for(reached, *watched, limit_s=LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{goal.__name__}: {error}: {self._facts()}") from error

    def _facts(self) -> str:
        left = rules.left_of_service(self.place, NAME, folder=False)
        state, said = self._supervisor.state(NAME), self._supervisor.output.read_text()
        return f"{self.payloads.lives()} {left} {state} {said}"

    def _wait_for_end(self, pid: int) -> None:
        """Wait for the end of a process, or of the supervisor that has to bring it about."""
        with ExitStack() as stack:
            pidfds = []
            for each in (pid, self._supervisor.pid):
                try:
                    pidfds.append(os.pidfd_open(each))
                except ProcessLookupError:
                    return
                stack.callback(os.close, pidfds[-1])
            ready, _, _ = select.select(pidfds, [], [], LIMIT_S)
            assert ready, f"process {pid} was left running"
        if not self._supervisor.alive:
            raise WasCut

    # --- what is done ---------------------------------------------------------------------------

    def _add(self) -> None:
        if not os.path.exists(f"{self.place.scan_dir}/{NAME}"):
            files = self.payloads.files(NAME, self._kind)
            self._supervisor.add(NAME, files.pop("run"), **files)

    def _crash(self) -> None:
        lives = self.payloads.lives()
        if not self._crashed and lives:
            self._crashed = lives[0].id
            kill(lives[0].pid)

    def _write(self, letter: bytes) -> None:
        def written() -> bool:
            try:
                control = os.open(self.place.service(NAME).control, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            with open(control, "wb", buffering=0) as file:
                return file.write(letter) == 1

        self._wait(written)

    def _remove(self) -> None:
        shutil.rmtree(f"{self.place.scan_dir}/{NAME}", ignore_errors=True)

    # --- what comes of it -----------------------------------------------------------------------

    def _runs(self) -> bool:
        lives = self.payloads.lives()
        if len(lives) != 1 or self._supervisor.state(NAME).get("phase") != "up":
            return False
        return self.payloads.tally(NAME).get((lives[0].id, "err"), 0) > 0

    def _runs_anew(self) -> bool:
        return self._runs() and self.payloads.lives()[0].id != self._crashed

    def _is_down(self) -> bool:
        left = rules.left_of_service(self.place, NAME, folder=True)
        if self._supervisor.state(NAME).get("phase") != "down" or left:
            return False
        for pid in self.payloads.processes(NAME):
            self._wait_for_end(pid)
        return True

    def _is_gone(self) -> bool:
        left = rules.left_of_service(self.place, NAME, folder=False)
        return not self.payloads.processes(NAME) and not left
