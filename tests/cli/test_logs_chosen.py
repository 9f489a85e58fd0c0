"""csv logs: which records are shown, by time, launch, origin and words; and --rotate."""

import os
import time
from pathlib import Path

import pytest

from supervise.cli.logs import main
from supervise.paths import Paths
from tests.cli.test_logs import line, printed, write

NOW = int(time.time())


def texts(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    return [row.split()[-1] for row in printed(capfd, *arguments).splitlines()]


@pytest.fixture
def web(places: Paths) -> Path:
    lines = [line(NOW - 7200, b"old"), line(NOW - 60, b"new", "err"), line(NOW - 30, b"newer")]
    return write(places, "web", b"".join(lines))


def test_by_time(web: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert texts(capfd, "--since", "10m", "web") == ["new", "newer"]
    assert texts(capfd, "--until", "10m", "web") == ["old"]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 60))
    assert texts(capfd, "--since", stamp, "--until", stamp, "web") == ["new"]


def test_by_words_and_origin(web: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert texts(capfd, "--grep", "new(er)?$", "web") == ["new", "newer"]
    assert texts(capfd, "--stderr", "web") == ["new"]
    assert texts(capfd, "--grep", "^[^ ]+ out", "-n", "1", "web") == ["newer"]
    assert texts(capfd, "--stderr", "-n", "1", "--raw", "web") == ["new"]


def test_by_launch(web: Path, places: Paths, capfd: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        write(places, "web", line(NOW, b"launch %d started" % number, "csv"))
        write(places, "web", line(NOW, b"by-%d" % number))
    assert texts(capfd, "--launch", "-1", "web")[1:] == ["by-1"]
    assert texts(capfd, "--launch", "2", "--raw", "web") == ["by-2"]
    assert main(["--launch", "7", "web"]) == 1
    assert "no such launch (7)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "soon"],
        ["--grep", "("],
        ["--launch", "x"],
        ["-f", "--until", "1h"],
        ["-f", "--launch", "1"],
    ],
)
def test_wrong_usage(web: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main([*arguments, "web"]) == 100
    assert "csv logs: " in capfd.readouterr().err


def test_rotate_asks_the_shim(web: Path, places: Paths, capfd: pytest.CaptureFixture[str]) -> None:
    where = ["--rotate", "web", "--run-dir", places.run_dir]
    assert main(where) == 102
    assert "no shim" in capfd.readouterr().err
    os.makedirs(places.shim)
    os.mkfifo(places.shim + "/control")
    control = os.open(places.shim + "/control", os.O_RDWR | os.O_NONBLOCK)
    assert main(where) == 0
    assert os.read(control, 100) == b"rotate web\n"
    os.close(control)
