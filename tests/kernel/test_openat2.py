"""A path in a tree that is not to be trusted never leads out of it."""

import os
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel.openat2 import open_in_root, read_in_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "passwd").write_text("outside")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    (root / "passwd").write_text("top")
    return root


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/passwd", b"inside"),
        ("/etc/passwd", b"inside"),
        ("../passwd", b"top"),
        ("../../../../passwd", b"top"),
        ("absolute", b"inside"),
        ("upwards", b"top"),
    ],
)
def test_every_way_ends_inside(root: Path, path: str, content: bytes) -> None:
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "upwards").symlink_to("../../passwd")
    assert read_in_root(str(root), path, 100) == content


def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "magic").symlink_to("/proc/self/exe")
    assert read_in_root(str(root), "fifo", 100) is None
    assert read_in_root(str(root), "etc", 100) is None
    assert read_in_root(str(root), "missing", 100) is None
    assert read_in_root(str(root), "magic", 100) is None
    assert read_in_root(str(root), "etc/passwd", 3) == b"ins"


def test_magic_links_are_refused() -> None:
    with pytest.raises(SystemCallFailed, match="openat2 self/root in /proc: Too many levels"):
        open_in_root("/proc", "self/root")


def test_close_on_exec_and_errors_name_both(root: Path) -> None:
    fd = open_in_root(str(root), "passwd")
    assert not os.get_inheritable(fd)
    os.close(fd)
    with pytest.raises(SystemCallFailed, match=r"missing in .*root: No such file"):
        open_in_root(str(root), "missing")
