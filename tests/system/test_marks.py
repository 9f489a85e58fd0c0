"""Launches are marked in a service's own log, and --launch finds what one of them said."""

from tests.supervisor import Supervisor


def test_marks_stand_between_the_lines_of_two_launches(supervisor: Supervisor) -> None:
    supervisor.add(
        "web",
        '#!/bin/sh\necho "begin $CSV_LAUNCH"\n[ -e stop ] && exec sleep 1000\n:> stop\nexit 3\n',
    )
    supervisor.wait_for("web", launch=2, phase="up")
    supervisor.wait_for_line("web", "/2")
    texts = [line.split(" ", 1)[1] for line in supervisor.log("web").splitlines()]
    texts = [text.rpartition("/")[2] if "begin" in text else text for text in texts]
    first = ["csv launch 1 started", "1", "csv launch 1 ended: exit 3"]
    assert texts == [*first, "csv launch 2 started", "2"]
    former = supervisor.csv("logs", "web", "--launch", "-1", "--raw")
    assert former.stdout.startswith("begin")
    assert former.stdout.endswith("/1\n")


def test_a_start_that_failed_is_marked(supervisor: Supervisor) -> None:
    supervisor.add("web", "#!/nonexistent\n")
    state = supervisor.wait_for("web", phase="waiting")
    supervisor.wait_for_line("web", f"launch 1 ended: {state['error']}")


def test_the_policy_reaches_the_shim(supervisor: Supervisor) -> None:
    supervisor.add(
        "web",
        "#!/bin/sh\nseq 1000\nexec sleep 1000\n",
        **{"csv.toml": '[log]\nrate = "1/h"\nburst = 10\n'},
    )
    supervisor.wait_for_line("web", "990 lines were dropped here")
