"""svc, svstat and svok feel instant because of what they do not import."""

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "attr",
    "attrs",
    "pathlib",
    "psutil",
    "pyroute2",
    "subprocess",
    "tomllib",
    "trio",
}


@pytest.mark.parametrize("module", ["svc", "svstat", "svok", "waiting", "status", "main"])
def test_no_heavy_import(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import supervise.cli.{module}"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[1].strip() for line in result.stderr.splitlines()}
    assert f"supervise.cli.{module}" in imported
    assert not {name for name in imported if name.split(".")[0] in HEAVY}
