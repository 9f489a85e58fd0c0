"""The frame sees what a test leaves behind; a blind one would let everything pass."""

import subprocess
from pathlib import Path

from supervise.paths import Paths
from tests import leftovers


def test_a_process_that_is_left_is_found_and_ended(place: Paths) -> None:
    top = str(Path(place.scan_dir).parent)
    with subprocess.Popen(["sleep", "1000"], cwd=place.scan_dir) as process:
        assert leftovers.processes(top) == {process.pid: "sleep 1000 "}
        assert leftovers.clear(top) == [f"process {process.pid}: sleep 1000 "]
        assert process.wait() == -9
    assert leftovers.clear(top) == []


def test_a_mount_that_is_left_is_found_and_ended(place: Paths) -> None:
    top = str(Path(place.scan_dir).parent)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place.run_dir], check=True)
    assert leftovers.mounts(top) == [place.run_dir]
    assert leftovers.clear(top) == [f"mount {place.run_dir}"]
    assert leftovers.mounts(top) == []
