"""Taking over what a former supervisor left: every launch that lives is kept, none is doubled.

The record says what was true when it was last written; the kernel says what is true now. A launch
that the record calls living and the kernel does not has ended while nobody looked: its status is
unknown, never 0. A launch that was being made is found by its container, or by its mark; when it
is not there it is a start that failed. The run directory's lock waits for runtimes that were
still at work, so there is no third case. Where no record is usable: ``daemon.former``.
"""

import time
from collections.abc import Callable
from functools import partial

from supervise.container.names import container_id
from supervise.core import events as on
from supervise.core.definition import ServiceDefinition
from supervise.core.events import Phase
from supervise.core.service import Service
from supervise.core.state import LIVING
from supervise.daemon import launching
from supervise.daemon.former import recorded
from supervise.daemon.means import Means
from supervise.daemon.process import Process, adopt
from supervise.daemon.recorded import Recorded
from supervise.daemon.supervised import Supervised
from supervise.kernel import proc


def take_over(
    name: str,
    means: Means,
    definition: ServiceDefinition | None,
    services: dict[str, Supervised],
) -> bool:
    """Put the service into ``services`` as its record and the kernel have it.

    Args:
        name: the service.
        means: what it works with.
        definition: what its folder says now; None when that is broken or gone.
        services: where it belongs.

    Returns:
        False, and nothing happened, when there is no usable record.

    Raises:
        SystemCallFailed, HostError: its files cannot be opened.
    """
    found = recorded(name, means)
    if found is None:
        return False
    core = found.core
    core.definition = definition
    service = Supervised(core, means, faults=found.faults)
    service.open()
    services[name] = service
    if core.phase in LIVING:
        _take_over_launch(service, core, found)
    elif core.phase is Phase.FINISHING:
        _take_over_finish(service, core, found)
    elif core.phase in (Phase.DOWN, Phase.FAILED):
        launching.carry_out(service, on.Sweep())  # it may have been cut short
    service.feed(on.Tick())
    return True


def launches(name: str, means: Means) -> list[str]:
    """The id of the container that the service's record speaks of as its present launch.

    None for a launch that has ended: its clean-up may have been cut short. None for a record that
    is not usable either: nobody will take that launch over.
    """
    found = recorded(name, means)
    if found is None or found.core.phase not in LIVING:
        return []
    return [container_id(name, found.core.launch)]


def _take_over_launch(service: Supervised, core: Service, found: Recorded) -> None:
    process = _find(service, core, found)
    if process is not None:
        service.process = process
        service.means.journal.say(f"launch {core.launch} taken over, pid {process.pid}", core.name)
        if core.up_at is None:
            service.feed(on.Started(launch=core.launch))
        return
    if core.up_at is None:
        reason = "the supervisor was killed in the middle of it"
        service.feed(on.StartFailed(launch=core.launch, reason=reason, at=time.time()))
    else:
        service.feed(on.Exited(launch=core.launch, status=None, at=time.time()))


def _find(service: Supervised, core: Service, found: Recorded) -> Process | None:
    ended = partial(launching.on_exit, service, core.launch)
    if found.pid is not None and found.start_time is not None:
        return _adopt(service, found.pid, found.start_time, ended)
    pid: int | None = None
    if not service.ran_plain and service.means.launcher is not None:
        pid = service.means.launcher.running(launching.launch_of(service, core.launch))
    elif service.ran_plain:
        pid = service.means.strays.find(core.name, core.launch)
    start_time = None if pid is None else proc.start_time(pid)
    if pid is None or start_time is None:
        return None
    return _adopt(service, pid, start_time, ended)


def _take_over_finish(service: Supervised, core: Service, found: Recorded) -> None:
    ended = partial(launching.on_finish_exit, service, core.launch)
    if found.pid is not None and found.start_time is not None:
        service.process = _adopt(service, found.pid, found.start_time, ended)
    if service.process is None:
        service.feed(on.Finished(launch=core.launch, status=None))


def _adopt(
    service: Supervised, pid: int, start_time: int, ended: Callable[[int | None], None]
) -> Process | None:
    means = service.means
    return adopt(
        pid,
        start_time,
        reaper=means.reaper,
        poll=means.poll,
        parking=means.parking,
        ended=ended,
        kill_group=service.ran_plain,
    )
