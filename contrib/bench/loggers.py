#!/usr/bin/env python3
"""How fast csv's log shim is, beside multilog, svlogd and s6-log in the same run.

Each contender takes the same lines of 100 bytes from `cat` and stamps them; what counts is the time
until the last one is in the files, and the CPU time of the logger alone. With several writers the
others get one process each, as they would have; csv has one for all.

Everything lies in a directory of its own (--dir), which is removed. csv's run directory is a tmpfs,
as /run is on any machine.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
LINE = b"x" * 92 + b"%07d\n"
SIZE = 16 * 1024 * 1024


class Result(NamedTuple):
    """One run: seconds, CPU seconds of the logger(s), lines in the files, PSS in KiB."""

    wall_s: float
    cpu_s: float
    lines: int
    pss_kib: int


def make_input(path: Path, lines: int) -> None:
    """Numbered lines of 100 bytes."""
    with path.open("wb") as file:
        for start in range(0, lines, 10000):
            file.writelines(LINE % n for n in range(start, min(lines, start + 10000)))


def pss_kib(pids: Sequence[int]) -> int:
    """The proportional share of memory of some processes."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total


def count_lines(logs: Path) -> int:
    """The lines in all files below a directory that are no mark of csv's own."""
    total = 0
    for file in logs.rglob("*"):
        if file.is_file() and file.name not in ("lock", "state", "config"):
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    total += block.count(b"\n")
    return total


def cpu_of_children() -> float:
    """CPU seconds of all children that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of(pid: int) -> float:
    """CPU seconds of a process that runs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_peer(command: Callable[[str], list[str]], data: Path, writers: int, logs: Path) -> Result:
    """One logger process per writer, each on a pipe."""
    loggers, cats = [], []
    for number in range(writers):
        directory = logs / str(number)
        directory.mkdir()
        (directory / "config").write_text(f"s{SIZE}\nn1000\n")  # svlogd's
        loggers.append(
            subprocess.Popen(
                command(str(directory)), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        )
    began = time.monotonic()
    for logger in loggers:
        assert logger.stdin is not None
        with data.open("rb") as source:
            cats.append(subprocess.Popen(["cat"], stdin=source, stdout=logger.stdin))
        logger.stdin.close()
    for cat in cats:
        cat.wait()
    memory = pss_kib([logger.pid for logger in loggers])
    before = cpu_of_children()
    for logger in loggers:
        logger.wait()
    wall_s = time.monotonic() - began
    return Result(wall_s, cpu_of_children() - before, count_lines(logs), memory)


@contextlib.contextmanager
def shim(run: Path, logs: Path) -> Iterator[int]:
    """csv syslogd, ready; its pid."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "supervise.cli.main", "syslogd"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CSV_RUN_DIR": str(run),
            "CSV_LOG_DIR": str(logs),
        },
    )
    try:
        while not (run / ".syslogd/pid").exists():
            if process.poll() is not None:
                raise SystemExit("csv syslogd ended at once: see above")
            time.sleep(0.001)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def run_csv(data: Path, writers: int, logs: Path, run: Path) -> Result:
    """One shim for all writers, each on a FIFO."""
    fifos = []
    for number in range(writers):
        folder = run / f"w{number}"
        folder.mkdir()
        os.mkfifo(folder / "out")
        policy = {"name": folder.name, "max_size_bytes": SIZE, "keep": 1000}
        (folder / "log.json").write_text(json.dumps(policy))
        fifos.append(os.open(folder / "out", os.O_RDWR | os.O_CLOEXEC))
    with shim(run, logs) as pid:
        before, began = cpu_of(pid), time.monotonic()
        cats = []
        for fifo in fifos:
            with data.open("rb") as source:
                cats.append(subprocess.Popen(["cat"], stdin=source, stdout=fifo))
        for cat in cats:
            cat.wait()
        memory = pss_kib([pid])
        os.kill(pid, signal.SIGTERM)  # it writes what it has, and ends
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        wall_s, cpu_s = time.monotonic() - began, cpu_of(pid) - before
    for fifo in fifos:
        os.close(fifo)
    return Result(wall_s, cpu_s, count_lines(logs), memory)


PEERS: dict[str, Callable[[str], list[str]]] = {
    "multilog t": lambda log: ["multilog", "t", f"s{SIZE - 1}", "n1000", log],
    "svlogd -tt": lambda log: ["svlogd", "-tt", log],
    "s6-log T": lambda log: ["s6-log", "-b", "n1000", f"s{SIZE}", "T", log],
}


def measure(name: str, data: Path, writers: int, top: Path) -> Result:
    """One contender, in fresh directories that are gone afterwards."""
    logs = Path(tempfile.mkdtemp(prefix="logs.", dir=top))
    run = Path(tempfile.mkdtemp(prefix="csv-bench.", dir="/dev/shm"))
    try:
        if name == "csv syslogd":
            return run_csv(data, writers, logs, run)
        return run_peer(PEERS[name], data, writers, logs)
    finally:
        shutil.rmtree(logs)
        shutil.rmtree(run)
        os.sync()  # nobody pays for the pages that another left dirty


def main() -> None:
    """Measure everything, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  contrib/bench/loggers.py --megabytes 200 --rounds 3",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--megabytes", type=int, default=200, help="of lines, in all (200)")
    parser.add_argument("--writers", type=int, default=50, help="in the second table (50)")
    parser.add_argument("--rounds", type=int, default=3, help="the median is shown (3)")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the logs are written")
    options = parser.parse_args()
    names = [
        name for name in ("csv syslogd", *PEERS) if name == "csv syslogd" or _is_installed(name)
    ]
    with tempfile.TemporaryDirectory(prefix="csv-bench.", dir=options.dir) as top:
        data = Path(top, "input")
        for writers in (1, options.writers):
            lines = options.megabytes * 10_000 // writers
            make_input(data, lines)
            print(f"\n{writers} writer(s), {options.megabytes} MB of lines of 100 bytes")
            print(f"{'':12}  {'MB/s':>6}  {'CPU s/GB':>8}  {'lines lost':>10}  {'PSS MB':>6}")
            results: dict[str, list[Result]] = {name: [] for name in names}
            for _ in range(options.rounds):
                for name in names:
                    results[name].append(measure(name, data, writers, Path(top)))
            for name in names:
                _print_row(name, results[name], lines * writers)


def _is_installed(name: str) -> bool:
    found = shutil.which(name.split(maxsplit=1)[0]) is not None
    if not found:
        print(f"{name.split(maxsplit=1)[0]} is not installed: left out", file=sys.stderr)
    return found


def _print_row(name: str, results: list[Result], lines: int) -> None:
    middle = sorted(results)[len(results) // 2]
    megabytes = lines / 10_000
    cpu_s = sorted(result.cpu_s for result in results)[len(results) // 2]
    lost = max(lines - result.lines for result in results)
    print(
        f"{name:12}  {megabytes / middle.wall_s:6.0f}  {cpu_s / megabytes * 1000:8.2f}"
        f"  {lost:10}  {middle.pss_kib / 1024:6.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
