"""What the tests of the small commands share: places of their own, named by the environment."""

from pathlib import Path

import pytest

from supervise.paths import DEFAULTS, Paths


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Four directories below ``tmp_path``, which the commands find by the environment."""
    for variable in DEFAULTS:
        directory = tmp_path / variable.split("_")[1].lower()
        directory.mkdir()
        monkeypatch.setenv(variable, str(directory))
    return Paths.find()
