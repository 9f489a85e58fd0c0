"""The frame of every test: a private view of the mounts, places of one's own, nothing left."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from supervise.paths import Paths
from tests import leftovers, private_view
from tests.supervisor import Supervisor

# A time limit for one example tells of the machine's load, not of the code.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("default")

_view = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="more examples, more random events")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        settings.load_profile("long")
    if os.geteuid() != 0:
        pytest.exit("the tests start containers, so they need root: sudo contrib/test", 100)
    config.stash[_view] = private_view.enter()


def pytest_report_header(config: pytest.Config) -> str:
    return f"view: {config.stash[_view]}"


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether ``--long`` was asked for."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def place() -> Iterator[Paths]:
    """Four empty directories with a short path; afterwards nothing of them may be in use."""
    top = tempfile.mkdtemp(prefix="csv-")
    paths = Paths(*(f"{top}/{name}" for name in ("scan", "run", "lib", "log")))
    for directory in paths:
        os.mkdir(directory)
    yield paths
    left = leftovers.clear(top)
    shutil.rmtree(top)
    assert not left, "the test left behind: " + "; ".join(left)


@pytest.fixture
def supervisor(place: Paths) -> Iterator[Supervisor]:
    """A supervisor, started, that must end without leaving anything."""
    running = Supervisor(place)
    running.start()
    yield running
    if not running.alive:
        # The test killed it: what went on without it is the next one's to take over and stop.
        running.start()
    assert running.stop() == 0, running.output.read_text()
    left = leftovers.processes(os.path.dirname(place.run_dir))
    assert not left, f"the supervisor left behind: {left}"
