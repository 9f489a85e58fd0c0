"""csv logs: what is printed of which log, in which order, in which form."""

import base64
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervise.cli.logs import main
from supervise.core.logline import TAI64N, Record, format_record
from supervise.paths import Paths
from tests.waiting import LIMIT_S, wait_for_exit

COMMAND = [sys.executable, "-m", "supervise.cli.main", "logs"]
ROOT = str(Path(__file__).resolve().parent.parent.parent)


def line(second: int, text: bytes, origin: str = "out", *, partial: bool = False) -> bytes:
    return format_record(Record(second * 10**9, origin, text, partial))


def write(places: Paths, name: str, data: bytes, file: str = "current") -> Path:
    directory = Path(places.log_dir, name)
    directory.mkdir(exist_ok=True)
    with (directory / file).open("ab") as opened:
        opened.write(data)
    return directory


def printed(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capfd.readouterr().out


def test_one_log_is_printed_as_it_is(places: Paths, capfd: pytest.CaptureFixture[str]) -> None:
    write(places, "web", line(1, b"one"), f"@{1:024x}.s")
    write(places, "web", line(2, b"two", "err") + line(3, b"three", partial=True) + b"unfinish")
    assert printed(capfd, "web") == (
        "1970-01-01T00:00:01.000000Z out one\n"
        "1970-01-01T00:00:02.000000Z err two\n"
        "1970-01-01T00:00:03.000000Z out+ three\n"
    )
    assert printed(capfd, "-n", "1", "web").endswith("Z out+ three\n")
    assert printed(capfd, "-n0", "web") == ""


def test_several_are_merged_by_time_with_their_names(
    places: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    write(places, "web", line(1, b"a") + line(3, b"c") + b"no record\n" + line(4, b"d"))
    write(places, "worker", format_record(Record(2 * 10**9, "out", b"b"), TAI64N))
    texts = [row.split() for row in printed(capfd).splitlines()]
    assert [(row[0], row[-1]) for row in texts] == [
        ("web", "a"),
        ("worker", "b"),
        ("web", "c"),
        ("web", "record"),
        ("web", "d"),
    ]
    assert printed(capfd, "web", "worker", "-n", "1").endswith("Z out d\n")


def test_names_and_paths(
    places: Paths, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write(places, "web", line(1, b"one"))
    Path(places.scan_dir, "web").mkdir()
    monkeypatch.chdir(places.scan_dir)
    for name in ("web", "./web", f"{places.scan_dir}/web/", str(directory)):
        assert printed(capfd, name).endswith("out one\n")


def test_a_service_without_a_log_is_named_with_a_hint(
    places: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["web"]) == 1
    assert f"no log in {places.log_dir}/web; {places.log_dir} has no logs" in capfd.readouterr().err
    write(places, "web", b"")
    assert main(["wbe"]) == 1
    assert "did you mean web?" in capfd.readouterr().err
    assert main(["database"]) == 1
    assert "there are logs of web" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["-n", "-1"], ["-n", "ten"], ["--burn"], ["--json", "--raw"]]
)
def test_wrong_usage(
    places: Paths, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 100
    assert "csv logs: " in capfd.readouterr().err


def test_json_loses_nothing(places: Paths, capfd: pytest.CaptureFixture[str]) -> None:
    write(places, "web", line(1, "grün\x1b".encode(), "err", partial=True) + line(2, b"\xff\0"))
    write(places, "web", format_record(Record(3_000_000_001, "daemon.info", b"a\nb"), TAI64N))
    write(places, "web", b"no record\n")
    objects = [json.loads(row) for row in printed(capfd, "--json", "web").splitlines()]
    assert objects == [
        {
            **{"time": "1970-01-01T00:00:01.000000Z", "service": "web", "origin": "err"},
            **{"partial": True, "text": "grün\x1b"},
        },
        {
            **{"time": "1970-01-01T00:00:02.000000Z", "service": "web", "origin": "out"},
            **{"text": "\ufffd\0", "base64": base64.b64encode(b"\xff\0").decode()},
        },
        {
            **{"time": "1970-01-01T00:00:03.000000001Z", "service": "web"},
            **{"origin": "daemon.info", "text": "a\nb"},
        },
        {"service": "web", "text": "no record"},
    ]


def test_raw_is_what_the_service_wrote(places: Paths) -> None:
    write(places, "web", line(1, b"\xff\0", partial=True) + line(2, b"rest") + line(3, b"", "csv"))
    result = subprocess.run(
        [*COMMAND, "--raw", "web"], env=environment(places), capture_output=True, check=True
    )
    assert result.stdout == b"\xff\0rest\n"


def environment(places: Paths) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ROOT, "CSV_LOG_DIR": places.log_dir}


def test_on_a_terminal_nothing_can_break_it(places: Paths) -> None:
    write(places, "web", line(1, b"\x1b]0;owned\x07\x9b31m\xc2\x9b\xe2\x80\xae caf\xc3\xa9\ttab\r"))
    write(places, "other", b"")
    shown = on_terminal(places)
    assert b"\\x1b]0;owned\\x07\\x9b31m\\x9b\\u202e caf\xc3\xa9\ttab\\r\r\n" in shown
    assert b"\x1b[36m" in shown
    assert b"\x1b[" not in on_terminal(places, NO_COLOR="1")


def on_terminal(places: Paths, **variables: str) -> bytes:
    master, slave = pty.openpty()
    subprocess.run(
        COMMAND, env=environment(places) | variables, stdout=slave, stdin=slave, check=True
    )
    os.close(slave)
    shown = b""
    try:
        while block := os.read(master, 4096):
            shown += block
    except OSError:  # EIO: all is read and nobody holds the other end
        pass
    os.close(master)
    return shown


@contextmanager
def following(places: Paths, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, "-f", *arguments], env=environment(places), stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_follow_across_rotation_until_interrupted(places: Paths) -> None:
    directory = write(places, "web", b"".join(line(n, b"%d" % n) for n in range(20)))
    with following(places, "web") as process:
        assert [int(read_line(process).split()[-1]) for _ in range(10)] == list(range(10, 20))
        write(places, "web", line(20, b"20"))
        assert read_line(process).endswith(b" 20\n")
        (directory / "current").rename(directory / f"@{1:024x}.s")
        write(places, "web", line(21, b"21"))
        assert read_line(process).endswith(b" 21\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130


def test_follow_everything_takes_up_new_logs(places: Paths) -> None:
    write(places, "web", line(1, b"one"))
    with following(places) as process:
        assert read_line(process).split()[::3] == [b"web", b"one"]
        write(places, "worker", line(2, b"two"))
        assert read_line(process).split()[::3] == [b"worker", b"two"]
        write(places, "web", line(3, b"three"))
        assert read_line(process).split()[::3] == [b"web", b"three"]


def test_follow_a_service_that_has_not_written_yet(places: Paths) -> None:
    Path(places.scan_dir, "web").mkdir()
    with following(places, "web", "--scan-dir", places.scan_dir) as process:
        write(places, "web", line(1, b"one"))
        assert read_line(process).endswith(b" one\n")


def test_follow_ends_when_its_reader_does(places: Paths) -> None:
    write(places, "web", line(1, b"one"))
    with following(places, "web") as process:
        read_line(process)
        assert process.stdout is not None
        process.stdout.close()
        wait_for_exit(process.pid)
        assert process.wait() == 141
        process.stdout = None
