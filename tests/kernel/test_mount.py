"""Mounts in the tests' own view: made, listed with any name, taken away."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel import mount as mounts
from supervise.kernel.mount import MountPoint, detach, mount, mount_points, umount2


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """A directory whose name has to be escaped in mountinfo."""
    path = tmp_path / "a b\\c\td\u00e9"
    path.mkdir()
    yield str(path)
    detach(str(path))


def test_mounted_listed_and_unmounted(target: str) -> None:
    mount("tmpfs", target, "tmpfs", mounts.MS_NOSUID | mounts.MS_NODEV, "size=64k,mode=0700")
    found = [point for point in mount_points() if point.path == target]
    assert [(point.path, point.kind) for point in found] == [(target, "tmpfs")]
    assert "size=64k" in found[0].options
    umount2(target)
    assert not [point for point in mount_points() if point.path == target]


def test_detach_takes_all_and_is_idempotent(target: str) -> None:
    mount("tmpfs", target, "tmpfs")
    (Path(target) / "busy").touch()
    with (Path(target) / "busy").open():
        mount("tmpfs", target, "tmpfs")
        with pytest.raises(SystemCallFailed) as error:
            umount2(target + "/missing")
        assert error.value.errno == errno.ENOENT
        umount2(target)
        with pytest.raises(SystemCallFailed, match=r"umount2 .*: Device or resource busy"):
            umount2(target)
        mount("tmpfs", target, "tmpfs")
        detach(target)
    detach(target)
    assert os.listdir(target) == []


def test_errors_name_the_place(target: str) -> None:
    with pytest.raises(SystemCallFailed, match=r"umount2 .*: Invalid argument"):
        umount2(target)
    with pytest.raises(SystemCallFailed, match=r"mount .*: No such device"):
        mount("none", target, "no-such-fs")
    detach(target + "/missing")


def test_options_that_the_kernel_would_cut_are_refused(target: str) -> None:
    with pytest.raises(SystemCallFailed) as error:
        mount("tmpfs", target, "tmpfs", data="size=64k," + "x" * 4096)
    assert error.value.errno == errno.E2BIG


def test_a_line_with_optional_fields(tmp_path: Path) -> None:
    lines = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,x=y\n"
    (tmp_path / "mountinfo").write_text(lines)
    assert mount_points(str(tmp_path / "mountinfo")) == [MountPoint("/mnt 2", "ext3", "rw,x=y")]
