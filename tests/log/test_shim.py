"""The shim's ordinary life: lines come in, orders are obeyed, it ends well."""

import json
import os
import select
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from supervise.kernel.proc import start_time
from supervise.paths import Paths
from tests.log.shim import COMMAND, ROOT, Logged, Shim
from tests.waiting import wait_for

Make = Callable[..., Logged]


def test_lines_of_both_streams_are_stamped(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"hello\nworld\n")
    web.wait_for_text(b"hello\nworld\n")
    os.write(web.err, b"a\0\x1b[31m\xff\r\n\n")
    web.wait_for_text(b"a\0\x1b[31m\xff\r\n\n", "err")
    times = [record.time_ns for record in web.records()]
    assert times == sorted(times)
    assert stat.S_IMODE(os.stat(web.log + "/current").st_mode) == 0o640


def test_streams_are_in_order_of_arrival(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    for number in range(20):
        fifo, origin = (web.err, "err") if number % 2 else (web.out, "out")
        os.write(fifo, b"%d\n" % number)
        web.wait_for_text(b"".join(b"%d\n" % n for n in range(number % 2, number + 1, 2)), origin)
    assert web.texts() == [b"%d" % number for number in range(20)]


def test_what_was_written_before_the_shim_came_is_taken(shim: Shim, logged: Make) -> None:
    web = logged(timestamp="tai64n")
    os.write(web.out, b"early\n")
    shim.start()
    web.wait_for_text(b"early\n")
    assert Path(web.log, "current").read_bytes().startswith(b"@4000")


def test_a_new_service_is_looked_at_when_told(shim: Shim, logged: Make) -> None:
    shim.start()
    odd = logged("ünder 100%")
    shim.order("look", odd.name)
    os.write(odd.out, b"here\n")
    odd.wait_for_text(b"here\n")


def test_unfinished_line_is_written_after_a_second_of_silence(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"password: ")
    web.wait(web.records)
    (prompt,) = web.records()
    assert (prompt.text, prompt.partial) == (b"password: ", True)
    os.write(web.out, b"typed\n")
    web.wait_for_text(b"password: typed\n")


def test_long_lines_are_split_and_come_back(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    line = bytes(range(11, 256)) * 1000 + b"\n"
    with os.fdopen(os.dup(web.out), "wb") as out:
        out.write(line)
        out.write(b"x" * 65536 + b"\n")
    web.wait_for_text(line + b"x" * 65536 + b"\n")
    lengths = [(len(record.text), record.partial) for record in web.records()]
    assert lengths == [(65536, True)] * 3 + [(245000 - 3 * 65536, False), (65536, False)]


def test_current_is_rotated_and_the_newest_are_kept(shim: Shim, logged: Make) -> None:
    web = logged(max_size_bytes=10000, keep=3)
    shim.start()
    with os.fdopen(os.dup(web.out), "wb", 1000) as out:
        for number in range(2000):
            out.write(b"%06d and some more\n" % number)
    last = b"001999 and some more"
    web.wait(lambda: last in web.texts()[-1:])
    files = sorted(os.listdir(web.log))
    assert len(files) == 4
    assert all(os.stat(f"{web.log}/{name}").st_size <= 10000 for name in files)
    numbers = [int(text[:6]) for text in web.texts()]
    assert numbers == list(range(numbers[0], 2000))


def test_rotation_on_command(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"before\n")
    web.wait_for_text(b"before\n")
    shim.order("rotate", "web")
    web.wait(lambda: len(os.listdir(web.log)) == 2)
    os.write(web.out, b"after\n")
    web.wait_for_text(b"before\nafter\n")
    assert Path(web.log, "current").read_bytes().endswith(b" out after\n")
    shim.order("rotate", "web")
    shim.order("rotate", "web")  # an empty current is not worth a file
    os.write(web.out, b"last\n")
    web.wait_for_text(b"before\nafter\nlast\n")
    assert len(os.listdir(web.log)) == 3


def test_look_again_applies_a_new_policy(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"one\n")
    web.wait_for_text(b"one\n")
    web.keep_as(timestamp="tai64n")
    shim.order("look", "web")
    os.write(web.out, b"two\n")
    web.wait_for_text(b"one\ntwo\n")
    assert Path(web.log, "current").read_bytes().count(b"@4000") == 1


def test_drop_writes_what_is_left_and_removes_the_service(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"x" * 3000 + b"\nunfinished")
    shim.order("drop", "web")
    wait_for(lambda: not os.path.exists(web.run), os.path.dirname(web.run))
    assert web.texts() == [b"x" * 3000, b"unfinished"]
    assert os.listdir(shim.place.shim + "/spool") == [".control"]


def test_drop_leaves_a_folder_that_holds_more(shim: Shim, logged: Make) -> None:
    web = logged()
    Path(web.run, "state.json").write_text("{}")
    shim.start()
    shim.order("drop", "web")
    wait_for(lambda: os.listdir(web.run) == ["state.json"], web.run)


def test_a_look_takes_back_the_drop_before_it(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    shim.signal(signal.SIGSTOP)
    shim.order("drop", "web")
    shim.order("look", "web")
    shim.signal(signal.SIGCONT)
    os.write(web.out, b"still here\n")
    web.wait_for_text(b"still here\n")
    assert sorted(os.listdir(web.run)) == ["err", "log.json", "out"]


def test_drops_and_removals_while_no_shim_runs(shim: Shim, logged: Make) -> None:
    web, gone = logged(), logged("gone")
    shim.start()
    os.write(gone.out, b"unfinished")
    shim.kill()
    for name in ("out", "err", "log.json"):
        os.unlink(f"{gone.run}/{name}")
    os.rmdir(gone.run)
    with open(shim.place.shim + "/control", "r+b", buffering=0) as control:
        os.write(web.out, b"unfinished")
        control.write(b"drop web\n")
        shim.start()
        wait_for(lambda: not os.path.exists(web.run), os.path.dirname(web.run))
    assert web.text("out") == b"unfinished"


def test_own_log_has_its_own_origin(shim: Shim, logged: Make) -> None:
    own = logged("csv", entry=".csv")
    shim.start()
    os.write(own.out, b"web: up\n")
    own.wait_for_text(b"web: up\n", "csv")


def test_term_writes_what_there_is(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    shim.signal(signal.SIGSTOP)
    os.write(web.out, b"x" * 60000 + b"\nunfinished")
    os.kill(shim.pid, signal.SIGTERM)
    shim.signal(signal.SIGCONT)
    assert shim.process is not None
    assert shim.process.wait() == 0
    assert [record.partial for record in web.records()] == [False, True]
    assert web.is_taken()


def test_hup_opens_files_anew(shim: Shim, logged: Make) -> None:
    web = logged()
    shim.start()
    os.write(web.out, b"one\n")
    web.wait_for_text(b"one\n")
    os.rename(web.log + "/current", web.log + "/moved")
    shim.signal(signal.SIGHUP)
    web.wait(lambda: os.write(web.out, b"two\n") and os.path.exists(web.log + "/current"))
    assert Path(web.log, "moved").read_bytes().endswith(b"\n")


def test_pid_file_names_the_process(shim: Shim) -> None:
    shim.start()
    record = json.loads(Path(shim.place.shim, "pid").read_text())
    assert record == {"pid": shim.pid, "start_time": start_time(shim.pid)}


def test_a_second_shim_is_refused_and_told_why(shim: Shim, place: Paths) -> None:
    shim.start()
    second = subprocess.run(
        [*COMMAND, "--run-dir", place.run_dir, "--log-dir", place.log_dir],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 111
    assert f"csv syslogd, pid {shim.pid}" in second.stderr


def test_idle_is_idle(shim: Shim, logged: Make) -> None:
    services = [logged(f"idle{number}") for number in range(20)]
    shim.start()
    os.write(services[0].out, b"a line\n")
    services[0].wait_for_text(b"a line\n")
    before = _switches(shim.pid)
    pidfd = os.pidfd_open(shim.pid)
    died, _, _ = select.select([pidfd], [], [], 2.5)
    os.close(pidfd)
    assert not died
    assert _switches(shim.pid) == before


def _switches(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [line for line in lines if "voluntary_ctxt" in line and "non" not in line]
