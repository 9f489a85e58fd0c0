"""One service's files, as daemontools' programs find them."""

import fcntl
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.daemon.servicedir import ServiceDir
from supervise.errors import HostError
from supervise.kernel.descriptors import Parking
from supervise.paths import Paths, ServicePaths


@pytest.fixture
def paths(place: Paths) -> ServicePaths:
    os.mkdir(f"{place.scan_dir}/web")
    Path(place.scan_dir, "web", "run").touch()
    return place.service("web")


@pytest.fixture
def files(paths: ServicePaths) -> Iterator[ServiceDir]:
    made = ServiceDir(paths, Parking())
    made.open()
    yield made
    made.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_modes_and_the_one_fifo_of_two_names(files: ServiceDir) -> None:
    paths = files.paths
    assert stat.S_IMODE(os.stat(paths.run).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(paths.supervise).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(paths.control).st_mode) == 0o600
    assert os.path.samefile(paths.control, paths.ok)
    assert os.readlink(paths.folder + "/supervise") == paths.supervise


def test_commands_come_in_and_none_ends_it(files: ServiceDir) -> None:
    folder = files.paths.folder
    assert files.read_commands(100) == b""
    subprocess.run(["/usr/bin/svok", folder], check=True)
    subprocess.run(["/usr/bin/svc", "-du", folder], check=True)
    subprocess.run(["/usr/bin/svc", "-t", folder], check=True)
    assert files.read_commands(100) == b"dut"
    assert files.read_commands(100) == b""
    files.close()
    assert files.read_commands(100) == b""
    assert subprocess.run(["/usr/bin/svok", folder], check=False).returncode != 0


def test_opening_again_after_a_death_and_twice(paths: ServicePaths) -> None:
    before = descriptors()
    for _ in range(2):
        files = ServiceDir(paths, Parking())
        assert files.open() == files.open()
        files.close()
        files.close()
    assert descriptors() == before
    os.unlink(paths.ok)
    os.mkfifo(paths.ok)
    files = ServiceDir(paths, Parking())
    files.open()
    assert os.path.samefile(paths.control, paths.ok)
    files.close()


def test_daemontools_own_supervise_is_not_disturbed(paths: ServicePaths) -> None:
    os.makedirs(paths.supervise)
    before = descriptors()
    with open(paths.supervise + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(HostError, match="is held by another program"):
            ServiceDir(paths, Parking()).open()
    assert descriptors() == before


def test_something_else_in_the_place_of_the_fifo(paths: ServicePaths) -> None:
    os.makedirs(paths.supervise)
    Path(paths.control).write_text("no FIFO")
    before = descriptors()
    with pytest.raises(HostError, match="control: is not a FIFO; remove it"):
        ServiceDir(paths, Parking()).open()
    assert descriptors() == before


@pytest.mark.parametrize("there", ["stale link", "directory", "read-only"])
def test_a_folder_that_cannot_be_linked_is_supervised_all_the_same(
    paths: ServicePaths, there: str
) -> None:
    link = Path(paths.folder, "supervise")
    if there == "stale link":
        link.symlink_to("/run/csv/other/supervise")
    elif there == "directory":
        (link / "kept").mkdir(parents=True)
    else:
        shutil.rmtree(paths.folder)
    files = ServiceDir(paths, Parking())
    files.open()
    if there == "stale link":
        assert os.readlink(link) == paths.supervise
    files.remove()
    if there == "directory":
        assert (link / "kept").is_dir()
    else:
        assert not os.path.lexists(link)


def test_output_is_kept_until_somebody_reads_it(files: ServiceDir) -> None:
    files.hold_logs(separate=True)
    out, err = files.open_output()
    assert (os.get_blocking(out), os.get_blocking(err)) == (True, True)
    os.write(out, b"to out")
    os.write(err, b"to err")
    os.close(out)
    os.close(err)
    for path, text in ((files.paths.out, b"to out"), (files.paths.err, b"to err")):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o622
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(reader, 100) == text
        os.close(reader)


def test_one_fifo_for_both(files: ServiceDir) -> None:
    files.hold_logs(separate=False)
    out, err = files.open_output()
    assert os.path.samestat(os.fstat(out), os.fstat(err))
    assert out != err
    os.close(out)
    os.close(err)
    assert not os.path.exists(files.paths.err)


def test_remove_leaves_what_is_the_shims(files: ServiceDir) -> None:
    files.hold_logs(separate=True)
    Path(files.paths.log_policy).touch()
    Path(files.paths.state).touch()
    Path(files.paths.status).touch()
    files.remove()
    assert sorted(os.listdir(files.paths.run)) == ["err", "log.json", "out"]
    assert os.listdir(files.paths.folder) == ["run"]
    files.remove()
