"""A subreaper becomes the parent of what its children leave behind."""

import subprocess
import sys

PROGRAM = """
import os, subprocess
from supervise.kernel.prctl import set_child_subreaper
set_child_subreaper()
shell = subprocess.run(["sh", "-c", "(read x; exit 5) <&0 & echo $!"], stdin=0, stdout=-1)
orphan = int(shell.stdout)
_, status = os.waitpid(orphan, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_an_orphan_is_reaped_by_the_subreaper() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=b"\n", capture_output=True, check=True, timeout=60
    )
    assert result.stdout == b"5\n"
