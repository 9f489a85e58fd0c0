"""What a container sees and may do: the real runtime, the real kernel."""

import os
import shutil
from pathlib import Path

from tests.container.conftest import Containers

NAMESPACES = ("pid", "ipc", "uts", "mnt", "cgroup")


def test_own_namespaces_and_the_network_of_the_machine(containers: Containers) -> None:
    names = (*NAMESPACES, "net")
    output = containers.shell("".join(f"readlink /proc/self/ns/{name};" for name in names)).output
    inside = dict(zip(names, output.split(), strict=True))
    ours = {name: os.readlink(f"/proc/self/ns/{name}") for name in names}
    assert all(inside[name] != ours[name] for name in NAMESPACES)
    assert inside["net"] == ours["net"]


def test_no_network_is_loopback_alone_and_that_is_up(containers: Containers) -> None:
    script = "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /sys/class/net/lo/carrier"
    assert containers.shell(script, "network_mode = 'none'").output.split() == ["lo", "1"]


def test_few_capabilities_no_new_ones_and_a_filter(containers: Containers) -> None:
    output = containers.shell("cat /proc/self/status").output
    status = dict(line.split(":\t", 1) for line in output.splitlines())
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    # chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot
    # setfcap: Podman's.
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0x800405FB


def test_capabilities_are_added_and_dropped_and_the_filter_follows(containers: Containers) -> None:
    script = "grep CapEff /proc/self/status; mount -t tmpfs x /mnt && echo mounted"
    before = containers.shell(script).output
    assert "mounted" not in before
    after = containers.shell(script, 'cap_add = ["SYS_ADMIN"]\ncap_drop = ["CHOWN"]').output
    assert after.split() == ["CapEff:", "00000000802405fa", "mounted"]
    none = containers.shell("grep CapEff /proc/self/status", 'cap_drop = ["ALL"]').output
    assert none.split() == ["CapEff:", "0000000000000000"]


def test_the_machines_secrets_are_not_there(containers: Containers) -> None:
    output = containers.shell(
        "ls -A /root /home /etc/shadow /etc/ssh /var/lib 2>/dev/null; ls /; ls /etc"
    ).output
    assert "shadow" not in output.split()
    assert set(os.listdir("/root")).isdisjoint(output.split())
    assert "work" not in output.split()


def test_the_machines_programs_cannot_be_changed(containers: Containers) -> None:
    script = "for d in /usr /etc/ssl/certs /etc/alternatives; do touch $d/x && echo $d; done"
    assert "/" not in containers.shell(f"({script}) 2>/dev/null").output


def test_kernel_files_are_hidden_or_read_only(containers: Containers) -> None:
    script = """
    for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/rcu_normal; do
        (echo x > $f) 2>/dev/null && echo wrote $f
    done
    for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats; do
        head -c 1 $f 2>/dev/null | grep -q . && echo read $f
    done
    ls -A /sys/firmware /proc/scsi 2>/dev/null | grep -v : | grep -q . && echo listed
    echo end"""
    assert containers.shell(script).output == "end\n"


def test_default_devices_alone(containers: Containers) -> None:
    output = containers.shell("find /dev -type b -o -type c | sort").output
    assert {os.path.basename(path) for path in output.split()} <= {
        "null", "zero", "full", "random", "urandom", "tty", "console", "ptmx",
    }  # fmt: skip


def test_a_new_root_at_each_launch(containers: Containers) -> None:
    assert containers.shell("echo x > /x && cat /x").output == "x\n"
    assert containers.shell("test -e /x").status == 1


def test_a_kept_layer_holds_what_was_written(containers: Containers) -> None:
    keep = 'writable = "keep"'
    assert containers.shell("echo 1 > /srv/x; rm /etc/services; chmod 700 /opt", keep).status == 0
    script = "cat /srv/x; test -e /etc/services || echo gone; stat -c %a /opt"
    assert containers.shell(script, keep).output.split() == ["1", "gone", "700"]
    kept = Path(containers.place.layers, "web.keep")
    assert (kept / "upper/srv/x").read_text() == "1\n"
    shutil.rmtree(kept)


def test_a_read_only_root_takes_mounts_and_nothing_else(containers: Containers) -> None:
    os.mkdir(f"{containers.folder}/data")
    ended = containers.shell(
        "touch /x || echo refused; touch /srv/deep/t/y && echo tmpfs; touch /new/y && echo volume",
        'read_only = true\ntmpfs = ["/srv/deep/t"]\nvolumes = ["./data:/new"]',
    )
    assert ended.output.splitlines()[-3:] == ["refused", "tmpfs", "volume"]
    assert os.listdir(f"{containers.folder}/data") == ["y"]


def test_hostname_and_hosts(containers: Containers) -> None:
    script = "hostname; cat /etc/hostname; getent hosts box"
    output = containers.shell(script, 'hostname = "box"').output.split()
    assert output[:2] == ["box", "box"]
    assert output[2:] == ["127.0.1.1", "box"]
    assert containers.shell("hostname").output == "web\n"


def test_sane_limits_and_umask_whatever_ours_are(containers: Containers) -> None:
    old = os.umask(0o077)
    try:
        output = containers.shell("ulimit -Sn; umask; cat /etc/hostname", 'user = "nobody"').output
    finally:
        os.umask(old)
    assert output.split() == ["1024", "0022", "web"]


def test_init_reaps_orphans(containers: Containers) -> None:
    # The orphan is dead when its reader has EOF; without an init it would be a zombie for good.
    script = (
        "cat /proc/1/comm; (true &) | cat; while ps -e -o stat= | grep -q Z; do :; done; exit 5"
    )
    ended = containers.shell(script, "init = true")
    assert ended == (5, "init\n")


def test_working_directory_and_arguments_arrive_as_written(containers: Containers) -> None:
    ended = containers.run(
        "working_dir = '/usr/bin'\nentrypoint = ['sh', '-c', 'pwd; printf \"<%s>\" \"$@\"', 'me']\n"
        "command = ['a b', '', 'ä', '$x', \"'\"]"
    )
    assert ended.output == "/usr/bin\n<a b><><ä><$x><'>"
