"""Broken and hostile files harm only themselves, and are named."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.log.shim import Logged, Shim
from tests.waiting import wait_for

Make = Callable[..., Logged]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"name": "web", "max_size_bytes": -1}',
        '{"name": "web", "keep": "many"}',
        '{"name": "web", "timestamp": "sundial"}',
        "[" * 30000,
    ],
)
def test_broken_policy_is_named_and_the_default_holds(shim: Shim, logged: Make, text: str) -> None:
    web = logged()
    Path(web.run, "log.json").write_text(text)
    shim.start()
    os.write(web.out, b"line\n")
    web.wait_for_text(b"line\n")
    assert f"{web.run}/log.json: " in shim.complaints()


def test_fifo_that_is_none_is_not_opened(shim: Shim, logged: Make) -> None:
    web, other = logged(), logged("other")
    os.unlink(web.run + "/out")
    Path(web.run, "out").write_text("not a fifo")
    os.unlink(other.run + "/err")
    os.symlink(web.run + "/err", other.run + "/err")
    shim.start()
    os.write(web.err, b"line\n")
    web.wait_for_text(b"line\n", "err")
    assert f"{web.run}/out: is not a FIFO" in shim.complaints()
    assert f"{other.run}/err: is not a FIFO" in shim.complaints()


@pytest.mark.parametrize("kind", ["directory", "fifo", "link"])
def test_current_that_is_no_file_is_named_until_it_is_moved(
    shim: Shim, logged: Make, kind: str
) -> None:
    web = logged()
    os.mkdir(web.log)
    current = web.log + "/current"
    if kind == "directory":
        os.mkdir(current)
    elif kind == "fifo":
        os.mkfifo(current)
    else:
        os.symlink("/etc/passwd", current)
    shim.start()
    os.write(web.out, b"line\n")
    wait_for(lambda: "cannot be written" in shim.complaints(), shim.place.lib_dir)
    os.rename(current, web.log + "/moved")
    web.wait_for_text(b"line\n")


def test_control_lines_that_mean_nothing(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    noise = [
        b"\n", b"look\n", b"look \n", b"look ../../etc\n", b"look %2e%2e%2fetc\n", b"drop .\n",
        b"\xff\xfe\0\n", b"burn web\n", b"drop %00\n", b"look nobody\n", b"drop nobody\n",
        b"rotate nobody\n", b"drop .syslogd\n", b"look " + b"x" * 3000 + b"\n", b"rotate web\n",
    ]  # fmt: skip
    with open(shim.place.shim + "/control", "r+b", buffering=0) as control:
        for line in noise:
            control.write(line)
    os.write(web.out, b"line\n")
    web.wait_for_text(b"line\n")
    assert "b'burn web' is no order" in shim.complaints()
    assert os.listdir(shim.place.log_dir) == ["web"]


def test_one_busy_service_does_not_delay_another(shim: Shim, logged: Make) -> None:
    """A batch at a time: the quiet one's line comes while the other's flood goes on."""
    busy, quiet = logged("busy", keep=1), logged("quiet")
    shim.start()
    flood = subprocess.Popen(["yes", "a line of a flood"], stdout=busy.out)
    busy.wait(lambda: os.path.exists(busy.log + "/current"))
    os.write(quiet.out, b"line\n")
    quiet.wait_for_text(b"line\n", limit_s=5)
    shim.signal(signal.SIGTERM)  # nor does it delay the end
    assert shim.process is not None
    assert shim.process.wait(5) == 0
    flood.kill()
    flood.wait()
