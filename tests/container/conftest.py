"""Real containers, on places of their own; each test must leave nothing of them."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from supervise.container import cgroups, names
from supervise.container.host import Host, probe
from supervise.container.launcher import Launch, Launcher
from supervise.core.runfile import parse
from supervise.paths import Paths
from tests.waiting import LIMIT_S


class Ended(NamedTuple):
    """How a container ended, and what it wrote."""

    status: int
    output: str


class Containers:
    """Launches from the text of a run file; numbers are given in turn."""

    def __init__(self, place: Paths, host: Host) -> None:
        self.place = place
        self.host = host
        self.launcher = Launcher(place, host, environment={"OURS": "our own"})
        self.folder = f"{place.scan_dir}/web"
        self._numbers = itertools.count(1)
        os.makedirs(self.folder)

    def use(self, host: Host) -> None:
        """Go on with a launcher that takes the machine for this."""
        self.launcher.close()
        self.launcher = Launcher(self.place, host)

    def launch(self, text: str, name: str = "web") -> Launch:
        """A launch of this text; ``rootfs = "host"`` unless it says otherwise."""
        if "rootfs" not in text:
            text = f'rootfs = "host"\n{text}'
        service = parse(text, file="run", folder=self.folder, name=name)
        assert service.container is not None
        number = next(self._numbers)
        return Launch(name=name, number=number, folder=self.folder, definition=service.container)

    def run(self, text: str) -> Ended:
        """Run a container to its end; afterwards it is cleaned."""
        launch = self.launch(text)
        command = self.launcher.prepare(launch, detached=False)
        try:
            done = subprocess.run(
                command.argv,
                env=command.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=LIMIT_S,
            )
        finally:
            self.launcher.clean(launch)
        return Ended(done.returncode, done.stdout)

    def shell(self, script: str, text: str = "") -> Ended:
        """Run a shell script in a container of this text, to its end."""
        return self.run(f"command = ['sh', '-c', '''{script}''']\n{text}")

    def start(self, launch: Launch) -> int:
        """Start a container detached, as the supervisor does; its output goes to ``output``."""
        command = self.launcher.prepare(launch)
        with open(self.output(launch), "wb") as output:
            done = subprocess.run(
                command.argv,
                env=command.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=LIMIT_S,
            )
        if done.returncode:
            raise self.launcher.failure(launch, done.returncode)
        return self.launcher.collect(launch)

    def output(self, launch: Launch) -> Path:
        """Where a detached container writes."""
        return Path(self.place.log_dir, launch.id)

    def left(self) -> list[str]:
        """What there is of any launch: files, mounts and cgroups."""
        found = [str(path) for path in Path(self.place.run_dir).glob("*/bundle.*")]
        found += [str(path) for path in Path(self.place.layers).glob("*")]
        found += [str(path) for path in Path(self.place.runtime_root).glob("*")]
        mounts = Path("/proc/self/mountinfo").read_text()
        found += [line for line in mounts.splitlines() if self.place.run_dir in line]
        parent = names.cgroup_parent(self.place, self.host.own_cgroup)
        return found + sorted(cgroups.children(self.host, parent))


@pytest.fixture(scope="session")
def host() -> Host:
    """This machine, in the view of the tests."""
    return probe()


@pytest.fixture
def containers(place: Paths, host: Host) -> Iterator[Containers]:
    """A launcher with its places; at the end nothing of any launch may be there."""
    made = Containers(place, host)
    yield made
    left = made.left()
    made.launcher.sweep()
    made.launcher.close()
    assert not left, f"the test left behind: {left}"
    parent = names.cgroup_parent(place, host.own_cgroup)
    assert not [each for each in host.directories(parent) if os.path.exists(each)]
    assert os.listdir(place.lib_dir) == []
    assert {name for name in os.listdir(place.run_dir) if name.startswith(".")} == set()
