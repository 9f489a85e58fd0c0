"""``csv check``: findings and their exit code, as text and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from supervise.cli.check import main
from supervise.paths import Paths
from tests.supervise_dir import SuperviseDir

BOX = '#!/usr/bin/env csv-run\nrootfs = "host"\ncommand = ["sleep", "1"]\n'


def make(place: Paths, name: str, run: str = BOX, **files: str) -> str:
    folder = Path(place.scan_dir, name)
    folder.mkdir()
    for file, text in {"run": run, **files}.items():
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    return str(folder)


def check(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    code = main(["--json", *argv])
    return code, json.loads(capsys.readouterr().out)


def messages(capsys: pytest.CaptureFixture[str], folder: str) -> list[str]:
    code, found = check(capsys, folder)
    assert code == bool(found["findings"])
    return [each["message"] for each in found["findings"]]


def test_right_folders_and_the_machine(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    make(place, "box")
    make(place, "plain", "#!/bin/sh\n", finish="#!/usr/bin/env sh\n")
    Path(place.scan_dir, ".hidden").mkdir()
    Path(place.scan_dir, "csv.toml").write_text("")
    assert main([place.scan_dir]) == 0
    output = capsys.readouterr().out
    assert output.endswith("2 folders, nothing to mend\n")
    for word in ("runtime:", "crun", "cgroups:", "mem_limit:", "device_rules:", "seccomp:"):
        assert word in output


def test_findings_have_file_and_line(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(place, "box", BOX + "comand = 1\ninit = 1\n")
    make(place, "good")
    code, found = check(capsys, place.scan_dir)
    assert (code, found["folders"]) == (1, 2)
    assert [(each["file"], each["line"]) for each in found["findings"]] == [
        (f"{folder}/run", 4),
        (f"{folder}/run", 5),
    ]
    assert main([place.scan_dir]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f'{folder}/run:4: comand: no such key; did you mean "command"?' in lines
    assert lines[-1] == "2 folders, 2 mistakes to mend"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('volumes = ["./no:/a"]', "/box/no does not exist; make it"),
        ('env_file = "no"', "/box/no does not exist; make it, or take it out"),
        ('env_file = "finish"', '/box/finish:2: "exit 0" is no NAME=value'),
        ('user = "nobdy"', 'user "nobdy" is not in /etc/passwd'),
        ('entrypoint = "/srv/prog"', '"/srv/prog" does not exist in the container'),
        ('entrypoint = "nosuch"', '"nosuch" is not in the PATH of the container'),
        ('entrypoint = "/etc/passwd"', '"/etc/passwd" does not exist in the container'),
        ('entrypoint = "sleep"\nenvironment = ["PATH=/nowhere"]', '"sleep" is not in the PATH'),
    ],
)
def test_what_a_launch_would_not_find(
    place: Paths, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    folder = make(place, "box", BOX + text, finish="#!/bin/sh\nexit 0\n")
    (message,) = messages(capsys, folder)
    assert expected in message


def test_what_a_volume_may_bring_is_not_missed(
    place: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(place, "box", BOX + 'entrypoint = "/a/prog"\nvolumes = ["./:/a"]\n')
    assert messages(capsys, folder) == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("echo", "has neither a #! line nor is it a program; begin it with #!/bin/sh"),
        ("#!\n", "its #! line names no interpreter; write #!/bin/sh"),
        ("#!/no/sh\n", "its interpreter /no/sh does not exist"),
        ("#!/usr/bin/env nosuch\n", "its interpreter nosuch is not in the PATH"),
        ("#!/bin/sh\r\n", "its first line ends in CR"),
        ("\ufeff#!/bin/sh\n", "begins with a byte order mark"),
        ("#!/usr/bin/env sh\r\n", "its first line ends in CR"),
        (BOX.replace("\n", "\r\n"), "its first line ends in CR"),
    ],
)
def test_programs_that_the_kernel_would_not_run(
    place: Paths, capsys: pytest.CaptureFixture[str], run: str, expected: str
) -> None:
    (message,) = messages(capsys, make(place, "plain", run))
    assert expected in message


@pytest.mark.parametrize("name", ["csv", "a\nb", "\udcff", "a" * 129])
def test_a_name_that_no_service_can_have(
    place: Paths, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make(place, name, "#!/bin/sh\n")
    for directory in (place.scan_dir, f"{place.scan_dir}/{name}"):
        (message,) = messages(capsys, directory)
        assert message.startswith("cannot be the name of a service: rename the folder")


def test_links_that_lead_nowhere(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    for name, target in (("loop", "loop"), ("gone", "nowhere")):
        Path(place.scan_dir, name).symlink_to(target)
    assert messages(capsys, place.scan_dir) == [
        "is a link to nowhere, which cannot be reached: No such file or directory",
        "is a link to loop, which cannot be reached: Too many levels of symbolic links",
    ]


def test_a_folder_of_another_supervisor(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    with SuperviseDir(place, "web") as web:
        (web.folder / "run").write_text("#!/bin/sh\n")
        (web.folder / "run").chmod(0o755)
        (message,) = messages(capsys, str(web.folder))
        assert "belongs to another supervisor that runs" in message
        web.set_state()  # so it is a csv's
        assert messages(capsys, str(web.folder)) == []
        (web.folder / "supervise").unlink()
        (web.folder / "supervise").mkdir()
        (message,) = messages(capsys, str(web.folder))
        assert "was left by another supervisor: remove it" in message


def test_a_directory_that_is_none(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert messages(capsys, f"{place.scan_dir}/no") == ["is no directory"]


def test_wrong_settings_of_the_machine(place: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    make(place, "box")
    Path(place.scan_dir, "csv.toml").write_text("[restart]\nfactor = 0\n")
    code, found = check(capsys, place.scan_dir)
    assert (code, found["findings"][0]["line"]) == (1, 2)
