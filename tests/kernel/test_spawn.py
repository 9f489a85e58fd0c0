"""What is started inherits what it should, and nothing else."""

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.errors import SystemCallFailed
from supervise.kernel.spawn import Command, spawn

SHOW = """
grep -E '^Sig(Blk|Ign)' /proc/self/status
pwd
env
cut -d' ' -f6 /proc/$$/stat
echo $$
read x && echo "read $x"
ls /proc/self/fd
"""


@pytest.fixture
def soured() -> Iterator[None]:
    """A parent that ignores one signal and blocks another, as a service manager may start us."""
    former = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGPIPE, former)


def run(command: tuple[str, ...], tmp_path: Path, **more: object) -> list[str]:
    """The lines that the command prints."""
    with (tmp_path / "output").open("w") as output:
        process = spawn(Command(argv=command, stdout=output.fileno(), **more))
        assert process.wait() == 0
    return (tmp_path / "output").read_text().splitlines()


@pytest.mark.usefixtures("soured")
def test_a_child_begins_clean(tmp_path: Path) -> None:
    with open(os.devnull) as other:
        os.set_inheritable(other.fileno(), True)
        lines = run(("sh", "-c", SHOW), tmp_path, env={"PATH": os.environ["PATH"], "A": "b"})
    pipe, xfsz = 1 << (signal.SIGPIPE - 1), 1 << (signal.SIGXFSZ - 1)
    assert not int(lines[1].split()[1], 16) & (pipe | xfsz)
    assert lines[2] == "/"
    assert "A=b" in lines
    assert not any(line.startswith("HOME=") for line in lines)
    # Its session is its own, its input is empty, and of ours it has 0, 1 and 2 alone
    # (3 is the directory that ls reads).
    at = lines.index("0")
    assert lines[at - 2] == lines[at - 1]
    assert lines[at:] == ["0", "1", "2", "3"]


def test_keep_is_inherited_under_its_number(tmp_path: Path) -> None:
    with (tmp_path / "kept").open("w") as kept:
        number = kept.fileno()
        spawn(Command(argv=("sh", "-c", f"echo x >/proc/self/fd/{number}"), keep=(number,))).wait()
    assert (tmp_path / "kept").read_text() == "x\n"


@pytest.mark.parametrize(
    ("mode", "text", "number"),
    [(0o644, "#!/bin/sh\n", errno.EACCES), (0o755, "#!/no/such\n", errno.ENOENT)],
)
def test_a_program_that_cannot_be_executed(
    tmp_path: Path, mode: int, text: str, number: int
) -> None:
    (tmp_path / "run").write_text(text)
    (tmp_path / "run").chmod(mode)
    with pytest.raises(SystemCallFailed, match=r"execve \./run: ") as error:
        spawn(Command(argv=("./run",), cwd=str(tmp_path)))
    assert error.value.errno == number


def test_no_format_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("echo no first line\n")
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(SystemCallFailed) as error:
        spawn(Command(argv=("./run",), cwd=str(tmp_path)))
    assert error.value.errno == errno.ENOEXEC


def test_a_command_is_a_value() -> None:
    assert Command(argv=("true",)) == Command(argv=("true",))
    assert isinstance(spawn(Command(argv=("true",))).wait(), int)
    assert subprocess.list2cmdline(Command(argv=("a", "b")).argv) == "a b"
