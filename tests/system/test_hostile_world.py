"""The world around the supervisor breaks: it says so, and goes on."""

import os
import shutil
import signal

from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.waiting import wait_for

SLEEP = "#!/bin/sh\nexec sleep 1000"


def test_a_scan_directory_that_is_gone_leaves_what_runs_alone(
    supervisor: Supervisor, place: Paths
) -> None:
    supervisor.add("web", SLEEP)
    pid = supervisor.wait_for("web", phase="up")["pid"]
    shutil.move(place.scan_dir, place.scan_dir + ".away")
    os.kill(supervisor.pid, signal.SIGHUP)
    wait_for(lambda: "reading all folders" in supervisor.output.read_text(), place.run_dir + "/..")
    assert supervisor.alive
    shutil.move(place.scan_dir + ".away", place.scan_dir)
    assert supervisor.state("web")["pid"] in (pid, None)


def test_a_sweep_spares_the_supervisor_that_bears_the_mark(
    supervisor: Supervisor, place: Paths
) -> None:
    supervisor.stop()
    mark = f"CSV_LAUNCH={place.run_dir}/web/1"
    supervisor.start(before=("/usr/bin/env", mark))
    supervisor.add("web", SLEEP)
    supervisor.wait_for("web", phase="up")
    assert supervisor.csv("svc", "-d", "-w", "20", "web").returncode == 0
    supervisor.wait_for("web", phase="down")
    assert supervisor.alive
