"""A subreaper becomes the parent of what its children leave behind."""

import subprocess
import sys

PROGRAM = """
import os, subprocess
from supervise.kernel.prctl import set_child_subreaper
set_child_subreaper()
leaves = "exec 3<&0; (read x <&3; exit 5) >/dev/null & echo $!"
shell = subprocess.run(["sh", "-c", leaves], stdin=0, stdout=subprocess.PIPE)
print("left", flush=True)
_, status = os.waitpid(int(shell.stdout), 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_an_orphan_is_reaped_by_the_subreaper() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"left\n"
        assert process.communicate(b"\n", timeout=60)[0] == b"5\n"
