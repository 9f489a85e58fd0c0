"""csv: one subcommand's module is imported, its errors become messages and exit codes."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from supervise import __version__
from supervise.cli.main import COMMANDS, main

CSV = [sys.executable, "-m", "supervise.cli.main"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_help_with_an_example(name: str) -> None:
    assert find_spec(COMMANDS[name][0])
    result = subprocess.run([*CSV, name, "--help"], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert "examples:" in result.stdout


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"csv {__version__}\n"


def test_nothing_asked_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 100
    assert capsys.readouterr().err.startswith("usage: csv")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("statsu", "csv: there is no command 'statsu'; did you mean `csv status`?\n"),
        ("zzz", "csv: there is no command 'zzz'; `csv --help` lists the commands\n"),
        ("--zzz", "csv: there is no option '--zzz'; `csv --help` lists the commands\n"),
    ],
)
def test_a_mistyped_command_is_told_the_nearest(
    capsys: pytest.CaptureFixture[str], typed: str, message: str
) -> None:
    assert main([typed]) == 100
    assert capsys.readouterr().err == message


def test_a_command_reports_under_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--zzz"]) == 100
    assert capsys.readouterr().err.startswith("csv status: unrecognized arguments: --zzz")
