"""A container's own ``/dev/log``: real senders, and what dies around them."""

import os
import re
from pathlib import Path

import pytest

from tests.supervisor import Supervisor
from tests.system.services import CSV_RUN, container, shim
from tests.waiting import kill, wait_for

LOG = '[log]\nmax_size = "1G"\n'
SENDERS = """\
logger -t util -p mail.err --id=7 hello
logger -t sd --rfc5424=notq --sd-id x@1 --sd-param 'k="v"' hello
busybox logger -t busy -p daemon.info hello
exec python3 - <<EOF
import logging.handlers, syslog
syslog.openlog("glibc", 0, syslog.LOG_LOCAL3)
syslog.syslog(syslog.LOG_DEBUG, "one\\ntwo")
handler = logging.handlers.SysLogHandler("/dev/log")
handler.ident = "python: "
handler.emit(logging.LogRecord("x", logging.ERROR, "", 0, "hello", (), None))
EOF"""
HEARD = [
    "mail.err util[7]: hello",
    'user.notice sd: @ [x@1 k="v"] hello',
    "daemon.info busy: hello",
    r"local3.debug glibc: one\x0atwo",
    "user.err python: hello",
]
COUNTS = f"""{CSV_RUN}rootfs = "host"
entrypoint = ["python3", "-c"]
command = ['''
import syslog, time
syslog.openlog("count", 0, syslog.LOG_USER)
for n in range(1 << 30):
    syslog.syslog("%d." % n)
    print(n, flush=True)
    if n % 20 == 0:
        time.sleep(0.005)
''']
{LOG}"""


def counted(supervisor: Supervisor) -> list[int]:
    """The numbers that came by syslog, in the order of the log."""
    return [int(n) for n in re.findall(r" user\.info count: (\d+)\.\n", supervisor.log("web"))]


def wait_until_more(supervisor: Supervisor) -> None:
    """Wait until the container has been heard again."""
    before = len(counted(supervisor))
    wait_for(lambda: len(counted(supervisor)) > before, supervisor.place.log_dir)


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_every_sender_is_heard(supervisor: Supervisor, user: str) -> None:
    supervisor.add("web", container(SENDERS, f'user = "{user}"', 'restart = "no"'))
    supervisor.wait_for_line("web", HEARD[-1])
    lines = [line.split(" ", 1)[1] for line in supervisor.log("web").splitlines()]
    assert [line for line in lines if not line.startswith("csv ")] == HEARD


def test_it_lives_through_every_death(supervisor: Supervisor) -> None:
    """One of the two dies: nothing is lost. Both die: the container is heard again."""
    supervisor.add("web", COUNTS)
    wait_until_more(supervisor)
    pid = supervisor.wait_for("web", phase="up")["pid"]
    for _ in range(2):
        former = shim(supervisor)
        kill(former)
        shim(supervisor, other_than=former)
        wait_until_more(supervisor)
        supervisor.kill()
        supervisor.start()
        wait_until_more(supervisor)
    whole = counted(supervisor)
    assert whole == list(range(len(whole)))
    former = shim(supervisor)
    supervisor.kill()
    kill(former)
    supervisor.start()
    wait_until_more(supervisor)
    assert supervisor.state("web")["pid"] == pid
    supervisor.csv("svc", "-w", "30", "-d", "web")
    numbers = counted(supervisor)
    assert numbers == sorted(set(numbers))


def test_what_was_queued_when_the_shim_died_is_written_at_the_end(supervisor: Supervisor) -> None:
    supervisor.add("web", COUNTS)
    wait_until_more(supervisor)
    kill(shim(supervisor))
    assert supervisor.stop() == 0
    numbers = counted(supervisor)
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("own", ["[log]\nsyslog = false", 'tmpfs = ["/dev/log"]'])
def test_a_container_that_brings_its_own_is_left_alone(supervisor: Supervisor, own: str) -> None:
    supervisor.add("web", container("ls -d /dev/csv-log /dev/log; echo seen; exec sleep 1000", own))
    supervisor.wait_for_line("web", "seen")
    assert " /dev/csv-log\n" not in supervisor.log("web")
    assert not os.path.exists(supervisor.place.service("web").syslog)


def test_the_container_cannot_harm_the_socket(supervisor: Supervisor) -> None:
    script = "rm -f /dev/csv-log/log; ln -sf x /dev/csv-log/y; ls /dev/csv-log; exec sleep 1000"
    supervisor.add("web", container(script))
    supervisor.wait_for_line("web", " out log")
    assert os.listdir(supervisor.place.service("web").syslog) == ["log"]


def test_a_plain_service_has_the_machines_own(supervisor: Supervisor) -> None:
    supervisor.add("web", "#!/bin/sh\nexec sleep 1000\n")
    supervisor.wait_for("web", phase="up")
    assert not Path(supervisor.place.service("web").syslog).exists()
