"""A disk that is full, gone or read-only: said once, tried again, recovered, nothing lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervise.kernel.fifo import is_empty
from supervise.log.remains import unwritten
from supervise.paths import Paths
from tests.log.shim import Logged, Shim
from tests.waiting import wait_for

Make = Callable[..., Logged]


@pytest.fixture
def small_disk(place: Paths) -> Iterator[str]:
    """The log directory on a file system of 256 KiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "small", place.log_dir], check=True)
    yield place.log_dir
    subprocess.run(["umount", "-l", place.log_dir], check=True)


def lines(count: int) -> bytes:
    return b"".join(b"%08d and some more text to fill the disk\n" % n for n in range(count))


def complained(shim: Shim, times: int = 1) -> bool:
    return shim.complaints().count("cannot be written") >= times


def write_all(service: Logged, data: bytes) -> subprocess.Popen[bytes]:
    """Write as a service would: it waits when nobody takes more."""
    with open(service.run + "/input", "wb") as file:
        file.write(data)
    with open(service.run + "/input", "rb") as file:
        return subprocess.Popen(["cat"], stdin=file, stdout=service.out)


def test_full_disk_makes_the_writer_wait_and_loses_nothing(
    shim: Shim, logged: Make, small_disk: str
) -> None:
    ballast = Path(small_disk, "ballast")
    ballast.write_bytes(bytes(250_000))
    web, own = logged(max_size_bytes=64_000, keep=1000), logged("csv", entry=".csv")
    shim.start()
    data = lines(60_000)  # 3 MB: more than spool and FIFO hold
    writer = write_all(web, data)
    wait_for(lambda: complained(shim), shim.place.lib_dir)
    wait_for(
        lambda: os.stat(shim.place.shim + "/spool/web.out").st_size >= 1 << 20, shim.place.shim
    )
    assert writer.poll() is None
    shim.kill()  # and it survives this as well
    shim.start()
    wait_for(lambda: complained(shim, 2), shim.place.lib_dir)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert writer.wait(30) == 0
    web.wait(lambda: is_empty(web.out) and b"00059999" in web.texts()[-1][:8])
    assert web.text("out") == data
    (mark,) = [r.text for r in web.records() if r.origin == "csv"]
    assert b"nothing was lost" in mark
    assert shim.complaints().count("cannot be written: [Errno 28]") <= 4
    own.wait(lambda: b"it can again" in own.text("csv"))


def test_removed_directory_is_made_again(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"one\n")
    web.wait_for_text(b"one\n")
    shutil.rmtree(web.log)
    os.write(web.out, b"two\n")
    web.wait_for_text(b"two\n")
    shutil.rmtree(shim.place.log_dir)
    os.write(web.out, b"three\n")
    wait_for(lambda: os.path.exists(web.log + "/current"), os.path.dirname(shim.place.log_dir))
    web.wait_for_text(b"three\n")
    assert not shim.complaints()


def test_read_only_disk_recovers(shim: Shim, logged: Make, small_disk: str) -> None:
    web, worker = logged(), logged("worker")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    shim.start()
    os.write(web.out, b"one\n")
    os.write(worker.out, b"unfinished")
    wait_for(lambda: complained(shim, 2), shim.place.lib_dir)
    os.write(web.out, b"two\n")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    web.wait_for_text(b"one\ntwo\n")
    worker.wait_for_text(b"unfinished")
    assert "Read-only file system" in shim.complaints()


def test_truncated_current_is_gone_on_with(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"one\n")
    web.wait_for_text(b"one\n")
    Path(web.log, "current").write_bytes(b"")
    os.write(web.out, b"two\n")
    web.wait_for_text(b"two\n")
    assert b"\0" not in Path(web.log, "current").read_bytes()


def test_current_cut_by_a_crash_is_closed_with_a_newline(shim: Shim, logged: Make) -> None:
    web = logged()
    os.mkdir(web.log)
    Path(web.log, "current").write_bytes(b"2026-11-23T15:00:00.000000Z out cut he")
    os.write(web.out, b"two\n")
    shim.start()
    web.wait_for_text(b"cut he\ntwo\n")


def test_term_on_a_full_disk_keeps_the_spool_for_the_next(
    shim: Shim, logged: Make, small_disk: str
) -> None:
    ballast = Path(small_disk, "ballast")
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(1 << 20))
    web = logged()
    os.write(web.out, lines(1000))
    shim.start()
    wait_for(lambda: complained(shim), shim.place.lib_dir)
    assert shim.stop() == 1
    left = len(lines(1000))
    assert f"not written to {small_disk}: web ({left} bytes)" in shim.complaints()
    ballast.unlink()
    shim.start()
    web.wait_for_text(lines(1000))


def test_term_on_a_full_disk_moves_all_from_the_fifo_to_the_spool(
    shim: Shim, logged: Make, small_disk: str
) -> None:
    """The FIFO's content dies with its last holder; the batch that was cut short is mended."""
    web = logged(keep=1000)
    shim.start()
    data = lines(40_000)  # more than the disk and the spool hold, less than the FIFO, too
    writer = write_all(web, data)
    assert writer.wait(30) == 0
    wait_for(lambda: complained(shim), shim.place.lib_dir)
    assert shim.stop() == 1
    assert web.is_taken()
    assert unwritten(shim.place.shim).keys() == {"web"}
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    shim.start()
    web.wait_for_text(data)
    assert shim.stop() == 0
    assert unwritten(shim.place.shim) == {}
