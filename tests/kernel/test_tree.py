"""A tree that somebody hostile has filled goes away, and nothing beside it."""

import os
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel.tree import remove_tree


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").touch()
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "a/link").symlink_to(tmp_path / "outside")
    os.mkfifo(tree / "fifo")
    (tree / "sealed").mkdir(mode=0)
    remove_tree(str(tree))
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (tmp_path / "outside/precious").exists()


def test_deeper_than_any_recursion(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    depth = 3000
    directory = os.open(tree, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=directory)
        inner = os.open("d", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
    os.close(directory)
    remove_tree(str(tree))
    assert not tree.exists()


def test_a_file_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remove_tree(str(tmp_path / "file"))
    remove_tree(str(tmp_path / "file"))
    assert not os.listdir(tmp_path)


def test_a_link_to_a_tree_is_only_a_link(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").touch()
    (tmp_path / "link").symlink_to("tree")
    remove_tree(str(tmp_path / "link"))
    assert os.listdir(tmp_path) == ["tree"]
    assert (tmp_path / "tree/file").exists()


def test_something_on_the_way_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemCallFailed, match="file/tree: Not a directory"):
        remove_tree(str(tmp_path / "file/tree"))
