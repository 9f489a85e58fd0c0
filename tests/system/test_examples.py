"""service_dirs/: every example is right, comes up, and does what its header says."""

import shutil
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.supervisor import Supervisor

EXAMPLES = Path(__file__).resolve().parents[2] / "service_dirs"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir())


def drop(supervisor: Supervisor, name: str, old: str = "", new: str = "") -> None:
    """Move a copy of the example into place, ``old`` replaced by ``new`` in its run file."""
    folder = Path(supervisor.place.scan_dir, f".{name}")
    shutil.copytree(EXAMPLES / name, folder)
    text = (folder / "run").read_text()
    assert old in text
    (folder / "run").write_text(text.replace(old, new) if old else text)
    folder.rename(folder.with_name(name))


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_csv_check_finds_nothing_to_mend(supervisor: Supervisor) -> None:
    result = supervisor.csv("check", str(EXAMPLES))
    assert (result.returncode, result.stderr) == (0, "")


def test_none_is_littered() -> None:
    """A supervisor puts a link into each folder; here nobody may have left one."""
    assert list(EXAMPLES.glob("*/supervise")) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_up_and_ends_in_time_when_told(supervisor: Supervisor, name: str) -> None:
    drop(supervisor, name, *(("8080", free_port()) if name == "hello-web" else ()))
    supervisor.wait_for(name, phase="up")
    assert supervisor.csv("svc", "-w", "8", "-d", name).returncode == 0
    assert "SIGKILL" not in supervisor.state(name)["last_exit"]["words"]


def test_hello_web_serves_its_page(supervisor: Supervisor) -> None:
    port = free_port()
    drop(supervisor, "hello-web", "8080", port)
    supervisor.wait_for_line("hello-web", "Serving HTTP")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
        assert page.read() == (EXAMPLES / "hello-web/html/index.html").read_bytes()


def test_worker_crashes_and_is_started_again(supervisor: Supervisor) -> None:
    drop(supervisor, "worker", "1 2 3 4 5 6 7", "1")
    supervisor.wait_for_line("worker", "job 1 is done")
    assert supervisor.wait_for("worker", launch=2)["last_exit"]["words"] == "exit 3"
    supervisor.wait_for_line("worker", "err that was too much")
