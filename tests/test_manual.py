"""Every command has a man page that names its options, and completion in three shells."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from supervise.cli.main import COMMANDS
from supervise.core.keys import BUILT

CONTRIB = Path(__file__).resolve().parent.parent / "contrib"
PLACES = {"--help", "--scan-dir", "--run-dir", "--lib-dir", "--log-dir"}
"""Options that mean the same everywhere; csv(1) tells of them."""


def options(command: str) -> set[str]:
    """The long options that ``--help`` of the command shows."""
    csv = [sys.executable, "-m", "supervise.cli.main", command, "--help"]
    text = subprocess.run(csv, capture_output=True, text=True, check=True).stdout
    described = text.split("options:")[1].split("examples:")[0]
    return set(re.findall(r"(?<!\S)--[a-z-]+", described))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_man_page_names_every_option(command: str) -> None:
    pages = [*CONTRIB.glob(f"man/csv-{command}.*"), *CONTRIB.glob(f"man/{command}.*")]
    assert len(pages) == 1
    text = pages[0].read_text()
    assert all(option in text for option in options(command) - PLACES)


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_completes_every_option(command: str) -> None:
    shell = f"""
        . {CONTRIB}/completions/csv.bash
        COMP_WORDS=(csv {command} --) COMP_CWORD=2
        _csv csv
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) >= options(command)


@pytest.mark.parametrize("file", ["csv.bash", "_csv", "csv.fish"])
def test_every_shell_knows_every_command(file: str) -> None:
    text = (CONTRIB / "completions" / file).read_text()
    assert all(re.search(rf"\b{command}\b", text) for command in COMMANDS)


def test_the_page_of_the_run_file_names_every_key() -> None:
    text = (CONTRIB / "man/csv-runfile.5").read_text()
    assert all(re.search(rf"^\.B (.* \\fB)?{key}\b", text, re.M) for key in BUILT)


def test_every_page_that_is_referred_to_exists() -> None:
    names = {page.name for page in CONTRIB.glob("man/*")}
    for page in CONTRIB.glob("man/*"):
        for name, section in re.findall(r"^\.BR (cs\S+|sv\S+) \((\d)\)", page.read_text(), re.M):
            assert f"{name}.{section}" in names, page
