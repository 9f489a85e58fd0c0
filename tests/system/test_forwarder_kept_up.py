"""The forwarder beside the supervisor: there when it is wanted, brought back, taken over."""

import json
import os
import re
import signal
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


def test_what_is_removed_before_anybody_took_it_is_told(
    there: Rsyslog, supervisor: Supervisor
) -> None:
    """The log outgrows its retention before the forwarder has even started."""
    there.kill()
    last = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done; exec sleep 1000"
    small = settings(there) + 'max_size = "64k"\nkeep = 3\n'
    supervisor.add("web", f"#!/bin/sh\n{last}\n", **{"csv.toml": small})
    supervisor.wait_for_line("web", "line 20000")
    there.start()
    there.wait_until_ready()
    os.kill(forwarder(supervisor), signal.SIGHUP)
    there.wait_for_texts({"line 20000"})
    arrived = {text for text in there.texts() if text.startswith("line ")}
    supervisor.wait_for_line("csv", "forward: web: ")
    told = re.findall(r"forward: web: (\d+) lines were removed", supervisor.log("csv"))
    marks = 1  # launch 1 started
    assert sum(map(int, told)) + len(arrived) == 20000 + marks
    there.stop()
