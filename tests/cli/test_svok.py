"""svok: the exit code alone says whether a service is supervised."""

import subprocess

import pytest

from supervise.cli.svok import main
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir


def test_it_agrees_with_daemontools(places: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    def real() -> int:
        return subprocess.run(["/usr/bin/svok", str(web.folder)], check=False).returncode

    with SuperviseDir(places, "web") as web:
        assert main(["web"]) == real() == 0
    assert main(["web"]) == 1
    assert real() == 100
    assert main(["nothing"]) == 1
    assert capsys.readouterr() == ("", "")


def test_one_that_is_not_supervised_decides(places: Paths) -> None:
    with SuperviseDir(places, "web"):
        assert main(["web", "nothing"]) == 1


def test_wrong_usage_is_100(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 100
    assert capsys.readouterr().err.startswith("svok: the following arguments are required: NAME")
