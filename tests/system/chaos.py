"""Random events against a real supervisor: what is done, and what must be true after it.

What each service has been asked for is kept here, as an operator would remember it. Where nobody
can know (a letter that was still in the FIFO when the supervisor was killed), the next settling
asks again.
"""

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

from attrs import define

from supervise.kernel import proc
from supervise.kernel.fifo import is_empty, open_fifo
from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.system import rules
from tests.system.payload import DEAF, SLOW, Kind, Payloads
from tests.waiting import kill, wait_for

_HOST = ('rootfs = "host"',)
KINDS = {
    "plain": Kind(),
    "plain-short": Kind(lines=200, finish=True),
    "plain-slow": Kind(before=SLOW),
    "plain-deaf": Kind(before=DEAF),
    "host": Kind(container=_HOST),
    "host-init": Kind(container=(*_HOST, "init = true", 'network_mode = "none"'), finish=True),
    "host-short": Kind(lines=200, container=(*_HOST, "read_only = true")),
    "box": Kind(container=('rootfs = "BOX"',), before=SLOW),
    "box-kept": Kind(container=('rootfs = "BOX"', 'writable = "keep"')),
}
MACHINE = '[restart]\nmax_delay = "0.3s"\n[log]\nmax_size = "256K"\nkeep = 100000\n'
LETTERS = "udotkpch12"
_HARMLESS = bytes(set(range(256)) - set(b"udox"))


@define(kw_only=True)
class Asked:
    """What was asked for of one service.

    Attributes:
        want: up, down or once; None when it cannot be known.
        there: its folder exists.
        broken: its folder is wrong.
        quiet: it is known to be down, or gone, since the last settling.
        open: a letter or a removal since the last settling may still be under way.
    """

    want: str | None = "up"
    there: bool = False
    broken: bool = False
    quiet: bool = False
    open: bool = False

    @property
    def runs(self) -> bool:
        """It has to be running once all has settled."""
        return self.there and not self.broken and self.want == "up"

    @property
    def rests(self) -> bool:
        """It must not be running once all has settled."""
        return not self.there or self.want == "down"


class Chaos:
    """One supervisor, its services, and the events.

    Args:
        place: its places.
        seed: of all that is random.
    """

    def __init__(self, place: Paths, seed: int) -> None:
        self.random = random.Random(seed)
        self.place = place
        self.payloads = Payloads(place)
        self.supervisor = Supervisor(place)
        self.asked = {name: Asked() for name in KINDS}
        self.cut_off: set[str] = set()
        self.done: list[str] = []
        self._safe: set[str] = set()
        self._comment = 0
        Path(place.scan_dir, "csv.toml").write_text(MACHINE)

    def begin(self) -> None:
        """Start the supervisor, with all services."""
        self.supervisor.start()
        for name in KINDS:
            self._add(name)
        self.settle()

    # --- events ---------------------------------------------------------------------------------

    def event(self) -> None:
        """Let one random thing happen; then check what must hold at any moment."""
        happen, weight = zip(*self._EVENTS, strict=True)
        chosen = self.random.choices(happen, weight)[0]
        name = self.random.choice(list(KINDS))
        self.done.append(f"{chosen.__name__.strip('_')} {name}")
        chosen(self, name)
        self._look()

    def _kill_payload(self, name: str) -> None:
        for life in self.payloads.lives():
            if life.name == name:
                kill(life.pid)

    def _kill_init(self, name: str) -> None:
        """Kill a container's first process, or all there is of a plain one."""
        for pid in self.payloads.processes(name):
            kill(pid)

    def _letter(self, name: str) -> None:
        letter = self.random.choice(LETTERS)
        self.done[-1] += f" {letter}"
        if self.random.random() < 0.3:
            sent = self.supervisor.csv("svc", f"-{letter}", name).returncode == 0
        else:
            sent = self._write(name, letter.encode())
        asked = self.asked[name]
        asked.open = True
        if letter in "udo":
            asked.quiet = asked.quiet and letter == "d"
            known = sent and asked.there and not asked.broken
            want = {"u": "up", "d": "down", "o": "once"}[letter]
            asked.want = want if known and (asked.want or letter != "o") else None

    def _garbage(self, name: str) -> None:
        self._write(name, bytes(self.random.choices(_HARMLESS, k=self.random.randint(1, 5000))))

    def _write(self, name: str, data: bytes) -> bool:
        """Write bytes into the service's control FIFO; False when nobody would read them."""
        with suppress(OSError):
            fd = os.open(self.place.service(name).control, os.O_WRONLY | os.O_NONBLOCK)
            try:
                return os.write(fd, data) == len(data)
            finally:
                os.close(fd)
        return False

    def _kill_supervisor(self, name: str) -> None:
        self._kill_them(name, shim=False)

    def _kill_both(self, name: str) -> None:
        self._kill_them(name, shim=True)

    def _kill_them(self, name: str, *, shim: bool) -> None:
        """Kill the supervisor and perhaps the shim; a folder may change before the next starts."""
        self._look()
        # One that is ready only now may have opened the FIFOs too late.
        alone = shim or self._shim() is None
        self.supervisor.kill()
        if shim:
            self._kill_shim(name)
        with self.supervisor.output.open("a") as output:
            output.write(f"\n{rules.DEATH}\n")
        for asked in self.asked.values():
            if asked.open:
                asked.want = None
        if not alone and self.random.random() < 0.5:
            self.random.choice([self._kill_payload, self._remove_or_add, self._change])(name)
        self.supervisor.start()
        if alone:
            lives = {life.id for life in self.payloads.lives()}
            self.cut_off |= set(self._all_lives()) - lives - self._safe

    def _kill_shim(self, name: str) -> None:
        pid = self._shim()
        if pid is not None:
            kill(pid)

    def _shim(self) -> int | None:
        """The pid of the shim that has the FIFOs open, if there is one."""
        with suppress(OSError, ValueError, KeyError):
            record = rules.read_json(self.place.shim + "/pid")
            if proc.start_time(record["pid"]) == record["start_time"]:
                return int(record["pid"])
        return None

    def _remove_or_add(self, name: str) -> None:
        if self.asked[name].there:
            self._remove(name)
        else:
            self._add(name)

    def _remove(self, name: str) -> None:
        folder, away = Path(self.place.scan_dir, name), Path(self.payloads.top, "away")
        if self.random.random() < 0.5:
            folder.rename(away)
            folder = away
        while folder.exists():
            # The supervisor may put its link into it meanwhile.
            shutil.rmtree(folder, ignore_errors=True)
        self.asked[name].there = self.asked[name].broken = False
        self.asked[name].open = True

    def _add(self, name: str) -> None:
        asked = self.asked[name]
        asked.want = None if asked.open else "up"
        asked.there, asked.quiet = True, False
        if self.random.random() < 0.5:
            self._comment += 1
            run = self.payloads.files(name, KINDS[name], str(self._comment))
            self.supervisor.add(name, run.pop("run"), **run)
        else:
            Path(self.place.scan_dir, name).mkdir()
            self._fill(name)

    def _change(self, name: str) -> None:
        if self.asked[name].there and not self.asked[name].broken:
            self._fill(name)

    def _break_or_mend(self, name: str) -> None:
        asked, run = self.asked[name], Path(self.place.scan_dir, name, "run")
        if not asked.there:
            return
        if asked.broken:
            self._fill(name)
        elif self.random.random() < 0.5 or KINDS[name].container is None:
            run.chmod(0o644)
        else:
            run.write_bytes(b"#!/usr/bin/env csv-run\nrootfs = \x00\xff")
        asked.broken = not asked.broken
        asked.quiet = False

    def _fill(self, name: str) -> None:
        self._comment += 1
        folder = Path(self.place.scan_dir, name)
        for file, text in self.payloads.files(name, KINDS[name], str(self._comment)).items():
            (folder / file).write_text(text)
            if file != "csv.toml":
                (folder / file).chmod(0o755)

    _EVENTS = (
        (_letter, 30),
        (_kill_payload, 18),
        (_kill_init, 8),
        (_kill_supervisor, 8),
        (_kill_shim, 8),
        (_kill_both, 4),
        (_remove_or_add, 8),
        (_break_or_mend, 8),
        (_change, 4),
        (_garbage, 4),
    )

    # --- rules ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """What must hold at any moment."""
        doubled = rules.doubled(self.payloads)
        assert not doubled, f"two lives at once: {doubled}"
        lives = self.payloads.lives()
        wrong = [life for life in lives if self.asked[life.name].quiet]
        assert not wrong, f"{wrong} should be down; {self.done[-30:]}"
        self._safe |= self._ended_safely()

    def _all_lives(self) -> dict[str, str]:
        """Every life there ever was: its id, and its service."""
        names = [path.name.split(".") for path in self.payloads.tallies.glob("*.out")]
        return {life: name for name, life, _ in names}

    def _ended_safely(self) -> set[str]:
        """Lives that are over, and of which no FIFO holds a line any more."""
        all_lives = self._all_lives()
        for life in self.payloads.lives():
            all_lives.pop(life.id, None)
        drained = {name for name in KINDS if self._is_drained(name)}
        return {life for life, name in all_lives.items() if name in drained}

    def _is_drained(self, name: str) -> bool:
        paths = self.place.service(name)
        for fifo in (paths.out, paths.err):
            with suppress(FileNotFoundError):
                fd = open_fifo(fifo)
                try:
                    if not is_empty(fd):
                        return False
                finally:
                    os.close(fd)
        return True

    def settle(self) -> None:
        """Wait until every service is as was asked for, by the facts."""
        for name, asked in self.asked.items():
            self._ask(name, asked)
        for name, asked in self.asked.items():
            try:
                wait_for(lambda: self._is_settled(name, asked), self.place.run_dir)  # noqa: B023
            except AssertionError as error:
                raise AssertionError(f"{name}: {asked} {self._facts(name)}") from error
            asked.quiet = asked.rests
            asked.open = False
        before = {name: self._written(name) for name, asked in self.asked.items() if asked.runs}
        for name, written in before.items():
            wait_for(lambda: self._written(name) > written, str(self.payloads.tallies))  # noqa: B023
        self._look()

    def _ask(self, name: str, asked: Asked) -> None:
        """Ask again for what may have been lost, for no delay, and for no pause."""
        if not asked.there or asked.broken:
            return
        if asked.want is None:
            asked.want = self.random.choice(["up", "down"])
        letters = {"up": b"cu", "down": b"d", "once": b"c"}[asked.want]
        wait_for(lambda: self._write(name, letters), self.place.run_dir)

    def _is_settled(self, name: str, asked: Asked) -> bool:
        lives = [life for life in self.payloads.lives() if life.name == name]
        if asked.runs:
            state = self.supervisor.state(name)
            return len(lives) == 1 and state["phase"] == "up" and state["want"] == "up"
        if asked.rests:
            left = rules.left_of_service(self.place, name, folder=asked.there)
            return not self.payloads.processes(name) and not left
        return len(lives) <= 1

    def _facts(self, name: str) -> str:
        left = rules.left_of_service(self.place, name, folder=self.asked[name].there)
        runs = self.payloads.processes(name)
        run = self.place.service(name).run
        files = [(top, *names, *each) for top, names, each in os.walk(run)]
        state, said = self.supervisor.state(name), self.supervisor.output.read_text()[-3000:]
        return f"runs {runs}, has {left} {files}, state {state}; {self.done[-30:]}; {said}"

    def _written(self, name: str) -> int:
        return sum(self.payloads.tally(name).values())

    def end(self) -> None:
        """Stop the supervisor; then nothing may be left, no line lost, no end untold."""
        assert self.supervisor.stop() == 0, self.supervisor.output.read_text()
        output = self.supervisor.output.read_text()
        wrong, known = rules.ledger(output)
        missed = 0
        wrong += rules.left_of_all(self.payloads)
        for name in KINDS:
            wrong += rules.wrong_lines(self.payloads, name, self.cut_off)[:5]
            missed += len(rules.wrong_lines(self.payloads, name))
        assert not wrong, "\n".join([*wrong, *self.done, output])
        for name in KINDS:
            lives = len(self.payloads.tally(name)) // 2
            assert lives <= known[name], f"{name}: {lives} lives, {known[name]} launches"
        # The excuse must not become the rule: each life has two streams.
        lives = len(self._all_lives())
        assert missed <= lives / 2, f"{missed} of {lives} lives ended with nobody there"
