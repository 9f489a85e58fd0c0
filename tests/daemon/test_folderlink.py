"""The link ``FOLDER/supervise``: ours is made and removed, another's that lives never touched."""

import os
from pathlib import Path

import pytest

from supervise.daemon import folderlink
from supervise.daemon.servicedir import ServiceDir
from supervise.errors import HostError
from supervise.kernel.descriptors import Parking
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir


def folder(path: str) -> Path:
    made = Path(path)
    made.mkdir(parents=True)
    (made / "run").touch()
    return made


def elsewhere(place: Paths) -> Paths:
    """The places of another supervisor of the same scan directory."""
    return place._replace(run_dir=f"{place.lib_dir}/run")


def test_a_link_to_what_lives_stays_and_the_folder_is_refused(place: Paths) -> None:
    with SuperviseDir(elsewhere(place), "web") as other:
        (other.folder / "run").touch()
        with pytest.raises(HostError, match=r"web/supervise belongs to another .*: stop it first"):
            folderlink.require_free(str(other.folder), place.run_dir)
        files = ServiceDir(place.service("web"), Parking())
        files.open()
        files.remove()
        assert (other.folder / "supervise").readlink() == other.supervise
    folderlink.require_free(str(other.folder), place.run_dir)
    assert folderlink.make(place.service("web")) is not None


def test_a_directory_whose_supervisor_lives_is_refused(place: Paths) -> None:
    with SuperviseDir(place, "web", linked=False) as other:
        other.supervise.rename(other.folder / "supervise")
        with pytest.raises(HostError, match="belongs to another supervisor"):
            folderlink.require_free(str(other.folder), place.run_dir)
    folderlink.require_free(str(other.folder), place.run_dir)
    assert "remove it" in str(folderlink.obstacle(str(other.folder)))


def test_our_own_is_free_also_by_another_path(place: Paths) -> None:
    with SuperviseDir(place, "web", linked=False) as ours:
        os.symlink(place.run_dir, f"{place.lib_dir}/run")
        (ours.folder / "supervise").symlink_to(f"{place.lib_dir}/run/web/supervise")
        folderlink.require_free(str(ours.folder), place.run_dir)
        assert folderlink.obstacle(str(ours.folder)) is None


def test_the_link_is_removed_where_it_was_made(place: Paths) -> None:
    real = folder(f"{place.lib_dir}/real")
    os.symlink(real, f"{place.scan_dir}/web")
    files = ServiceDir(place.service("web"), Parking())
    files.open()
    assert os.path.lexists(real / "supervise")
    os.unlink(f"{place.scan_dir}/web")
    other = folder(f"{place.lib_dir}/other")
    os.symlink(other, f"{place.scan_dir}/web")
    files.link()
    assert [os.path.lexists(each / "supervise") for each in (real, other)] == [False, True]
    os.unlink(f"{place.scan_dir}/web")
    files.remove()
    assert not os.path.lexists(other / "supervise")


def test_what_is_no_service_folder_gets_no_link(place: Paths) -> None:
    os.symlink(place.lib_dir, f"{place.scan_dir}/web")
    assert folderlink.make(place.service("web")) is None
    assert os.listdir(place.lib_dir) == []


def test_of_two_names_the_folders_own_has_the_link(place: Paths) -> None:
    folder(f"{place.scan_dir}/a")
    os.symlink("a", f"{place.scan_dir}/b")
    for name in "bab":
        folderlink.make(place.service(name))
    assert os.readlink(f"{place.scan_dir}/a/supervise") == place.service("a").supervise


def test_a_fifo_that_is_none_is_no_supervisor(place: Paths) -> None:
    web = folder(f"{place.scan_dir}/web")
    (web / "supervise").mkdir()
    (web / "supervise" / "ok").touch()
    folderlink.require_free(str(web), place.run_dir)
