"""Why the kernel refuses a file, where the file itself does not say."""

import os
from pathlib import Path

from supervise.container import executable


def test_the_kernels_word_where_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "run"
    assert executable.why(str(path), "No such") == f"{path}: cannot be executed: No such"
    path.write_text("#!/bin/sh\n")
    assert executable.why(str(path), "Too long") == f"{path}: cannot be executed: Too long"


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run")
    assert executable.why(f"{tmp_path}/run", "Denied").endswith("run: cannot be executed: Denied")
