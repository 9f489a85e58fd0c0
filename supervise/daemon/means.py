"""What every service works with: the shared parts of one supervisor, as one value."""

import os
from collections.abc import Callable

import trio
from attrs import define, field

from supervise.container.launcher import Launcher
from supervise.daemon.deadlines import Deadlines
from supervise.daemon.forwarder import Forwarder
from supervise.daemon.journal import Journal
from supervise.daemon.places import Places
from supervise.daemon.poll import Poll
from supervise.daemon.reaper import Reaper
from supervise.daemon.shim import Shim
from supervise.daemon.strays import Strays
from supervise.kernel.descriptors import Parking
from supervise.paths import Paths

MARK = "CSV_LAUNCH"
"""In the environment of a plain service: whose it is, for all that descends from it."""


@define(kw_only=True, eq=False)
class Means:
    """The shared parts of one supervisor.

    Attributes:
        nursery: where tasks of services live; an exception in it is a bug of ours.
        launcher: makes containers; None when this machine has no runtime, for ``no_runtime``.
        starts, cleanings: how many may be under way at once.
        lock_fd: held by this supervisor, and by its runtimes until they end.
        forget: a service is gone; what it gives is to be called when its log is written.
        has_service: whether there is a service of this name.
        faulted: a service raised; it is to be made anew from its record.
    """

    paths: Paths
    nursery: trio.Nursery
    reaper: Reaper
    poll: Poll
    deadlines: Deadlines
    journal: Journal
    parking: Parking
    shim: Shim
    forwarder: Forwarder
    strays: Strays
    launcher: Launcher | None
    no_runtime: str
    starts: Places
    cleanings: Places
    lock_fd: int
    forget: Callable[[str, Callable[[], None]], None]
    has_service: Callable[[str], bool]
    faulted: Callable[[str], None]
    # As bytes, which is what execve(2) takes: encoding it anew for each start would be felt.
    environment: dict[bytes, bytes] = field(factory=lambda: dict(os.environb))
