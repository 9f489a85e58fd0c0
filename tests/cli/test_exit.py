"""Errors become one line and an exit code; ^C and a closed pipe become no line at all."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from supervise.cli.exit import program
from supervise.errors import CsvError, NotSupervised, SystemCallFailed, UsageError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CsvError("no"), 1),
        (UsageError("no"), 100),
        (NotSupervised("no"), 102),
        (SystemCallFailed("open", "/x", 13), 111),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    @program("test")
    def main(_: Sequence[str]) -> int:
        raise error

    assert main([]) == code


def test_a_message_is_one_line_and_its_notes_follow(capsys: pytest.CaptureFixture[str]) -> None:
    @program("test")
    def main(_: Sequence[str]) -> int:
        error = CsvError("it failed")
        error.add_note("and this is why")
        raise error

    main([])
    assert capsys.readouterr() == ("", "test: it failed\nand this is why\n")


def test_arguments_are_those_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    @program("test")
    def main(argv: Sequence[str]) -> int:
        return len(argv)

    monkeypatch.setattr(sys, "argv", ["test", "a", "b"])
    assert main() == 2
    assert main([]) == 0


def test_a_closed_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    csv = [sys.executable, "-m", "supervise.cli.main", "--help"]
    result = subprocess.run(csv, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


def test_a_name_of_any_bytes_is_printed() -> None:
    """A folder's name may hold bytes that are no text; that is no reason for a traceback."""
    svstat = [sys.executable, "-m", "supervise.cli.main", "svstat", b"/no/\xff\xc3\xa4"]
    env = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    result = subprocess.run(svstat, env=env, capture_output=True, check=False)
    assert result.stderr == b""
    assert result.stdout == b"/no/\\udcff\xc3\xa4: unable to chdir: file does not exist\n"
