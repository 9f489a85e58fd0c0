"""A lock has one holder, and dies with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from supervise.kernel.filelock import lock_directory, take_lock
from tests.waiting import kill

HOLDER = """
import sys
from supervise.kernel.filelock import take_lock
assert take_lock(sys.argv[1]) is not None
print("held", flush=True)
sys.stdin.read()
"""


def test_kill_releases_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert take_lock(path) is None
        kill(holder.pid)
    lock = take_lock(path)
    assert lock is not None
    assert not os.get_inheritable(lock)
    os.close(lock)


def test_a_refusal_leaves_nothing_open(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock = take_lock(path)
    assert lock is not None
    before = os.listdir("/proc/self/fd")
    assert take_lock(path) is None
    assert os.listdir("/proc/self/fd") == before
    os.close(lock)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        take_lock(str(tmp_path / "lock"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_is_locked_and_never_made(tmp_path: Path) -> None:
    assert lock_directory(str(tmp_path / "no")) is None
    assert not (tmp_path / "no").exists()
    lock = lock_directory(str(tmp_path))
    assert lock is not None
    assert lock_directory(str(tmp_path)) is None
    os.close(lock)
