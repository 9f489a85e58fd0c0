"""What a person is told of the mistakes in a container run file: where, and how to mend it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.core.keys import BUILT, KNOWN
from supervise.core.runfile import parse
from supervise.errors import DefinitionError

LEAST = 'rootfs = "host"\ncommand = ["x"]\n'


def complaints(text: str) -> list[str]:
    """What is wrong with a text; empty when it is right."""
    try:
        parse(text, file="run", folder="/etc/csv/web", name="web")
    except DefinitionError as error:
        return str(error).split("\n")
    return []


def mistakes(text: str) -> list[str]:
    found = complaints(text)
    assert found, "taken for right"
    return found


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
    "rotate every": ('[log]\nrotate_every = "1s"', 'is too short; the least is "1m"'),
    "total": ('[log]\nmax_total = "17M"', "run:4: log.max_total: max_total must hold two files"),
    "total by size": ('[log]\nmax_total = "8k"\nmax_size = "1M"', "write 2097152 or more"),
    "compress": ('[log]\ncompress = "zst"', 'did you mean "zstd"?'),
    "rate": ('[log]\nrate = "10/fortnight"', 'is no rate; write lines per time, such as "1000/s"'),
    "rate below 0": ("[log]\nrate = -1", "is no rate"),
    "burst alone": ("[log]\nburst = 3", "log.burst: means nothing without a rate"),
    "on full": ('[log]\non_full = "block"', "write one of: wait, drop"),
    "stamp": ('[log]\ntimestamp = "tai64"', 'did you mean "tai64n"?'),
    "negative size": ("mem_limit = -1", "-1 is negative; a size is 0 or more bytes"),
    "signal of another kind": ("stop_signal = []", "a list is no signal; write its name"),
    "no signal at all": ('stop_signal = "zzzzzz"', 'write its name, such as "SIGTERM"'),
    "realtime signal": ('stop_signal = "RTMIN+99"', '"RTMIN+99" is no signal'),
    "part": ('restart.jitter = "x%"', '"x%" is not between 0 and 1'),
    "no list": ("cap_add = 1", 'must be a list such as ["NET_ADMIN"], not 1'),
    "no list of texts": ("env_file = 1", 'must be a list of texts such as ["a", "b"], not 1'),
    "no table": ("environment = 1", 'must be a table or a list such as ["KEY=value"]'),
    "count of cpus": ('cpus = "many"', '"many" is no number of cpus'),
    "id": ('user = "4294967295"', "4294967295 is beyond the largest id"),
    "network of another": ('network_mode = "container:x"', "is known, not built yet"),
    "no volumes": ("volumes = 1", 'must be a list such as ["./html:/srv/html:ro"]'),
    "colons": ('volumes = ["a:b:c:d"]', "has too many colons"),
    "no source": ('volumes = [":/b"]', "volumes[0]: is empty"),
    "propagation": ('volumes = ["/a:/b:rshared"]', 'the option "rshared" is known, not built'),
    "both": ('volumes = ["/a:/b:ro,rw"]', "ro and rw exclude each other"),
    "volume of a driver": (
        'volumes = [{ type = "volume", target = "/a" }]',
        'volumes[0].type: "volume" is known, not built yet',
    ),
    "no target": ('volumes = [{ type = "bind", source = "/a" }]', "target is missing; write"),
    "no long source": ('volumes = [{ type = "bind", target = "/a" }]', "source is missing; write"),
    "bind": ('volumes = [{ type = "bind", source = "/a", target = "/b", bind = 1 }]', "a table"),
    "bind's key": (
        'volumes = [{ type = "bind", source = "/a", target = "/b", bind.propagation = "x" }]',
        "volumes[0].bind.propagation: known, not built yet; take it out",
    ),
    "bind's wrong key": (
        'volumes = [{ type = "bind", source = "/a", target = "/b", bind.x = 1 }]',
        "volumes[0].bind.x: no such key here; take it out",
    ),
    "long tmpfs": (
        'volumes = [{ type = "tmpfs", target = "/a", tmpfs = 1 }]',
        "volumes[0].tmpfs: must be a table, not 1",
    ),
    "long tmpfs's key": (
        'volumes = [{ type = "tmpfs", target = "/a", read_only = true, tmpfs.x = 1 }]',
        "volumes[0].tmpfs.x: no such key here; write size or mode",
    ),
    "number of a tmpfs": ('tmpfs = ["/a:uid=me"]', '"uid=me" must be a number'),
    "option of a tmpfs": ('tmpfs = ["/a:r"]', '"r" is not known here; did you mean "rw"?'),
    "long target": (
        'volumes = [{ type = "bind", source = "/a", target = "b" }]',
        'volumes[0].target: "b" is relative',
    ),
    "table in place of text": ("user = {}", "must be text between quotes, not a table"),
    "empty entrypoint": ('entrypoint = [""]', "run:3: entrypoint: begins with an empty word"),
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


_TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=9)
_VALUES = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
    | st.lists(st.sampled_from(["", "a", "/a:/b", "A=1", 7]), max_size=3)
)


@given(st.dictionaries(st.sampled_from([*sorted(BUILT), "", "\n", "é"]), _VALUES, max_size=4))
def test_any_value_of_any_key_is_taken_or_refused(values: dict[str, object]) -> None:
    # What JSON writes for these, TOML reads.
    text = "".join(f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in values.items())
    assert all(message.startswith("run") for message in complaints(text))
