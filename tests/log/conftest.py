"""A shim, and services for it to serve."""

from collections.abc import Callable, Iterator

import pytest

from supervise.paths import Paths
from tests.log.forwarder import Forwarder
from tests.log.receivers import Certificates, Receiver
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


@pytest.fixture
def forwarder(place: Paths) -> Iterator[Forwarder]:
    """A forwarder, not yet started; it is stopped in the end, and must end well."""
    forwarder = Forwarder(place)
    yield forwarder
    if forwarder.process is not None and forwarder.process.poll() is None:
        assert forwarder.stop() == 0, forwarder.complaints()


@pytest.fixture
def receiver(place: Paths) -> Iterator[Callable[..., Receiver]]:
    """Makes receivers; those that run are stopped in the end."""
    made: list[Receiver] = []

    def make(
        kind: type[Receiver], transport: str, certificates: Certificates | None = None
    ) -> Receiver:
        made.append(kind(place, transport, certificates))
        return made[-1]

    yield make
    for each in made:
        each.stop()
