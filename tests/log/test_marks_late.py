"""An order that speaks of FIFOs which are gone is obeyed as far as it can be."""

import os
from collections.abc import Callable

from tests.log.shim import Logged, Shim

Make = Callable[..., Logged]


def test_a_mark_for_fifos_that_are_gone_does_not_end_the_shim(shim: Shim, logged: Make) -> None:
    web, other = logged("web"), logged("other")
    shim.start()
    os.write(web.out, b"1\n")
    web.wait(lambda: web.text("out") == b"1\n")
    held = os.open(shim.place.shim + "/control", os.O_RDWR)  # as the supervisor does
    shim.kill()
    for name in ("out", "err"):
        os.unlink(shim.place.service("web").run + "/" + name)
    shim.order("mark", "web", "launch 1 ended", 10, 10)
    shim.start()
    os.write(other.out, b"2\n")
    other.wait(lambda: other.text("out") == b"2\n")
    os.close(held)
    assert not any("Traceback" in line for line in shim.complaints().splitlines())
