"""What the tests of the whole share."""

from pathlib import Path

import pytest

from supervise.paths import Paths
from tests.system.services import KINDS, Kind, busybox


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, place: Paths) -> Kind:
    """Each kind of service in turn."""
    return Kind(request.param, busybox(Path(place.scan_dir).parent / "root"))
