"""Whatever is killed, sent, removed and broken, in any order: the rules of the design hold.

The seed is printed; CSV_CHAOS_SEED sets it, CSV_CHAOS_EVENTS the number of events.
"""

import os
import random
import sys
from collections.abc import Iterator

import pytest

from supervise.paths import Paths
from tests import leftovers
from tests.system.chaos import Chaos
from tests.waiting import kill

EVENTS = 400
EVENTS_LONG = 2000
BATCH = 10


@pytest.fixture
def chaos(place: Paths) -> Iterator[Chaos]:
    """A supervisor and its services; whatever a failed test leaves of them is ended."""
    seed = int(os.environ.get("CSV_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stdout.write(f"CSV_CHAOS_SEED={seed}\n")
    chaos = Chaos(place, seed)
    yield chaos
    if chaos.supervisor.alive:
        chaos.supervisor.kill()
    for pid in leftovers.processes(chaos.payloads.top):
        kill(pid)


def test_no_rule_breaks(chaos: Chaos, long: bool) -> None:
    events = int(os.environ.get("CSV_CHAOS_EVENTS") or (EVENTS_LONG if long else EVENTS))
    chaos.begin()
    for number in range(1, events + 1):
        chaos.event()
        if number % BATCH == 0 or number == events:
            chaos.settle()
    chaos.end()
