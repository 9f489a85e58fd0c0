"""Files that others read are whole, and what is idempotent is so."""

import os
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel import files


def test_replace_never_shows_a_part(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    files.replace_file(str(path), b"old", 0o600)
    with path.open("rb") as reader:
        files.replace_file(str(path), b"new", 0o600)
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["state.json"]


def test_replace_writes_all_of_much(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    files.replace_file(str(tmp_path / "big"), content)
    assert (tmp_path / "big").read_bytes() == content


def test_replace_that_fails_names_the_place_and_keeps_the_old(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    (tmp_path / "state.json/old").touch()
    with pytest.raises(SystemCallFailed, match=r"state\.json: Is a directory"):
        files.replace_file(str(tmp_path / "state.json"), b"new")
    assert (tmp_path / "state.json/old").exists()
    with pytest.raises(SystemCallFailed, match=r"no/state\.json: No such file"):
        files.replace_file(str(tmp_path / "no/state.json"), b"new")


def test_make_directory(tmp_path: Path) -> None:
    files.make_directory(str(tmp_path / "a/b"))
    files.make_directory(str(tmp_path / "a/b"))
    (tmp_path / "file").touch()
    with pytest.raises(SystemCallFailed, match="file: File exists"):
        files.make_directory(str(tmp_path / "file"))


def test_removing_what_is_not_there_or_not_empty(tmp_path: Path) -> None:
    files.remove_file(str(tmp_path / "no"))
    files.remove_directory(str(tmp_path / "no"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    files.remove_directory(str(tmp_path / "full"))
    assert (tmp_path / "full/file").exists()
    files.remove_file(str(tmp_path / "full/file"))
    files.remove_directory(str(tmp_path / "full"))
    assert not os.listdir(tmp_path)
