"""A service folder as it may lie there: right, wrong, hostile."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from supervise.container.folder import MAX_RUN_FILE_BYTES, read_folder, read_machine
from supervise.core.definition import MachineSettings, Restart, RestartPolicy, ServiceDefinition
from supervise.errors import DefinitionError

PLAIN = "#!/bin/sh\nexec sleep 1\n"
BOX = '#!/usr/bin/env csv-run\nrootfs = "host"\ncommand = ["sleep", "1"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "web"
    path.mkdir()
    return path


def write(path: Path, text: str | bytes, mode: int = 0o755) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)


def read(folder: Path, machine: MachineSettings | None = None) -> ServiceDefinition:
    return read_folder(str(folder), "web", machine)


def test_a_plain_program(folder: Path) -> None:
    write(folder / "run", PLAIN)
    service = read(folder)
    assert (service.name, service.container) == ("web", None)
    assert not service.normally_down
    assert not service.finish


def test_a_container_run_file(folder: Path) -> None:
    write(folder / "run", BOX)
    (folder / "down").touch()
    write(folder / "finish", PLAIN)
    service = read(folder)
    assert service.container is not None
    assert service.container.command == ("sleep", "1")
    assert service.normally_down
    assert service.finish


def test_links_and_line_ends_of_other_systems(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "shared", BOX.replace("\n", "\r\n"))
    (folder / "run").symlink_to("../shared")
    assert read(folder).container is not None


def test_settings_of_a_plain_folder_and_of_the_machine(folder: Path) -> None:
    write(folder / "run", PLAIN)
    machine = MachineSettings(restart=RestartPolicy(max_delay_s=7.0))
    assert read(folder, machine).restart.max_delay_s == 7.0
    (folder / "csv.toml").write_text('[restart]\npolicy = "never"\n')
    restart = read(folder, machine).restart
    assert (restart.max_delay_s, restart.policy) == (7.0, Restart.NEVER)


def test_settings_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "csv.toml"
    assert read_machine(str(path)) == MachineSettings()
    path.write_text("[limits]\nparallel_starts = 3\n")
    assert read_machine(str(path)).parallel_starts == 3
    path.write_text("[limits]\nparallel = 3\n")
    with pytest.raises(DefinitionError, match=r"csv\.toml:2: limits\.parallel: no such key"):
        read_machine(str(path))


def nothing(folder: Path) -> None:
    pass


def link_to_nowhere(folder: Path) -> None:
    (folder / "run").symlink_to("nowhere")


def loop(folder: Path) -> None:
    (folder / "run").symlink_to("run")


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "run", 0o755)


def device(folder: Path) -> None:
    os.mknod(folder / "run", 0o20755, os.makedev(10, 130))  # a watchdog: opening it starts it


def directory(folder: Path) -> None:
    (folder / "run").mkdir()


def not_executable(folder: Path) -> None:
    write(folder / "run", PLAIN, 0o644)


def huge(folder: Path) -> None:
    write(folder / "run", BOX + "#" * MAX_RUN_FILE_BYTES)


def not_utf_8(folder: Path) -> None:
    write(folder / "run", BOX.encode() + b"# caf\xe9\n")


def settings_of_a_container(folder: Path) -> None:
    write(folder / "run", BOX)
    (folder / "csv.toml").write_text("")


def finish_not_executable(folder: Path) -> None:
    write(folder / "run", PLAIN)
    write(folder / "finish", PLAIN, 0o644)


def finish_is_a_directory(folder: Path) -> None:
    write(folder / "run", PLAIN)
    (folder / "finish").mkdir()


def settings_are_a_fifo(folder: Path) -> None:
    write(folder / "run", PLAIN)
    os.mkfifo(folder / "csv.toml")


def settings_link_to_nowhere(folder: Path) -> None:
    write(folder / "run", PLAIN)
    (folder / "csv.toml").symlink_to("nowhere")


def wrong_text(folder: Path) -> None:
    write(folder / "run", BOX + "comand = 1\n")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (nothing, "/web/run: is missing; a service folder holds an executable run"),
        (link_to_nowhere, "/web/run: is a link to nowhere, which cannot be reached"),
        (loop, "/web/run: is a link to run, which cannot be reached"),
        (fifo, "/web/run: is not a regular file; it must be an executable file"),
        (device, "/web/run: is not a regular file"),
        (directory, "/web/run: is a folder; it must be an executable file"),
        (not_executable, "/web/run: is not executable; chmod +x /"),
        (huge, "/web/run: is larger than 1048576 bytes, which no settings are"),
        (not_utf_8, "/web/run:4: is not UTF-8 (byte 0xe9); save it as UTF-8"),
        (settings_of_a_container, "/web/csv.toml: means nothing beside a container run file"),
        (finish_not_executable, "/web/finish: is not executable; chmod +x /"),
        (finish_is_a_directory, "/web/finish: is a folder; it must be"),
        (settings_are_a_fifo, "/web/csv.toml: is not a regular file"),
        (settings_link_to_nowhere, "/web/csv.toml: is a link to nowhere, which does not exist"),
        (wrong_text, '/web/run:4: comand: no such key; did you mean "command"?'),
    ],
)
def test_a_wrong_folder_is_told_and_never_blocks(
    folder: Path, make: Callable[[Path], None], expected: str
) -> None:
    make(folder)
    with pytest.raises(DefinitionError) as caught:
        read(folder)
    assert expected in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="is no folder"):
        read_folder(str(tmp_path / "no"), "no")


def test_the_fingerprint_follows_every_file(folder: Path, tmp_path: Path) -> None:
    (folder / "env").mkdir()
    (folder / "a.env").write_text("A=1")
    write(folder / "run", BOX + 'env_file = ["./env", "./a.env", "./later"]\n')
    seen = [read(folder).fingerprint]
    assert read(folder).fingerprint == seen[0]
    (folder / "unrelated").touch()
    assert read(folder).fingerprint == seen[0]
    for change in (
        lambda: write(folder / "finish", PLAIN),
        lambda: (folder / "finish").chmod(0o700),
        lambda: (folder / "env/B").write_text("1"),
        lambda: (folder / "env/B").write_text("12"),
        lambda: (folder / "a.env").write_text("A=12"),
        (folder / "later").touch,
        lambda: write(folder / "run", BOX),
    ):
        change()
        seen.append(read(folder).fingerprint)
    assert len(set(seen)) == len(seen)
    (folder / "down").touch()
    assert read(folder).fingerprint == seen[-1]
