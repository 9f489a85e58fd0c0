"""FIFOs are made as asked, and nothing else is ever opened in their place."""

import fcntl
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from supervise.errors import HostError, SystemCallFailed
from supervise.kernel.fifo import grow_pipe, is_empty, make_fifo, open_fifo


def test_mode_is_exact_and_making_twice_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "out"
    former = os.umask(0o077)
    try:
        make_fifo(str(path), 0o622)
    finally:
        os.umask(former)
    inode = path.stat().st_ino
    make_fifo(str(path), 0o622)
    assert path.stat().st_ino == inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o622


def test_what_is_written_is_kept_while_it_is_held(tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    make_fifo(path, 0o600)
    with ExitStack() as stack:
        held = open_fifo(path)
        stack.callback(os.close, held)
        assert is_empty(held)
        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b"line\n")
        os.close(writer)
        assert not is_empty(held)
        assert os.read(held, 100) == b"line\n"
        with pytest.raises(BlockingIOError):
            os.read(held, 100)
        assert not os.get_inheritable(held)


@pytest.mark.parametrize("kind", ["file", "link", "device", "directory"])
def test_anything_else_is_refused_unopened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    if kind == "file":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    else:
        make_fifo(str(tmp_path / "real"), 0o600)
        path.symlink_to("real")
    with pytest.raises(HostError, match=f"{path}: is not a FIFO; remove it"):
        open_fifo(str(path))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_fifo(str(tmp_path / "out"))
    with pytest.raises(SystemCallFailed, match=r"mkfifo .*/no/out: No such file"):
        make_fifo(str(tmp_path / "no/out"), 0o600)


def test_grow_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        grow_pipe(writer, 128 * 1024)
        assert fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) == 128 * 1024
        grow_pipe(writer, 4096)
        assert fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) == 128 * 1024
    finally:
        os.close(reader)
        os.close(writer)
