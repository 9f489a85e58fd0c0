"""The inotify wrapper, on the real kernel."""

import os
import select
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel import inotify
from supervise.kernel.inotify import Inotify


def test_tells_names_in_order(tmp_path: Path) -> None:
    with Inotify() as watch:
        wd = watch.add_watch(str(tmp_path), inotify.IN_CREATE | inotify.IN_MOVED_TO)
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(tmp_path / "b\udcff")
        assert select.select([watch], [], [], 5)[0]
        events = watch.read()
    assert [(e.wd, e.name) for e in events] == [(wd, "a"), (wd, "b\udcff")]
    assert events[0].mask == inotify.IN_CREATE | inotify.IN_ISDIR


def test_reading_with_nothing_there_does_not_block(tmp_path: Path) -> None:
    with Inotify() as watch:
        watch.add_watch(str(tmp_path), inotify.IN_CREATE)
        assert watch.read() == []


def test_removed_watch_is_silent_and_removing_twice_is_no_error(tmp_path: Path) -> None:
    with Inotify() as watch:
        wd = watch.add_watch(str(tmp_path), inotify.IN_CREATE)
        watch.remove_watch(wd)
        watch.remove_watch(wd)
        (tmp_path / "a").touch()
        assert [e.mask for e in watch.read()] == [inotify.IN_IGNORED]


def test_missing_path_is_named(tmp_path: Path) -> None:
    with Inotify() as watch, pytest.raises(SystemCallFailed, match="missing: No such file"):
        watch.add_watch(str(tmp_path / "missing"), inotify.IN_CREATE)


def test_descriptor_is_close_on_exec_and_closed_once() -> None:
    watch = Inotify()
    assert not os.get_inheritable(watch.fileno())
    watch.close()
    watch.close()
    assert watch.fileno() == -1
