"""Every way in which a folder appears, changes and goes, on a real scan directory.

inotify queues an event before the call that caused it returns, so nothing has to be waited for.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from supervise.daemon.folders import SETTLED_S, Folders, is_service_name


class Scene:
    """A scan directory that is watched, and what the watcher asked for."""

    def __init__(self, top: Path) -> None:
        self.scan = top / "scan"
        self.aside = top / "aside"
        self.scan.mkdir()
        self.aside.mkdir()
        self.pending: dict[str, float] = {}
        self.reads: list[str] = []
        self.folders = Folders(str(self.scan), self.pending.__setitem__, self._read)

    def _read(self, names: Iterable[str]) -> None:
        self.reads += sorted(names)

    def look(self) -> list[str]:
        """The folders that are to be read at once, because of what happened since."""
        self.reads.clear()
        self.folders.look()
        return list(self.reads)

    def settle(self) -> list[str]:
        """Let nothing happen for long enough; the folders that are read then."""
        assert self.look() == []
        pending = sorted(self.pending)
        self.pending.clear()
        for name in pending:
            self.folders.due(name)
        return list(self.reads)

    def make(self, name: str = "web", *, watched: bool = True) -> Path:
        """A service folder in place that was read."""
        folder = self.lay_out(name)
        folder.rename(self.scan / name)
        self.look()
        if watched:
            self.folders.watch(name)
        return self.scan / name

    def lay_out(self, name: str = "web") -> Path:
        """A service folder elsewhere."""
        folder = self.aside / name
        folder.mkdir()
        (folder / "run").write_text("#!/bin/sh\n")
        return folder


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    assert scene.folders.open() == []
    yield scene
    scene.folders.close()


def test_what_is_there_already(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.lay_out("b").rename(scene.scan / "b")
    scene.lay_out("a").rename(scene.scan / "a")
    (scene.scan / "link").symlink_to("nowhere")
    (scene.scan / "csv.toml").touch()
    (scene.scan / ".hidden").mkdir()
    assert scene.folders.open() == ["a", "b", "link"]
    scene.folders.close()


def test_moved_into_place_is_whole_at_once(scene: Scene) -> None:
    scene.lay_out().rename(scene.scan / "web")
    assert scene.look() == ["web"]
    assert not scene.pending


def test_copied_is_read_when_it_has_been_still(scene: Scene) -> None:
    before = time.monotonic()
    (scene.scan / "web").mkdir()
    assert scene.look() == []
    first = scene.pending["web"]
    assert first >= before + SETTLED_S
    (scene.scan / "web/data").write_text("half of")
    assert scene.look() == []
    second = scene.pending["web"]
    assert second > first, "a change of any file postpones the reading"
    (scene.scan / "web/run").write_text("#!/bin/sh\n")
    assert scene.settle() == ["web"]


def test_links(scene: Scene) -> None:
    target = scene.lay_out()
    (scene.scan / "web").symlink_to(target)
    (scene.scan / "dangling").symlink_to("nowhere")
    assert scene.look() == ["dangling", "web"]
    assert scene.folders.exists("web")
    assert scene.folders.exists("dangling")
    scene.folders.watch("web")
    (target / "run").write_text("changed")
    assert scene.settle() == ["web"]
    (scene.scan / "web").unlink()
    assert scene.look() == ["web"]
    assert not scene.folders.exists("web")


def test_two_links_to_one_folder_are_both_told_and_forgotten_apart(scene: Scene) -> None:
    target = scene.lay_out()
    for name in ("a", "b"):
        (scene.scan / name).symlink_to(target)
        scene.folders.watch(name)
    scene.look()
    (target / "run").write_text("changed")
    assert scene.settle() == ["a", "b"]
    scene.folders.forget("a")
    (target / "run").write_text("changed again")
    assert scene.settle() == ["b"]
    scene.folders.forget("b")
    (target / "run").write_text("changed once more")
    assert scene.settle() == []


def test_removed(scene: Scene) -> None:
    shutil.rmtree(scene.make())
    assert "web" in scene.look()
    assert not scene.folders.exists("web")


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
def test_renamed_it_is_two_folders_and_the_new_one_is_watched(
    scene: Scene, order: tuple[str, str]
) -> None:
    """Whichever of the two is dealt with first: the kernel knows them as one inode."""
    folder = scene.make("old").rename(scene.scan / "new")
    assert scene.look() == ["new", "old"]
    for name in order:
        if name == "new":
            scene.folders.watch("new")
        else:
            scene.folders.forget("old")
    scene.pending.clear()
    (folder / "run").write_text("changed")
    assert scene.settle() == ["new"]


def test_moved_out(scene: Scene) -> None:
    folder = scene.make()
    folder.rename(scene.aside / "elsewhere")
    assert scene.look() == ["web"]


@pytest.mark.parametrize("name", ["run", "finish", "down", "csv.toml"])
def test_what_a_definition_is_made_from(scene: Scene, name: str) -> None:
    folder = scene.make()
    (folder / name).write_text("changed")
    assert scene.settle() == ["web"]
    (folder / name).chmod(0o755)
    assert scene.settle() == ["web"]
    (folder / name).rename(folder / "other")
    assert scene.settle() == ["web"]
    (folder / "other").rename(folder / name)
    assert scene.settle() == ["web"]
    (folder / name).unlink()
    assert scene.settle() == ["web"]


def test_the_folders_own_mode_counts(scene: Scene) -> None:
    scene.make().chmod(0o700)
    assert scene.settle() == ["web"] or scene.look() == ["web"]


def test_noise_in_a_folder_is_nobodys_concern(scene: Scene) -> None:
    folder = scene.make()
    (folder / "data").write_text("x" * 1000)
    (folder / "data").unlink()
    (folder / "supervise").symlink_to("/run/somewhere")
    (folder / "run.swp").write_text("an editor's")
    (folder / "deeper").mkdir()
    (folder / "deeper/run").touch()
    (scene.scan / "csv.toml").touch()
    (scene.scan / ".new").mkdir()
    (scene.scan / "README").write_text("a file")
    assert scene.settle() in ([], ["README", "csv.toml"])
    assert "web" not in scene.reads


@pytest.mark.parametrize("file", ["web.env", "conf/web.env"])
def test_an_env_file(scene: Scene, file: str) -> None:
    folder = scene.make(watched=False)
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("A=1")
    scene.folders.watch("web", [str(path)])
    path.write_text("A=2")
    assert scene.settle() == ["web"]
    (path.parent / "beside").write_text("nobody reads this")
    assert scene.settle() == []


def test_an_env_file_in_a_directory_that_comes_later(scene: Scene) -> None:
    folder = scene.make(watched=False)
    scene.folders.watch("web", [str(folder / "conf/web.env")])
    (folder / "conf").mkdir()
    assert scene.settle() == ["web"]


def test_an_envdir(scene: Scene) -> None:
    folder = scene.make(watched=False)
    (folder / "env").mkdir()
    scene.folders.watch("web", [str(folder / "env")])
    (folder / "env/A").write_text("1")
    assert scene.settle() == ["web"]
    (folder / "env/A").unlink()
    assert scene.settle() == ["web"]
    scene.folders.watch("web")
    (folder / "env/B").write_text("1")
    assert scene.settle() == []


def test_inputs_outside_of_the_folder_are_not_watched(scene: Scene) -> None:
    scene.make(watched=False)
    scene.folders.watch("web", [str(scene.aside / "common.env")])
    (scene.aside / "common.env").touch()
    assert scene.settle() == []


def test_a_folder_that_cannot_be_watched_is_no_error(scene: Scene) -> None:
    (scene.scan / "dangling").symlink_to("nowhere")
    scene.folders.watch("dangling")
    scene.folders.forget("dangling")
    scene.folders.forget("never heard of")


def test_after_an_overflow_everything_is_read(scene: Scene) -> None:
    folder = scene.make()
    scene.make("other", watched=False)
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    fds = [os.open(folder / name, os.O_CREAT | os.O_WRONLY) for name in ("a", "b")]
    for number in range(most + 10):
        os.fchmod(fds[number % 2], 0o600)  # no two alike in a row, or the kernel merges them
    for fd in fds:
        os.close(fd)
    # One look takes in a part of the queue; the overflow stands at its end.
    looks = [scene.look() for _ in range(100)]
    assert [reads for reads in looks if reads] == [["other", "web"]]


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("web", True),
        ("my service", True),
        ("dienst-ä", True),
        ("a" * 128, True),
        ("ä" * 64, True),
        ("a" * 129, False),
        ("ä" * 65, False),
        ("csv", False),
        (".web", False),
        ("a\nb", False),
        ("a\x1b[2J", False),
        ("a\udcff", False),
    ],
)
def test_names(name: str, good: bool) -> None:
    assert is_service_name(name) is good
