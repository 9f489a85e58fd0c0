"""Folders that come, change, break, are mended, and go, under a running supervisor."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.supervisor import Supervisor
from tests.system.services import CSV_RUN, SLEEP, WAIT, Kind, container
from tests.waiting import wait_for

PLAIN = f"#!/bin/sh\n{SLEEP}\n"


def shown_everywhere(supervisor: Supervisor, name: str, text: str) -> None:
    """Assert that the operator finds the text wherever he looks."""
    assert text in supervisor.csv("svstat", name).stdout
    assert text in supervisor.csv("status", name).stdout
    wait_for(lambda: text in supervisor.log("csv"), supervisor.place.log_dir)


def test_broken_is_shown_and_mended_recovers(supervisor: Supervisor) -> None:
    supervisor.add("beside", PLAIN)
    pid = supervisor.wait_for("beside", phase="up")["pid"]
    text = container(SLEEP, "init = true").replace("rootfs", "rotfs")
    folder = supervisor.add("web", text)
    supervisor.wait_for("web", phase="failed")
    shown_everywhere(
        supervisor, "web", f'{folder}/run:2: rotfs: no such key; did you mean "rootfs"'
    )
    (folder / "run").write_text(text.replace("rotfs", "rootfs"))
    state = supervisor.wait_for("web", phase="up", error=None)
    assert state["launch"] == 1
    assert supervisor.state("beside")["pid"] == pid


def test_broken_while_it_runs_leaves_it_alone(supervisor: Supervisor) -> None:
    folder = supervisor.add("web", PLAIN)
    pid = supervisor.wait_for("web", phase="up")["pid"]
    (folder / "run").chmod(0o644)
    state = supervisor.wait_for("web", changed=True)
    assert (state["phase"], state["pid"]) == ("up", pid)
    shown_everywhere(supervisor, "web", "run: is not executable; chmod +x")
    (folder / "run").chmod(0o755)
    assert supervisor.wait_for("web", error=None)["pid"] == pid


def test_changed_is_shown_and_applied_when_asked(supervisor: Supervisor, kind: Kind) -> None:
    folder = supervisor.add("web", kind.run(f"echo old; {SLEEP}", "init = true"))
    supervisor.wait_for_line("web", "old")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    (folder / "run").write_text(kind.run(f"echo new; {SLEEP}", "init = true"))
    assert supervisor.wait_for("web", changed=True)["pid"] == pid
    assert "changed since start" in supervisor.csv("svstat", "web").stdout
    supervisor.csv("svc", "-t", "web")
    supervisor.wait_for_line("web", "new")
    supervisor.wait_for("web", phase="up", launch=2, changed=False)


def test_an_env_file_that_changed_counts(supervisor: Supervisor) -> None:
    text = container(f"echo it is $A; {SLEEP}", 'env_file = "web.env"', "init = true")
    folder = supervisor.add("web", text, **{"web.env": "A=1\n"})
    supervisor.wait_for_line("web", "it is 1")
    (folder / "web.env").write_text("A=2\n")
    supervisor.wait_for("web", changed=True)
    supervisor.csv("svc", "-t", "web")
    supervisor.wait_for_line("web", "it is 2")


def test_what_a_service_writes_into_its_folder_changes_nothing(supervisor: Supervisor) -> None:
    supervisor.add("web", f"#!/bin/sh\necho x > data; mkdir deep; echo done; {SLEEP}\n")
    supervisor.wait_for_line("web", "done")
    supervisor.add("later", PLAIN)
    supervisor.wait_for("later", phase="up")
    assert supervisor.state("web")["changed"] is False


def test_removed_it_is_stopped_and_nothing_stays(supervisor: Supervisor, kind: Kind) -> None:
    folder = supervisor.add("web", kind.run(f"echo ready; {SLEEP}", "init = true"))
    supervisor.wait_for_line("web", "ready")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    shutil.rmtree(folder)
    run = Path(supervisor.place.service("web").run)
    wait_for(lambda: not run.exists(), supervisor.place.run_dir)
    assert not Path(f"/proc/{pid}").exists()
    assert os.path.isdir(supervisor.place.service("web").log), "its log is data, and stays"


def test_removed_and_there_again_while_the_old_one_still_stops(supervisor: Supervisor) -> None:
    folder = supervisor.add(
        "web",
        f"#!/bin/sh\ntrap 'echo stopping' TERM\necho old\n{WAIT}\n",
        **{"csv.toml": 'stop_grace_period = "500ms"\n'},
    )
    supervisor.wait_for_line("web", "old")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    shutil.rmtree(folder)
    supervisor.wait_for_line("web", "stopping")
    folder = supervisor.add("web", f"#!/bin/sh\necho new; {SLEEP}\n")
    supervisor.wait_for_line("web", "new")
    assert not Path(f"/proc/{pid}").exists()
    assert "old" in supervisor.log("web")
    subprocess.run(["/usr/bin/svok", folder], check=True)


def test_replaced_it_is_changed_and_still_found_by_its_folder(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """The new one has no supervise in it; daemontools' programs know nothing else."""
    link = Path(supervisor.place.scan_dir, "web")
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "run").write_text(PLAIN)
        (tmp_path / version / "run").chmod(0o755)
    link.symlink_to(tmp_path / "1")
    pid = supervisor.wait_for("web", phase="up")["pid"]
    (tmp_path / "new").symlink_to(tmp_path / "2")
    # One system call: the name is never without a folder.
    (tmp_path / "new").rename(link)
    assert supervisor.wait_for("web", changed=True)["pid"] == pid
    subprocess.run(["/usr/bin/svc", "-t", link], check=True)
    assert supervisor.wait_for("web", phase="up", changed=False)["pid"] != pid


def test_renamed_it_is_another_service(supervisor: Supervisor) -> None:
    folder = supervisor.add("old", PLAIN)
    pid = supervisor.wait_for("old", phase="up")["pid"]
    new = folder.rename(folder.with_name("new"))
    assert supervisor.wait_for("new", phase="up")["pid"] != pid
    wait_for(lambda: not supervisor.state("old"), supervisor.place.run_dir)
    (new / "run").write_text(f"{PLAIN}# changed\n")
    supervisor.wait_for("new", changed=True)


def test_copied_it_is_read_when_it_is_whole(supervisor: Supervisor) -> None:
    """Each file comes a little later than the one before: a slow copy."""
    folder = Path(supervisor.place.scan_dir, "web")
    folder.mkdir()
    for number in range(20):
        (folder / f"data{number}").write_text("x")
        # The next file waits until the supervisor has taken this one in, at the latest.
        supervisor.csv("status")
    (folder / "run").write_text(PLAIN)
    (folder / "run").chmod(0o755)
    state = supervisor.wait_for("web", phase="up")
    assert (state["launch"], state["failures"]) == (1, 0)
    assert "is missing" not in supervisor.output.read_text()


def test_linked_folders(supervisor: Supervisor, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "run").write_text(PLAIN)
    (target / "run").chmod(0o755)
    scan = Path(supervisor.place.scan_dir)
    for name in ("a", "b"):
        (scan / name).symlink_to(target)
    pids = {supervisor.wait_for(name, phase="up")["pid"] for name in ("a", "b")}
    assert len(pids) == 2
    (target / "run").write_text(f"{PLAIN}# changed\n")
    for name in ("a", "b"):
        supervisor.wait_for(name, changed=True)
    for name in ("a", "b"):
        (scan / name).unlink()
        wait_for(lambda name=name: not supervisor.state(name), supervisor.place.run_dir)


def test_a_link_that_leads_nowhere_is_shown(supervisor: Supervisor) -> None:
    link = Path(supervisor.place.scan_dir, "web")
    link.symlink_to("nowhere")
    supervisor.wait_for("web", phase="failed")
    shown_everywhere(supervisor, "web", f"{link}")
    link.unlink()
    wait_for(lambda: not supervisor.state("web"), supervisor.place.run_dir)


@pytest.mark.parametrize("name", ["my web server", "dienst-ä-ö", "100% $(id) 'x'", "a=b", "☃" * 42])
def test_names(supervisor: Supervisor, kind: Kind, name: str) -> None:
    folder = supervisor.add(name, kind.run(f"echo ready; {SLEEP}", "init = true"))
    supervisor.wait_for_line(name, "ready")
    assert supervisor.csv("svok", name).returncode == 0
    subprocess.run(["/usr/bin/svc", "-d", folder], check=True)
    supervisor.wait_for(name, phase="down", pid=None)


@pytest.mark.parametrize("name", ["csv", "x" * 129, "a\nb"])
def test_names_that_no_service_can_have(supervisor: Supervisor, name: str) -> None:
    supervisor.add(name, PLAIN)
    wait_for(
        lambda: "cannot be the name of a service" in supervisor.log("csv"), supervisor.place.log_dir
    )
    assert not Path(supervisor.place.service(name).state).exists()


def test_files_and_hidden_folders_are_no_services(supervisor: Supervisor) -> None:
    scan = Path(supervisor.place.scan_dir)
    (scan / "README").write_text("a file")
    shutil.copytree(supervisor.add("web", PLAIN), scan / ".hidden", symlinks=True)
    supervisor.wait_for("web", phase="up")
    assert sorted(supervisor.csv("svstat", "README", "web").stdout.split())[0]
    names = [row.split()[0] for row in supervisor.csv("status").stdout.splitlines()[1:]]
    assert names == ["web"]


def test_settings_of_the_machine(supervisor: Supervisor) -> None:
    """Read at the start; a wrong file is said, and harms nobody."""
    assert supervisor.stop() == 0
    settings = Path(supervisor.place.settings)
    settings.write_text("[restart]\npolicy = 'never'\n")
    supervisor.start()
    supervisor.add("web", "#!/bin/sh\nexit 1\n")
    assert supervisor.wait_for("web", phase="down")["launch"] == 1
    assert supervisor.stop() == 0
    settings.write_text("[restart]\npolicy = 'nver'\n")
    supervisor.start()
    assert f"{settings}:2: " in supervisor.output.read_text()
    supervisor.wait_for("web", phase="waiting")


MISTAKES = {
    "no run": ({}, "run: is missing"),
    "not executable": ({"run": (PLAIN, 0o644)}, "chmod +x"),
    "a folder": ({"run/x": ("", 0o644)}, "run: is a folder"),
    "toml": ({"run": ("rootfs = \n", 0)}, "run:2: "),
    "unknown key": ({"run": ('rootfs = "host"\ncomand = ["x"]\n', 0)}, 'did you mean "command"'),
    "not built": ({"run": ('rootfs = "host"\nports = ["80:80"]\n', 0)}, "known, not built yet"),
    "image": ({"run": ('image = "nginx"\n', 0)}, "known, not built yet; use rootfs"),
    "type": ({"run": ('rootfs = "host"\ncommand = 3\n', 0)}, "run:3: command: "),
    "no rootfs": ({"run": ('command = ["true"]\n', 0)}, "rootfs"),
    "rootfs missing": ({"run": ('rootfs = "./no"\ncommand = ["true"]\n', 0)}, "/no"),
    "nothing to run": ({"run": ('rootfs = "host"\n', 0)}, "command"),
    "volume": ({"run": ('rootfs = "host"\ncommand = ["a"]\nvolumes = ["x"]\n', 0)}, "run:4: "),
    "volume missing": (
        {"run": ('rootfs = "host"\ncommand = ["a"]\nvolumes = ["./no:/x"]\n', 0)},
        "/no",
    ),
    "size": ({"run": ('rootfs = "host"\ncommand = ["a"]\nmem_limit = "much"\n', 0)}, "mem_limit"),
    "signal": (
        {"run": ('rootfs = "host"\ncommand = ["a"]\nstop_signal = "SIGTRM"\n', 0)},
        "SIGTERM",
    ),
    "duration": (
        {"run": ('rootfs = "host"\ncommand = ["a"]\nstop_grace_period = "10 parsecs"\n', 0)},
        "stop_grace_period",
    ),
    "capability": (
        {"run": ('rootfs = "host"\ncommand = ["a"]\ncap_add = ["NET_ADMN"]\n', 0)},
        "NET_ADMIN",
    ),
    "policy": (
        {"run": ('rootfs = "host"\ncommand = ["a"]\n[restart]\npolicy = "alway"\n', 0)},
        "always",
    ),
    "program missing": ({"run": ('rootfs = "host"\ncommand = ["no-such"]\n', 0)}, '"no-such"'),
    "user": ({"run": ('rootfs = "host"\ncommand = ["id"]\nuser = "nobdy"\n', 0)}, "nobdy"),
    "interpreter": ({"run": ("#!/no/such/shell\n", 0o755)}, "run: its interpreter /no"),
    "finish": ({"run": (PLAIN, 0o755), "finish": ("#!/bin/sh\n", 0o644)}, "finish: is not exec"),
    "settings": ({"run": (PLAIN, 0o755), "csv.toml": ("polcy = 1\n", 0o644)}, "csv.toml:1: "),
    "not utf-8": ({"run": ("rootfs = '\udcff'\n", 0)}, "is not UTF-8"),
}


def test_each_mistake_is_told_so_that_it_can_be_mended(supervisor: Supervisor) -> None:
    """One supervisor has them all at once: none hides another, and a right one runs."""
    for name, (files, _) in MISTAKES.items():
        _lay_out(Path(supervisor.place.scan_dir, f".{name}"), files)
    for name in MISTAKES:
        Path(supervisor.place.scan_dir, f".{name}").rename(Path(supervisor.place.scan_dir, name))
    supervisor.add("right", PLAIN)
    supervisor.wait_for("right", phase="up")
    for name, (_, hint) in MISTAKES.items():

        def told(name: str = name, hint: str = hint) -> bool:
            return hint in (supervisor.state(name).get("error") or "")

        try:
            wait_for(told, supervisor.place.run_dir)
        except AssertionError:
            raise AssertionError(f"{name}: no {hint!r} in {supervisor.state(name)}") from None
        assert supervisor.state(name)["pid"] is None
    shown = supervisor.csv("svstat", *MISTAKES).stdout
    assert "Traceback" not in shown + supervisor.output.read_text()


def _lay_out(folder: Path, files: dict[str, tuple[str, int]]) -> None:
    folder.mkdir()
    for name, (text, mode) in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if mode else CSV_RUN + text, errors="surrogateescape")
        path.chmod(mode or 0o755)
