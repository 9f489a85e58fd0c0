"""Container run files: what each key becomes, and what a person is told of his mistakes."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from supervise.core.keys import BUILT, KNOWN
from supervise.core.runfile import is_container_run, parse, parse_machine, parse_settings
from supervise.errors import DefinitionError

FOLDER = "/etc/csv/web"
LEAST = 'rootfs = "host"\ncommand = ["x"]\n'


def read(text: str, machine: MachineSettings | None = None) -> ServiceDefinition:
    return parse(text, file="run", folder=FOLDER, name="web", machine=machine)


def complaints(text: str) -> list[str]:
    """What is wrong with a text; empty when it is right."""
    try:
        read(text)
    except DefinitionError as error:
        return str(error).split("\n")
    return []


def mistakes(text: str) -> list[str]:
    found = complaints(text)
    assert found, "taken for right"
    return found


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


MISTAKES = {
    "mistyped key": ('comand = ["x"]', 'run:3: comand: no such key; did you mean "command"?'),
    "another's word": ('workdir = "/"', 'run:3: workdir: no such key; did you mean "working_dir"?'),
    "key of Compose": ('ports = ["80:80"]', "run:3: ports: known, not built yet; with network"),
    "mistyped key of Compose": ("port = []", 'run:3: port: no such key; "ports" is known, but'),
    "whole Compose file": ("[services.web]", "run:3: services: a run file is one service"),
    "no quotes": ("user = root", "at column 8 of user = root; text is written between double"),
    "open quote": ('user = "root', 'of user = "root; the closing double quote is missing'),
    "no value": ("user =", "the value is missing"),
    "YAML": ("user: root", "TOML writes key = value, not key: value"),
    "Python's truth": ("init = True", "truth is written true or false"),
    "typographic quotes": ("user = “root”", "use plain quotes"),
    "key twice": ('user = "a"\nuser = "b"', "Cannot overwrite a value"),
    "open list": ("tmpfs = [", "something above is not closed"),
    "backslash": (r'user = "a\q"', "a backslash is written twice"),
    "size": ('mem_limit = "256X"', 'run:3: mem_limit: "256X" is no size; write bytes, or a num'),
    "small size": ('mem_limit = "1M"', "too small for any program to start in; the least is 6M"),
    "duration": ('stop_grace_period = "10"', '"10" has no unit; write seconds, or a string'),
    "negative": ("stop_grace_period = -1", "-1 is no duration; it must be 0 or more seconds"),
    "signal": ('stop_signal = "SIGTREM"', '"SIGTREM" is no signal; did you mean "SIGTERM"?'),
    "signal's number": ("stop_signal = 99", "99 is no signal; they are 1 to 64"),
    "truth in quotes": ('read_only = "yes"', 'must be true or false without quotes, not "yes"'),
    "number as text": ("hostname = 7", 'must be text between quotes, not 7; write "7"'),
    "number in a list": ('env_file = ["a", 7]', "run:3: env_file[1]: must be text"),
    "empty": ('user = ""', "run:3: user: is empty; write a value, or take the line out"),
    "user": ('user = "a b"', '"a b" is no user; write "name", "1000"'),
    "volume without target": (
        'volumes = ["./html"]',
        'write "SOURCE:TARGET", such as "./html:/srv"',
    ),
    "relative target": ('volumes = ["./a:b"]', '"b" is relative; a path in the container begins'),
    "named volume": (
        'volumes = ["data:/d"]',
        "named volume: known, not built yet; for a directory",
    ),
    "relabelling": ('volumes = ["/a:/b:z"]', '"z" relabels files for SELinux'),
    "volume's option": ('volumes = ["/a:/b:or"]', '"or" is not known here; write one of: ro, rw'),
    "home": ('volumes = ["~/a:/b"]', "a service has no home; write the whole path"),
    "root": ('volumes = ["/a:/"]', "/ is the container's root"),
    "kernel's": ('volumes = ["/a:/proc/sys"]', "/proc/sys belongs to the kernel"),
    "twice": ('volumes = ["/a:/b"]\ntmpfs = ["/b"]', "/b is mounted twice; each target once"),
    "upwards": ('working_dir = "/a/../b"', 'holds ".."; write the path without it'),
    "tmpfs": ('tmpfs = ["/a:sise=1M"]', 'did you mean "size"?'),
    "mode": ('tmpfs = ["/a:mode=rwx"]', "is no mode; write it in octal, such as mode=1777"),
    "volume's type": ('volumes = [{ target = "/a" }]', 'type is missing; write type = "bind"'),
    "volume's key": (
        'volumes = [\n  "/a:/b",\n  { type = "bind", sorce = "/a", target = "/c" },\n]',
        'run:5: volumes[1].sorce: no such key here; did you mean "source"?',
    ),
    "capability": ('cap_add = ["NET_ADMN"]', 'is no capability; did you mean "NET_ADMIN"?'),
    "capability twice": (
        'cap_add = ["KILL"]\ncap_drop = ["KILL"]',
        "run:4: cap_drop: CAP_KILL is in cap_add too",
    ),
    "cpus": ("cpus = 0", "0 is no number of cpus; write 0.5 for half of one"),
    "pids": ("pids_limit = 0", "must be a whole number from 1 to"),
    "network": ('network_mode = "bridge"', '"bridge" is known, not built yet; write "host" or'),
    "hostname": ('hostname = "a_b"', "is no host name; write letters, digits and hyphens"),
    "variable": ('environment = ["=x"]', "is no name of a variable"),
    "table in a variable": ("environment.A = []", "run:3: environment.A: must be text"),
    "keep": ('writable = "yes"', "write one of: keep"),
    "keep what": ('writable = "keep"\nread_only = true', '"keep" has nothing to keep when'),
    "restart": ("restart = false", "false is no table; write it as [table]"),
    "restart's word": ('restart = "allways"', 'did you mean "always"?'),
    "restart's count": ('restart = "always:3"', 'write "on-failure:3" for 3 tries again'),
    "factor": ("[restart]\nfactor = 0.5", "run:4: restart.factor: must be a number from 1"),
    "jitter": ('restart.jitter = "200%"', 'run:3: restart.jitter: "200%" is not between 0'),
    "delay": ('[restart]\nmin_delay = "2h"', "is longer than max_delay (60 s); raise that too"),
    "window": ("[restart]\nmax_failures = 1\nwindow = 0", "is 0, so max_failures could never be"),
    "restart's key": ("[restart]\nmax_dely = 1", "run:4: restart.max_dely: no such key; did you"),
    "key below a table": ("[log]\nuser = 'x'", "run:4: log.user: user belongs above the first"),
    "log": ("[log]\nkeep = 0", "run:4: log.keep: must be a whole number from 1"),
    "log's size": ("[log]\nmax_size = 1", "is too small; the least is 4k"),
    "stamp": ('[log]\ntimestamp = "tai64"', 'did you mean "tai64n"?'),
    "NUL": (r'hostname = "a\u0000"', "a NUL character cannot be passed to a program"),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_and_how_to_mend_it(text: str, expected: str) -> None:
    (message,) = mistakes(LEAST + text + "\n")
    assert message.startswith("run:")
    assert expected in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('command = "x"', 'run: rootfs: is missing; write rootfs = "host" (the programs of this'),
        ('image = "nginx"\ncommand = "x"', 'run:1: image: known, not built yet; use rootfs = "ho'),
        ('rootfs = "Host"\ncommand = "x"', 'run:1: rootfs: "Host" is not known; write "host", or'),
        ('rootfs = "/"\ncommand = "x"', "would show all secrets of this machine"),
        ('rootfs = "host"', 'run: command: is missing; write what to run, such as command = ["ng'),
        ('rootfs = "host"\ncommand = []', "run:2: command: is empty; write what to run"),
        ('rootfs = "host"\ncommand = [""]', "begins with an empty word"),
        ('rootfs = "host"\ncommand = "sh -c \'x"', "no closing quotation; close the quotes, or"),
    ],
)
def test_what_cannot_be_left_out(text: str, expected: str) -> None:
    (message,) = mistakes(text)
    assert expected in message


def test_all_mistakes_are_told_in_the_order_of_their_lines() -> None:
    found = mistakes("[log]\nkeep = 0\nkepe = 1\n[restart]\njitter = 2\n[ports]\n")
    places = [message.split(" ", 1)[0] for message in found]
    assert places == ["run:2:", "run:3:", "run:5:", "run:6:", "run:", "run:"]


def test_every_key_of_compose_is_built_or_refused_by_name() -> None:
    for key in KNOWN - BUILT:
        (message,) = mistakes(f"{LEAST}{key} = 1\n")
        assert message.startswith(f"run:3: {key}: known, not built yet; ")


def test_a_hostile_nest_is_a_mistake_not_a_crash() -> None:
    assert mistakes("a = " + "[" * 100_000) == ["run: nested too deeply; flatten it"]


@given(st.text(max_size=200))
def test_any_text_is_a_definition_or_a_definition_error(text: str) -> None:
    assert all(message.startswith("run") for message in complaints(text))


@given(
    st.dictionaries(
        st.sampled_from(sorted(BUILT)) | st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        max_size=4,
    )
)
def test_any_value_of_any_key_is_taken_or_refused(values: dict[str, object]) -> None:
    lines = []
    for key, value in values.items():
        text = {True: "true", False: "false", None: "[]"}.get(value, str(value))  # type: ignore[call-overload]
        quoted = "".join(f"\\U{ord(each):08x}" for each in text if not "\ud800" <= each <= "\udfff")
        name = "".join(f"\\U{ord(each):08x}" for each in key if not "\ud800" <= each <= "\udfff")
        bare = isinstance(value, bool | None)
        lines.append(f'"{name}" = {text if bare else chr(34) + quoted + chr(34)}')
    assert all(message.startswith("run") for message in complaints("\n".join(lines)))


def test_relative_paths_start_at_the_folder_and_nothing_is_looked_up() -> None:
    service = read('rootfs = "../shared/root"\ncommand = "x"')
    assert service.container is not None
    assert PurePosixPath(service.container.rootfs) == PurePosixPath(f"{FOLDER}/../shared/root")
