"""A shim, and services for it to serve."""

from collections.abc import Callable, Iterator

import pytest

from supervise.paths import Paths
from tests.log.shim import Logged, Shim


@pytest.fixture
def shim(place: Paths) -> Iterator[Shim]:
    """A shim, not yet started; it is stopped in the end, and must end well."""
    shim = Shim(place)
    yield shim
    if shim.process is not None and shim.process.poll() is None:
        assert shim.stop() == 0, shim.complaints()


@pytest.fixture
def logged(place: Paths) -> Iterator[Callable[..., Logged]]:
    """Makes services; their FIFOs are closed in the end."""
    made: list[Logged] = []

    def make(name: str = "web", **options: str | int) -> Logged:
        made.append(Logged(place, name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for service in made:
        service.close()
