"""The supervisor is killed between any two steps of a service's life; the next one puts it right.

A life is lived once to count the steps, then again and again, each time with a supervisor that is
killed before another one. Without ``--long`` a few are tried, evenly spread. See ``cutter``.
"""

import os
import sys

import pytest

from supervise.paths import Paths
from tests.system.life import WholeLife
from tests.system.payload import STRAY, Kind

KINDS = {
    "plain": Kind(finish=True, before=STRAY),
    "container": Kind(container=('rootfs = "host"',), finish=True),
    "kept": Kind(container=('rootfs = "BOX"', 'writable = "keep"')),
}
CUTS = 4
"""How many steps of each life are tried without ``--long``."""


def new_life(place: Paths, kind: str, number: int) -> WholeLife:
    """A life with places of its own below those of the test."""
    top = f"{os.path.dirname(place.run_dir)}/{number}"
    directories = (f"{top}/{os.path.basename(directory)}" for directory in place)
    return WholeLife(Paths(*directories), KINDS[kind])


def spread(steps: int, long: bool) -> list[int]:
    """The steps to cut before."""
    if long:
        return list(range(1, steps + 1))
    return [1 + steps * number // CUTS for number in range(CUTS)]


def live(life: WholeLife, begun: bool, cut: int) -> str:
    """Live a whole life under supervisors of which one is cut; returns what is wrong."""
    first = 0
    if begun:  # the cut is to hit the one which takes over
        first = life.live(0, 1)
        life.kill()
    done = life.live(first, len(life.steps), cut)
    if not (done == len(life.steps) and life.stop()):
        life.kill()
        life.live(done, len(life.steps))
        assert life.stop(), "the last supervisor failed"
    return "\n".join(life.wrong())


@pytest.mark.parametrize("begun", [False, True], ids=["alone", "taking over"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_harms(place: Paths, kind: str, begun: bool, long: bool) -> None:
    life = new_life(place, kind, 0)
    assert live(life, begun, 0) == ""
    trace = life.trace.read_text().splitlines()
    sys.stdout.write(f"{len(trace)} steps\n")
    assert len(trace) > 100, "the cutter is blind"
    for cut in spread(len(trace), long):
        life = new_life(place, kind, cut)
        try:
            wrong = live(life, begun, cut)
        except AssertionError as error:
            wrong = str(error)
        assert wrong == "", f"cut before step {life.trace.read_text().splitlines()[-1]}\n{wrong}"
