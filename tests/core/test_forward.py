"""``[log] forward``: every way to write a target, what is refused, and the way to the forwarder."""

import json

import pytest

from supervise.core.definition import ForwardTarget, Transport
from supervise.core.forward import dump, load
from supervise.core.runfile import parse, parse_machine, parse_settings
from supervise.errors import DefinitionError


def read(forward: str) -> tuple[ForwardTarget, ...]:
    text = f"[log]\nforward = {forward}\n"
    return parse_settings(text, file="/etc/csv/web/csv.toml", name="web").log.forward


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("syslog", "syslog:/dev/log"),
        ("syslog:/run/other", "syslog:/run/other"),
        ("journald", "journald:/run/systemd/journal/socket"),
        ("udp://logs.example.org", "udp://logs.example.org:514"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:601"),
        ("tcp://[::1]:99/", "tcp://[::1]:99"),
        ("tls://logs", "tls://logs:6514"),
    ],
)
def test_one_text_is_a_target(text: str, shown: str) -> None:
    (target,) = read(f'"{text}"')
    assert str(target) == shown
    assert load(json.loads(json.dumps(dump(target)))) == target


def test_a_table_has_the_files_of_tls() -> None:
    target = read(
        '[{ to = "tls://10.0.0.1:99", ca = "ca.pem", certificate = "/k/c.pem", key = "k.pem", '
        'name = "logs.example.org" }, "journald"]'
    )[0]
    assert target == ForwardTarget(
        transport=Transport.TLS,
        host="10.0.0.1",
        port=99,
        ca="/etc/csv/web/ca.pem",
        certificate="/k/c.pem",
        key="/etc/csv/web/k.pem",
        name="logs.example.org",
    )
    assert load(json.loads(json.dumps(dump(target)))) == target


def test_the_name_that_tls_checks_is_the_host_when_none_is_given() -> None:
    assert read('"tls://logs.example.org"')[0].name == "logs.example.org"


@pytest.mark.parametrize(
    ("forward", "mistake"),
    [
        ('"jornald"', 'log.forward: "jornald" is no target; write "syslog"'),
        ("true", "log.forward: must be text between quotes, not true"),
        ('["journald", "tcp:/x"]', 'log.forward[1]: "tcp:/x" is no target'),
        ('["journald", "journald"]', "log.forward[1]: journald:/run/systemd/journal/socket stands"),
        ('"udp://a:0"', "log.forward: 0 is no port"),
        ('"udp://a:99999"', "log.forward: 99999 is no port"),
        ('{ ca = "x" }', "log.forward: says not where to"),
        ('{ to = "nowhere" }', 'log.forward.to: "nowhere" is no target'),
        ('{ to = "tls://a", cert = "x" }', "write one of: to, ca, certificate, key, name"),
        ('{ to = "tls://a", ca = 1 }', "log.forward.ca: must be text"),
        ('{ to = "tcp://a", ca = "x" }', "log.forward.ca: means something for tls:// only"),
        ('{ to = "tls://a", key = "x" }', "log.forward.key: is of no use without a certificate"),
    ],
)
def test_a_mistake_is_told_with_its_place(forward: str, mistake: str) -> None:
    with pytest.raises(DefinitionError) as error:
        read(forward)
    assert "csv.toml:2" in str(error.value)
    assert mistake in str(error.value)


def test_the_machine_has_targets_that_a_service_may_replace() -> None:
    machine = parse_machine('[log]\nforward = "journald"\n', file="/etc/csv/csv.toml")
    head = '#!/usr/bin/env csv-run\nrootfs = "host"\ncommand = ["true"]\n'

    def forward(text: str) -> list[str]:
        service = parse(
            head + text, file="/s/web/run", folder="/s/web", name="web", machine=machine
        )
        return [target.transport.value for target in service.log.forward]

    assert forward("") == ["journald"]
    assert forward("[log]\nkeep = 3\n") == ["journald"]
    assert forward("[log]\nforward = []\n") == []
    assert forward('[[log.forward]]\nto = "udp://a"\n[[log.forward]]\nto = "tls://b"\n') == [
        "udp",
        "tls",
    ]


@pytest.mark.parametrize("value", [{}, {"transport": "pigeon"}, {"transport": "tcp", "x": 1}])
def test_what_is_no_target_is_not_loaded(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"pigeon|no target"):
        load(value)
