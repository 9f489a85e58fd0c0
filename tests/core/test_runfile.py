"""Container run files: what each key becomes, and what a person is told of his mistakes."""

from pathlib import PurePosixPath

import pytest

from supervise.core.definition import (
    Limits,
    LogPolicy,
    MachineSettings,
    Restart,
    RestartPolicy,
    ServiceDefinition,
    Timestamp,
    Tmpfs,
    Volume,
)
from supervise.core.runfile import is_container_run, parse, parse_machine, parse_settings
from supervise.errors import DefinitionError

FOLDER = "/etc/csv/web"
LEAST = 'rootfs = "host"\ncommand = ["x"]\n'


def read(text: str, machine: MachineSettings | None = None) -> ServiceDefinition:
    return parse(text, file="run", folder=FOLDER, name="web", machine=machine)


@pytest.mark.parametrize(
    "line",
    [
        b"#!/usr/bin/env csv-run\n",
        b"#!/usr/local/bin/csv-run",
        b"#! /opt/csv/bin/csv-run --run-dir /run/x\n",
        b"#!/usr/bin/env -S csv-run --run-dir /run/x\n",
        b"#!/usr/bin/env -Scsv-run\n",
        b"#!/usr/bin/env csv-run\r\n",
    ],
)
def test_first_line_of_a_container_run_file(line: bytes) -> None:
    assert is_container_run(line)


@pytest.mark.parametrize(
    "line",
    [
        b"#!/bin/sh\n",
        b"#!/bin/sh csv-run\n",
        b"#!/usr/bin/env python3 csv-run\n",
        b"csv-run\n",
        b"# csv-run\n",
        b"#!\n",
        b"#!/usr/bin/env\n",
        b"#!/usr/bin/csv-runner\n",
        b"#!/bin/sh\n#!/usr/bin/env csv-run\n",
        b"",
    ],
)
def test_first_line_of_any_other_program(line: bytes) -> None:
    assert not is_container_run(line)


def test_the_least_file_has_the_defaults() -> None:
    service = read(LEAST)
    assert service.container is not None
    assert (service.container.rootfs, service.container.command) == ("host", ("x",))
    assert service.container.network_mode == "host"
    assert service.restart == RestartPolicy()
    assert service.log == LogPolicy()
    assert (service.stop_signal, service.stop_grace_period_s) == (15, 10.0)


def test_every_key() -> None:
    service = read(
        """#!/usr/bin/env csv-run
rootfs = "./root"
entrypoint = "/bin/sh -c"
command = ["exec 'a b'"]
environment = { A = "1", B = 2, C = true }
env_file = ["./env", "/etc/x.env"]
user = "www-data:adm"
working_dir = "/srv/"
hostname = "box.example"
volumes = ["./html:/srv/html:ro", "/data:/data"]
tmpfs = "/run:size=1m,mode=755"
read_only = true
init = true
network_mode = "none"
labels = ["a=b", "c"]
mem_limit = "1.5G"
cpus = "0.5"
pids_limit = 10
cap_add = ["net_admin"]
cap_drop = ["ALL"]
stop_signal = "SIGRTMIN+3"
stop_grace_period = "1m30s"
finish_timeout = 2
[restart]
policy = "on-failure"
min_delay = "1s"
first_delay = 0.5
factor = 3
max_delay = "2m"
jitter = "20%"
reset_after = "1h"
max_failures = 5
window = "10m"
retry_every = "1d"
[log]
max_size = "1M"
keep = 3
timestamp = "tai64n"
"""
    )
    container = service.container
    assert container is not None
    assert container.rootfs == f"{FOLDER}/root"
    assert container.entrypoint == ("/bin/sh", "-c")
    assert container.command == ("exec 'a b'",)
    assert container.environment == (("A", "1"), ("B", "2"), ("C", "true"))
    assert container.env_files == (f"{FOLDER}/env", "/etc/x.env")
    assert container.user == "www-data:adm"
    assert container.working_dir == "/srv"
    assert container.hostname == "box.example"
    assert container.volumes == (
        Volume(source=f"{FOLDER}/html", target="/srv/html", read_only=True),
        Volume(source="/data", target="/data"),
    )
    assert container.tmpfs == (Tmpfs(target="/run", options=("size=1048576", "mode=755")),)
    assert container.read_only
    assert container.init
    assert container.network_mode == "none"
    assert container.labels == (("a", "b"), ("c", ""))
    assert container.limits == Limits(memory_bytes=3 * 512 * 1024 * 1024, cpus=0.5, pids=10)
    assert (container.cap_add, container.cap_drop) == (("CAP_NET_ADMIN",), ("ALL",))
    assert (service.stop_signal, service.stop_grace_period_s) == (37, 90.0)
    assert service.finish_timeout_s == 2.0
    assert service.restart == RestartPolicy(
        policy=Restart.ON_FAILURE,
        min_delay_s=1.0,
        first_delay_s=0.5,
        factor=3.0,
        max_delay_s=120.0,
        jitter=0.2,
        reset_after_s=3600.0,
        max_failures=5,
        window_s=600.0,
        retry_every_s=86400.0,
    )
    assert service.log == LogPolicy(max_size_bytes=1 << 20, keep=3, timestamp=Timestamp.TAI64N)


def test_other_forms_of_values() -> None:
    service = read(
        f"""{LEAST}
stop_signal = "2"
pids_limit = -1
user = 5
environment = ["A=1", "B", "A=2"]
cap_add = ["ALL", "CAP_KILL"]
tmpfs = ["/a:size=50%,uid=1", "/b:"]
mem_limit = 8388608
"""
    )
    container = service.container
    assert container is not None
    assert (service.stop_signal, container.user, container.limits.pids) == (2, "5", None)
    assert container.environment == (("A", "2"), ("B", None))
    assert container.cap_add == ("ALL", "CAP_KILL")
    assert container.tmpfs[0].options == ("size=50%", "uid=1")
    assert container.limits.memory_bytes == 8 << 20


def test_long_form_of_volumes() -> None:
    service = read(
        LEAST
        + """
[[volumes]]
type = "bind"
source = "./a"
target = "/a"
read_only = true
bind = { create_host_path = false }
[[volumes]]
type = "tmpfs"
target = "/b"
tmpfs = { size = "1M", mode = 0o1777 }
"""
    )
    assert service.container is not None
    assert service.container.volumes == (Volume(source=f"{FOLDER}/a", target="/a", read_only=True),)
    assert service.container.tmpfs == (Tmpfs(target="/b", options=("size=1048576", "mode=1777")),)


@pytest.mark.parametrize(
    ("word", "policy"),
    [
        ("always", Restart.ALWAYS),
        ("unless-stopped", Restart.ALWAYS),
        ("on-failure", Restart.ON_FAILURE),
        ("no", Restart.NEVER),
    ],
)
def test_composes_word_for_restart(word: str, policy: Restart) -> None:
    assert read(f'{LEAST}restart = "{word}"').restart == RestartPolicy(policy=policy)


def test_composes_count_of_tries_gives_up_after_that_many_more() -> None:
    restart = read(f'{LEAST}restart = "on-failure:3"').restart
    assert (restart.policy, restart.max_failures) == (Restart.ON_FAILURE, 4)
    # Four short runs with the longest delays between them fall into the window.
    assert restart.window_s >= 4 * restart.reset_after_s + 3 * restart.max_delay_s * 1.1


def test_machines_settings_are_the_defaults_of_each_key() -> None:
    machine = parse_machine(
        '[restart]\nmax_delay = "5s"\nfactor = 3\n[log]\nkeep = 2\n[limits]\nparallel_starts = 7\n',
        file="csv.toml",
    )
    assert machine.parallel_starts == 7
    service = read(f"{LEAST}[restart]\nfactor = 4\n", machine)
    assert (service.restart.max_delay_s, service.restart.factor) == (5.0, 4.0)
    assert service.log.keep == 2


def test_settings_of_a_plain_folder() -> None:
    service = parse_settings(
        'stop_signal = "HUP"\nfinish_timeout = "1m"\n[restart]\npolicy = "never"\n',
        file="csv.toml",
        name="plain",
    )
    assert service.container is None
    assert (service.name, service.stop_signal, service.finish_timeout_s) == ("plain", 1, 60.0)
    assert service.restart.policy is Restart.NEVER


def test_settings_of_a_plain_folder_refuse_keys_of_a_container() -> None:
    with pytest.raises(DefinitionError, match=r"csv.toml:2: user: means something only in a cont"):
        parse_settings('stop_signal = 1\nuser = "x"\n', file="csv.toml", name="plain")
    with pytest.raises(DefinitionError, match=r"csv.toml:1: stop_sinal: no such key; did you mean"):
        parse_settings("stop_sinal = 1\n", file="csv.toml", name="plain")


def test_relative_paths_start_at_the_folder_and_nothing_is_looked_up() -> None:
    service = read('rootfs = "../shared/root"\ncommand = "x"')
    assert service.container is not None
    assert PurePosixPath(service.container.rootfs) == PurePosixPath(f"{FOLDER}/../shared/root")
