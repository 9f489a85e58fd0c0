"""What a run file gives to a container: volumes, users, environment, a root of its own."""

import os
from pathlib import Path

import pytest

from supervise.container.environment import REMOVE, read_env
from supervise.container.users import Identity, resolve_user
from supervise.errors import LaunchError
from supervise.kernel.mount import MS_BIND, detach, mount
from tests.container.conftest import Containers


def test_volumes_read_write_and_read_only(containers: Containers) -> None:
    folder = Path(containers.folder)
    (folder / "rw").mkdir()
    (folder / "ro").mkdir()
    (folder / "file").write_text("content\n")
    ended = containers.shell(
        "echo 1 > /rw/x; (echo 2 > /ro/x) 2>/dev/null || echo refused; cat /f; "
        "(echo 3 > /f) 2>/dev/null || echo refused",
        'volumes = ["./rw:/rw", "./ro:/ro:ro", "./file:/f:ro"]',
    )
    assert ended.output == "refused\ncontent\nrefused\n"
    assert (folder / "rw/x").read_text() == "1\n"
    assert os.listdir(folder / "ro") == []


def test_read_only_holds_for_what_is_mounted_below_a_volume(containers: Containers) -> None:
    folder = Path(containers.folder)
    (folder / "outer/inner").mkdir(parents=True)
    (folder / "other").mkdir()
    mount(str(folder / "other"), str(folder / "outer/inner"), "", MS_BIND)
    try:
        script = "touch /v/inner/x 2>/dev/null && echo wrote; ls -d /v/inner"
        ended = containers.shell(script, 'volumes = ["./outer:/v:ro"]')
    finally:
        detach(str(folder / "outer/inner"))
    assert ended.output == "/v/inner\n"


def test_a_device_node_on_a_volume_cannot_be_opened(containers: Containers) -> None:
    os.mknod(f"{containers.folder}/null", 0o20666, os.makedev(1, 3))
    script = "(echo x > /v/null) 2>/dev/null || echo refused"
    assert containers.shell(script, 'volumes = [".:/v"]').output == "refused\n"


def test_tmpfs_options(containers: Containers) -> None:
    script = "stat -c %a /t; grep ' /t ' /proc/mounts | cut -d' ' -f4"
    output = containers.shell(script, 'tmpfs = ["/t:size=64k,mode=750,exec"]').output.split()
    assert output[0] == "750"
    assert {"size=64k", "nosuid", "nodev"} <= set(output[1].split(","))
    assert "noexec" not in output[1]


def test_a_directory_as_root(containers: Containers) -> None:
    root = Path(containers.folder, "root")
    for name in ("usr", "lib", "lib64", "bin", "etc"):
        (root / name).mkdir(parents=True)
    root.chmod(0o711)
    (root / "etc/passwd").write_text("me:x:5:6::/home/me:/bin/sh\n")
    (root / "etc/group").write_text("me:x:6:\nmore:x:7:me,you\n")
    (root / "own").write_text("own\n")
    ended = containers.run(
        """rootfs = "./root"
command = ["sh", "-c", "cat /own; stat -c %a /; id -u; id -g; id -G; echo $HOME; rm /own"]
user = "me"
volumes = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", "/usr/bin:/bin:ro"]
"""
    )
    assert ended.output.split()[:6] == ["own", "711", "5", "6", "6", "7"]
    assert "/home/me" in ended.output
    assert (root / "own").exists()


def test_a_root_whose_name_would_be_mount_options(containers: Containers) -> None:
    root = Path(containers.folder, "a,upperdir=b:c\\d")
    root.mkdir()
    (root / "own").touch()
    ended = containers.run(
        f"rootfs = '{root}'\ncommand = ['/b/ls', '/own']\n"
        "volumes = ['/usr/bin:/b', '/usr/lib:/lib', '/usr/lib64:/lib64']"
    )
    assert ended == (0, "/own\n")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, Identity(uid=0, gid=0, groups=(), home="/root")),
        ("root", Identity(uid=0, gid=0, groups=(), home="/root")),
        ("web", Identity(uid=33, gid=34, groups=(34, 50), home="/var/www")),
        ("33", Identity(uid=33, gid=34, groups=(34, 50), home="/var/www")),
        ("web:more", Identity(uid=33, gid=50, groups=(), home="/var/www")),
        ("77:88", Identity(uid=77, gid=88, groups=(), home="/")),
        ("77", Identity(uid=77, gid=0, groups=(), home="/")),
    ],
)
def test_users_are_looked_up_inside(tmp_path: Path, user: str | None, expected: Identity) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "broken\nroot:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n"
    )
    (tmp_path / "etc/group").write_text("web:x:34:web\nmore:x:50:you,web\nother:x:51:you\n:::\n")
    assert resolve_user(str(tmp_path), user) == expected


def test_a_link_to_the_machines_passwd_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/passwd")
    (tmp_path / "etc/group").symlink_to("../../../../etc/group")
    with pytest.raises(LaunchError, match="daemon"):
        resolve_user(str(tmp_path), "daemon")
    with pytest.raises(LaunchError, match="adm"):
        resolve_user(str(tmp_path), "0:adm")


def test_environment_from_files_a_directory_and_the_run_file(containers: Containers) -> None:
    folder = Path(containers.folder)
    (folder / "a.env").write_text("# comment\nA=1\nB=2 # two\nexport C='3 # x'\nOURS\nNONE\n\n")
    (folder / "env").mkdir()
    (folder / "env/B").write_text("dir \t\nnot this\n")
    (folder / "env/A").write_text("")
    (folder / "env/N").write_bytes(b"x\0y\n")
    (folder / "env/.hidden").write_text("x")
    output = containers.shell(
        "env -0 | tr '\\0' ';'",
        'env_file = ["a.env", "./env"]\nenvironment = ["D=4", "C=5", "OURS"]',
    ).output
    found = dict(each.split("=", 1) for each in output.split(";") if each)
    assert found["B"] == "dir"
    assert "A" not in found
    assert (found["C"], found["D"], found["N"]) == ("5", "4", "x\ny")
    assert found["OURS"] == "our own"
    assert "NONE" not in found
    assert found["HOME"] == "/root"
    assert found["HOSTNAME"] == "web"
    assert found["PATH"].startswith("/usr/local/sbin:")


def test_an_empty_file_of_a_directory_removes_and_a_blank_line_is_empty(tmp_path: Path) -> None:
    (tmp_path / "GONE").touch()
    (tmp_path / "EMPTY").write_text(" \n")
    assert read_env(str(tmp_path)) == {"EMPTY": "", "GONE": REMOVE}


@pytest.mark.parametrize(
    ("line", "expected"),
    [("=x", 'e:2: "=x" is no NAME=value'), ("A b=1", "is no NAME=value"), ("A='x", "closing '")],
)
def test_a_wrong_line_of_an_env_file_is_named(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / "e").write_text(f"OK=1\n{line}\n")
    with pytest.raises(LaunchError) as caught:
        read_env(str(tmp_path / "e"))
    assert expected in str(caught.value)


def test_an_env_file_that_would_block_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(LaunchError, match="neither a file nor a directory"):
        read_env(str(tmp_path / "fifo"))
