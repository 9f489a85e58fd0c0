"""svc: letters in their order, in one write, to every service that can be told."""

import subprocess

import pytest

from supervise.cli.svc import main
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir


@pytest.mark.parametrize(
    ("options", "letters"),
    [
        (["-u"], "u"),
        (["-udopchaitkx12q"], "udopchaitkx12q"),
        (["-t", "-c", "-u"], "tcu"),
        (["-1", "-21"], "121"),
    ],
)
def test_letters_keep_their_order(places: Paths, options: list[str], letters: str) -> None:
    with SuperviseDir(places, "web") as web:
        assert main([*options, "web"]) == 0
        assert web.letters() == letters


def test_daemontools_svc_writes_the_same(places: Paths) -> None:
    options = ["-ud", "-opchaitk", "-x"]
    with SuperviseDir(places, "web") as web:
        subprocess.run(["/usr/bin/svc", *options, str(web.folder)], check=True)
        theirs = web.letters()
        assert main([*options, str(web.folder)]) == 0
        assert web.letters() == theirs


def test_one_that_cannot_be_told_does_not_stop_the_others(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        assert main(["-u", "nothing", "web"]) == 102
        assert web.letters() == "u"
    folder = f"{places.scan_dir}/nothing"
    assert capsys.readouterr().err == f"svc: nothing: there is no service folder {folder}\n"


def test_without_a_supervisor_it_says_how_to_start_one(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web"):
        pass
    assert main(["-u", "web"]) == 102
    expected = f"svc: web: no supervisor is running for it; start one with `csv scan {places[0]}`\n"
    assert capsys.readouterr().err == expected


def test_a_supervisor_that_does_not_read_fails_the_command_and_does_not_hang(
    places: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with SuperviseDir(places, "web") as web:
        with open(web.supervise / "control", "r+b", buffering=0) as control:
            control.write(bytes(65536))
        assert main(["-u", "web"]) == 111
    assert "control: Resource temporarily unavailable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["web"], "no command given"),
        (["-z", "web"], "unrecognized arguments: -z"),
        (["-u"], "required: NAME"),
        (["-w", "soon", "-u", "web"], "'soon' is no number of seconds"),
    ],
)
def test_wrong_usage_is_100(
    capsys: pytest.CaptureFixture[str], argv: list[str], reason: str
) -> None:
    assert main(argv) == 100
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_wait_of_no_length_is_a_usage_error(
    places: Paths, capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    assert main(["-w", seconds, "-u", "web"]) == 100
    assert capsys.readouterr().err.startswith("svc: argument -w: ")
