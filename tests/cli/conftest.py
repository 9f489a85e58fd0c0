"""What the tests of the small commands share: places of their own, named by the environment."""

import pytest

from supervise.paths import DEFAULTS, Paths


@pytest.fixture
def places(place: Paths, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The four directories, which the commands find by the environment."""
    for variable, directory in zip(DEFAULTS, place, strict=True):
        monkeypatch.setenv(variable, directory)
    return place
