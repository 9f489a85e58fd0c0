"""Launches of a former supervisor that no usable record speaks of: found by their marks, and ended.

They are not taken over. Without the record nobody can tell the first process of the launch from
one that left its session, nor what was wanted of it; and two copies are worse than a restart.
"""

from collections.abc import Collection

import trio

from supervise.container import sweep
from supervise.container.names import Launch
from supervise.core.definition import ContainerDefinition
from supervise.daemon import record
from supervise.daemon.means import Means
from supervise.daemon.recorded import Recorded, launch_of, restore
from supervise.errors import CsvError


def recorded(name: str, means: Means) -> Recorded | None:
    """What the service's record says; None when there is none, or none that is usable.

    Never raises, whatever is in the file.
    """
    found = record.load(means.paths.service(name).state)
    try:
        return None if found is None else restore(name, found)
    except ValueError:
        return None


def end(names: Collection[str], means: Means) -> dict[str, int]:
    """End every launch of these services, and whatever they left; blocks, for a worker thread.

    No launch of them may begin meanwhile. One pass over /proc when nothing of them lives.

    Returns:
        The highest launch number that is known of each: the next launch's has to be above.
    """
    numbers = means.strays.end_all(names) if names else {}
    for name in names:
        found = record.load(means.paths.service(name).state)
        known = [numbers.get(name, 0), launch_of(found), *_clear_containers(name, means)]
        numbers[name] = max(known)
    return numbers


def _clear_containers(name: str, means: Means) -> list[int]:
    if means.launcher is None:
        return []
    numbers = sweep.numbers(means.paths, name)
    for number in numbers:
        # To clear a launch away, its name and number are enough.
        any_ = ContainerDefinition(rootfs="host")
        try:
            means.launcher.clean(Launch(name=name, number=number, folder="", definition=any_))
        except CsvError as error:
            trio.from_thread.run_sync(means.journal.say, str(error), name)
    return numbers
