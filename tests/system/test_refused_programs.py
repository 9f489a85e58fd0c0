"""A plain ``run`` that the kernel refuses: the operator reads what to mend."""

import pytest

from tests.supervisor import Supervisor


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ("#!/no/sh\n", "its interpreter /no/sh does not exist"),
        ("#!/bin/sh\r\n", "its first line ends in CR"),
        ("\ufeff#!/bin/sh\n", "begins with a byte order mark"),
        ("echo\n", "has neither a #! line nor is it a program; begin it with #!/bin/sh"),
    ],
)
def test_the_path_and_the_cure_are_named(supervisor: Supervisor, run: str, reason: str) -> None:
    folder = supervisor.add("web", run)
    error = supervisor.wait_for("web", phase="waiting")["error"]
    assert error.startswith(f"{folder}/run: {reason}")
    assert error in supervisor.csv("svstat", "web").stdout
