"""The forwarder beside the supervisor: there when it is wanted, brought back, taken over."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.paths import Paths
from tests.log.receivers import Rsyslog
from tests.supervisor import Supervisor
from tests.waiting import kill, wait_for

COUNTS = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"


@pytest.fixture
def there(place: Paths) -> Iterator[Rsyslog]:
    receiver = Rsyslog(place, "tcp", None)
    receiver.start()
    yield receiver
    receiver.stop()


def forwarder(supervisor: Supervisor, *, other_than: int = 0) -> int:
    """The pid of the forwarder, as soon as there is one."""

    def pid() -> int:
        try:
            record = json.loads(Path(supervisor.place.forwarder, "pid").read_text())
        except FileNotFoundError:
            return 0
        return 0 if record["pid"] == other_than else int(record["pid"])

    return wait_for(pid, supervisor.place.run_dir)


def settings(there: Rsyslog) -> str:
    return f'[log]\nforward = "tcp://127.0.0.1:{there.port}"\n'


def test_none_is_there_while_nothing_is_sent_on(supervisor: Supervisor) -> None:
    supervisor.add("web", f"#!/bin/sh\n{COUNTS}\n")
    supervisor.wait_for_line("web", "line 10")
    assert not Path(supervisor.place.forwarder).exists()


def test_killed_it_is_brought_back_and_sends_every_line(
    there: Rsyslog, supervisor: Supervisor
) -> None:
    supervisor.add("web", f"#!/bin/sh\n{COUNTS}\n", **{"csv.toml": settings(there)})
    there.wait_for_texts({"line 1"})
    former = forwarder(supervisor)
    kill(former)
    second = forwarder(supervisor, other_than=former)
    supervisor.kill()
    supervisor.start()
    assert forwarder(supervisor) == second
    supervisor.csv("svc", "-w", "30", "-d", "web")
    assert supervisor.stop() == 0
    written = [
        line.split(" out ")[1] for line in supervisor.log("web").splitlines() if " out " in line
    ]
    there.wait_for_texts(set(written))
    there.stop()  # what still runs in the end is taken for the supervisor's
    assert not Path(supervisor.place.run_dir).exists()


def test_the_machine_has_all_logs_sent_on_its_own_too(place: Paths, there: Rsyslog) -> None:
    Path(place.scan_dir, "csv.toml").write_text(settings(there))
    supervisor = Supervisor(place)
    supervisor.start()
    supervisor.add("web", f"#!/bin/sh\n{COUNTS}\n")
    there.wait_for_texts({"line 1", "web: launch 1 is up"})
    assert supervisor.stop() == 0
    there.wait_for_texts({"all services are down"})
    apps = {(message.app_name, message.text) for message in there.received()}
    assert {("csv", "all services are down"), ("web", "line 1")} <= apps
