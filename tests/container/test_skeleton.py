"""The root of ``rootfs = "host"``: what is in it, when it is built anew, who sees half of one."""

import os
import stat
import threading
from pathlib import Path

import pytest

from supervise.container.skeleton import binds, remove_stale, skeleton
from supervise.errors import HostError


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with merged /usr and a few secrets."""
    host = tmp_path / "host"
    for name in ("usr/bin", "usr/lib", "etc/ssl/certs", "etc/ssl/private", "etc/fonts", "root"):
        (host / name).mkdir(parents=True)
    (host / "bin").symlink_to("usr/bin")
    (host / "etc/passwd").write_text("root:$6$hash:0:0::/root:/bin/sh\nbroken\n")
    (host / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    (host / "etc/fonts/open.conf").write_text("open")
    for secret in ("etc/shadow", "etc/fonts/own.conf", "root/key", "etc/ssl/private/key"):
        (host / secret).write_text("secret")
        (host / secret).chmod(0o600)
    return host


def test_what_is_in_it(machine: Path, tmp_path: Path) -> None:
    root = Path(skeleton(str(tmp_path / "skeletons"), str(machine)))
    assert os.readlink(root / "bin") == "usr/bin"
    assert os.readlink(root / "etc/localtime") == "/usr/share/zoneinfo/UTC"
    assert (root / "etc/passwd").read_text() == "root:x:0:0::/root:/bin/sh\n"
    assert os.listdir(root / "etc/fonts") == ["open.conf"]
    assert os.listdir(root / "root") == []
    assert not (root / "etc/shadow").exists()
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((root / "root").stat().st_mode) == 0o700


def test_binds_are_what_the_machine_has(machine: Path) -> None:
    assert [bind.target for bind in binds(str(machine))] == ["/usr", "/etc/ssl/certs"]
    (machine / "bin").unlink()
    (machine / "bin").mkdir()
    assert [bind.target for bind in binds(str(machine))] == ["/usr", "/etc/ssl/certs", "/bin"]


def test_it_is_built_once_and_anew_when_the_machine_changes(machine: Path, tmp_path: Path) -> None:
    directory = tmp_path / "skeletons"
    first = Path(skeleton(str(directory), str(machine)))
    inode = first.stat().st_ino
    assert Path(skeleton(str(directory), str(machine))).stat().st_ino == inode
    (machine / "etc/passwd").write_text("web:x:5:5::/:/bin/sh\n")
    second = Path(skeleton(str(directory), str(machine)))
    # The first may be below a container that runs.
    assert first.exists()
    assert "web" in (second / "etc/passwd").read_text()
    remove_stale(str(directory), str(machine))
    assert list(directory.iterdir()) == [second]


def test_many_at_once_get_the_same_whole_one(machine: Path, tmp_path: Path) -> None:
    directory = tmp_path / "skeletons"
    barrier = threading.Barrier(8)
    found = []

    def build() -> None:
        barrier.wait()
        path = skeleton(str(directory), str(machine))
        found.append((path, (Path(path) / "etc/passwd").exists()))

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0][1]
    assert [path.name for path in directory.iterdir()] == [Path(found[0][0]).name]


def test_where_it_cannot_be_built_it_says_so(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match='rootfs = "host" cannot be built in'):
        skeleton(str(tmp_path / "file/skeletons"), str(machine))
