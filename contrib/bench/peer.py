"""csv as a contender of a benchmark of supervisors: two of bench.py's `PEERS`.

python3 bench.py --plugin contrib/bench/peer.py --only csv,runit,daemontools
"""

from pathlib import Path

from bench import ROOTFS, RunDirs, W, write

CSV = Path(__file__).resolve().parents[2] / ".venv/bin/csv"

RUN_FILE = """\
#!/usr/bin/env csv-run
rootfs = "{rootfs}"
command = {command}
read_only = true
network_mode = "none"
"""


class Csv(RunDirs):
    """Plain service folders, the same as those of daemontools and runit."""

    name, needs = "csv", [str(CSV)]

    def argv(self, d: Path) -> list[object]:
        places = [f"--{kind}-dir={d}/{kind}" for kind in ("run", "lib", "log")]
        return [CSV, "scan", *places, d / "sv"]


class CsvContainers(Csv):
    """Containers with all that csv gives them: seccomp, masked paths, a log on disk."""

    name, kind, n_max, needs = "csv (crun)", "container", 50, [str(CSV), "crun"]

    def prepare(self, d: Path, marks: list[int]) -> None:
        for mark in marks:
            self.container(d / "sv" / f"s{mark}" / "run", f'["sleep", "{mark}"]')

    def container(self, run: Path, command: str) -> None:
        write(run, RUN_FILE.format(rootfs=ROOTFS, command=command), 0o755)

    def cold_prepare(self) -> None:
        self.container(W / "csv-cold" / "run", '["true"]')

    def cold(self) -> list[str]:
        return [str(CSV), "run", str(W / "csv-cold" / "run")]


PEERS = [Csv(), CsvContainers()]
