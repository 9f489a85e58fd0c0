"""The supervisor is killed: nothing that runs notices, and the next one knows what is true."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervise.kernel.fifo import is_empty
from supervise.paths import Paths
from tests.supervisor import Supervisor
from tests.system.services import COUNTS, SLEEP, Kind, container, counted
from tests.waiting import kill, wait_for, wait_for_exit

GATED = """\
#!/bin/sh
# crun, behind a gate: it goes on when somebody writes to it.
case "$*" in
*" run "*) echo $$ > {waiting}; read word < {gate} ;;
esac
exec {crun} "$@"
"""


def test_all_go_on_and_none_is_started_again(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(SLEEP, "init = true"))
    before = supervisor.wait_for("web", phase="up")
    supervisor.kill()
    supervisor.start()
    after = supervisor.wait_for("web", phase="up")
    same = ("pid", "start_time", "launch", "since_monotonic", "failures", "last_exit")
    assert [after.get(key) for key in same] == [before.get(key) for key in same]
    assert abs(after["since"] - before["since"]) < 1
    supervisor.csv("svc", "-t", "web")
    again = supervisor.wait_for("web", phase="up", launch=2)
    assert again["last_exit"]["words"] in ("SIGTERM", "exit 143")
    wait_for_exit(before["pid"])


def test_a_death_afterwards_is_known(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run("trap 'exit 7' USR1; while :; do sleep 1000 & wait $!; done"))
    supervisor.wait_for("web", phase="up")
    supervisor.kill()
    supervisor.start()
    supervisor.csv("svc", "-1", "web")
    state = supervisor.wait_for("web", launch=2)
    assert state["last_exit"]["words"] == "exit 7"


def test_a_death_in_between_is_unknown_and_no_success(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.add("web", kind.run(SLEEP), finish='#!/bin/sh\necho "finish $1 $2"\n')
    pid = supervisor.wait_for("web", phase="up")["pid"]
    supervisor.kill()
    kill(pid)
    supervisor.start()
    state = supervisor.wait_for("web", phase="up", launch=2)
    assert state["last_exit"]["words"] == "unknown"
    assert state["last_exit"]["status"] is None
    supervisor.wait_for_line("web", "finish -1 0")


def test_what_was_wanted_and_waited_for_is_remembered(supervisor: Supervisor) -> None:
    policy = '[restart]\nfirst_delay = "1h"\nmax_delay = "1h"\n'
    supervisor.add("down", f"#!/bin/sh\n{SLEEP}\n")
    supervisor.add("paused", f"#!/bin/sh\n{SLEEP}\n")
    supervisor.add("waits", "#!/bin/sh\nexit 3\n", **{"csv.toml": policy})
    for name, letter in (("down", "-d"), ("paused", "-p")):
        supervisor.wait_for(name, phase="up")
        assert supervisor.csv("svc", "-w", "30", letter, name).returncode == 0
    waits = supervisor.wait_for("waits", phase="waiting")
    supervisor.kill()
    supervisor.start()
    assert supervisor.state("down")["want"] == "down"
    assert supervisor.state("down")["phase"] == "down"
    assert supervisor.state("paused")["paused"] is True
    after = supervisor.state("waits")
    assert (after["phase"], after["launch"]) == ("waiting", 1)
    assert after["last_exit"] == waits["last_exit"]
    assert abs(after["next_attempt"] - waits["next_attempt"]) < 1
    supervisor.csv("svc", "-u", "down")
    supervisor.wait_for("down", phase="up", launch=2)


def test_no_line_is_lost(supervisor: Supervisor, kind: Kind) -> None:
    log = '[log]\nmax_size = "1G"\n'
    extra = {"csv.toml": log} if kind.name == "plain" else {}
    supervisor.add("web", kind.run(COUNTS, *([] if extra else [log])), **extra)
    supervisor.wait_for_line("web", "line 100")
    for _ in range(3):
        supervisor.kill()
        supervisor.start()
    assert supervisor.csv("svc", "-w", "30", "-d", "web").returncode == 0
    assert supervisor.stop() == 0
    numbers = counted(supervisor, "web")
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 100


def test_the_folder_went_or_changed_in_between(supervisor: Supervisor, kind: Kind) -> None:
    folders = {name: supervisor.add(name, kind.run(SLEEP, "init = true")) for name in ("a", "b")}
    pids = {name: supervisor.wait_for(name, phase="up")["pid"] for name in folders}
    supervisor.kill()
    folders["a"].rename(folders["a"].with_name(".gone"))
    (folders["b"] / "run").write_text("#!/bin/sh\nexit 3\n")
    supervisor.start()
    wait_for_exit(pids["a"])
    wait_for(lambda: not supervisor.state("a"), supervisor.place.run_dir)
    assert supervisor.wait_for("b", changed=True)["pid"] == pids["b"]


def test_a_record_that_cannot_be_believed_leads_to_no_second_launch(
    supervisor: Supervisor, kind: Kind
) -> None:
    """The pid was given to another process: that one is left alone."""
    supervisor.add("web", kind.run(SLEEP))
    state = supervisor.wait_for("web", phase="up")
    supervisor.kill()
    kill(state["pid"])
    stranger = os.getpid()
    path = Path(supervisor.place.service("web").state)
    path.write_text(json.dumps(state | {"pid": stranger}))
    supervisor.start()
    after = supervisor.wait_for("web", phase="up", launch=2)
    assert after["pid"] != stranger


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 99}'])
def test_a_broken_record_harms_nobody(supervisor: Supervisor, text: str) -> None:
    for name in ("web", "beside"):
        supervisor.add(name, f"#!/bin/sh\n{SLEEP}\n")
    beside = supervisor.wait_for("beside", phase="up")
    web = supervisor.wait_for("web", phase="up")
    supervisor.kill()
    kill(web["pid"])
    Path(supervisor.place.service("web").state).write_text(text)
    supervisor.start()
    supervisor.wait_for("web", phase="up")
    assert supervisor.state("beside")["pid"] == beside["pid"]


class Gate:
    """A crun that waits at a gate before it makes a container."""

    def __init__(self, top: Path) -> None:
        self._gate, self._waiting = top / "gate", top / "waiting"
        for fifo in (self._gate, self._waiting):
            os.mkfifo(fifo)
        self._fds = [os.open(fifo, os.O_RDWR) for fifo in (self._gate, self._waiting)]
        program = top / "bin/crun"
        program.parent.mkdir()
        text = GATED.format(gate=self._gate, waiting=self._waiting, crun="/usr/bin/crun")
        program.write_text(text)
        program.chmod(0o755)

    def wait(self) -> int:
        """Wait until a runtime is at the gate; returns its pid."""
        return int(os.read(self._fds[1], 100).split()[0])

    def open(self) -> None:
        """Let one through."""
        os.write(self._fds[0], b"go\n")

    def is_quiet(self) -> bool:
        """Whether nobody came since wait()."""
        return is_empty(self._fds[1])

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


@pytest.fixture
def gate(place: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Stands before every start of a container of the supervisor that is started after it."""
    top = Path(place.scan_dir).parent
    made = Gate(top)
    monkeypatch.setenv("PATH", f"{top}/bin:{os.environ['PATH']}")
    assert stat.S_ISFIFO((top / "gate").stat().st_mode)
    yield made
    made.close()


def test_a_launch_that_was_cut_is_not_doubled(gate: Gate, supervisor: Supervisor) -> None:
    """The runtime goes on without its supervisor; the next one waits for it."""
    supervisor.add("web", container(SLEEP, "init = true"))
    gate.wait()
    supervisor.kill()
    gate.open()
    supervisor.start()
    state = supervisor.wait_for("web", phase="up")
    assert state["launch"] == 1
    assert _containers(supervisor) == [state["pid"]]
    assert "web: launch 1 taken over" in supervisor.output.read_text()


def test_a_launch_whose_runtime_was_killed_too_is_undone(
    gate: Gate, supervisor: Supervisor
) -> None:
    supervisor.add("web", container(SLEEP, "init = true"))
    runtime = gate.wait()
    supervisor.kill()
    kill(runtime)
    supervisor.start()
    gate.wait()
    gate.open()
    state = supervisor.wait_for("web", phase="up", launch=2)
    assert state["last_exit"]["words"] == "start failed"
    assert _containers(supervisor) == [state["pid"]]
    assert not Path(supervisor.place.service("web").bundle(1)).exists()


def test_a_start_that_is_cancelled_leaves_nothing(gate: Gate, supervisor: Supervisor) -> None:
    supervisor.add("web", container(SLEEP))
    runtime = gate.wait()
    assert supervisor.csv("svc", "-w", "30", "-d", "web").returncode == 0
    wait_for_exit(runtime)
    assert supervisor.state("web")["phase"] == "down"
    wait_for(
        lambda: not Path(supervisor.place.service("web").bundle(1)).exists(),
        supervisor.place.run_dir,
    )


def test_starts_in_flight_are_limited_and_delay_nobody(place: Paths, gate: Gate) -> None:
    """Two places, three containers at the gate: the third waits, a plain service does not."""
    Path(place.settings).write_text("[limits]\nparallel_starts = 2\n")
    supervisor = Supervisor(place)
    supervisor.start()
    try:
        for name in ("a", "b", "c"):
            supervisor.add(name, container(SLEEP, "init = true"))
        gate.wait()
        gate.wait()
        supervisor.add("plain", f"#!/bin/sh\n{SLEEP}\n")
        supervisor.wait_for("plain", phase="up")
        assert supervisor.csv("svc", "-w", "30", "-t", "plain").returncode == 0
        phases = [supervisor.state(name)["phase"] for name in ("a", "b", "c")]
        assert phases == ["starting"] * 3
        assert gate.is_quiet(), "a third one came, too"
        gate.open()
        gate.wait()
        for _ in range(2):
            gate.open()
        for name in ("a", "b", "c"):
            supervisor.wait_for(name, phase="up")
    finally:
        assert supervisor.stop() == 0


def test_starts_that_hang_give_their_places_up(place: Paths, gate: Gate) -> None:
    """As on a dead file server; the patience is the supervisor's own, so this takes its time."""
    Path(place.settings).write_text("[limits]\nparallel_starts = 1\n")
    supervisor = Supervisor(place)
    supervisor.start()
    try:
        supervisor.add("a", container(SLEEP))
        gate.wait()
        supervisor.add("b", container(SLEEP))
        gate.wait()
    finally:
        assert supervisor.stop() == 0


def _containers(supervisor: Supervisor) -> list[int]:
    """The first process of each container there is."""
    root = Path(supervisor.place.runtime_root)
    status = [json.loads((each / "status").read_text()) for each in root.iterdir()]
    return [each["pid"] for each in status if Path(f"/proc/{each['pid']}").exists()]
