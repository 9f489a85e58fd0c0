"""What could not be written until the end, because the log's disk is full or gone.

A FIFO's content dies with its last holder; a spool is a file, and lives as long as the run
directory. So the shim that ends moves all into the spools. The supervisor, once its last shim has
ended, learns here whose lines wait there for the next shim.
"""

import contextlib
import os
from collections.abc import Iterable

from supervise.kernel.fifo import unread_bytes
from supervise.log.control import log_name
from supervise.log.intake import Intake
from supervise.log.progress import POSITIONS, ProgressFile

_SPOOLS = (".out", ".err", ".log")


def save(intakes: Iterable[Intake]) -> dict[str, int]:
    """Move what is in the FIFOs of these to their spools; never raises.

    Returns:
        By the service's name: how many bytes are not in its log, wherever they are.
    """
    left = {}
    for intake in intakes:
        with contextlib.suppress(OSError):  # the run directory is full too: it stays in the FIFO
            intake.save()
        left[intake.name] = sum(map(intake.unwritten, intake.streams))
    return left


def unwritten(shim: str) -> dict[str, int]:
    """By the service's name: how many bytes wait in its spools; to be called while no shim runs.

    None of these is to be dropped any more: the next supervisor may start a service of that name
    before the lines are written, and drops it again if there is none.

    Args:
        shim: the shim's directory.

    Raises:
        OSError: what the shim left cannot be read.
    """
    if not os.path.exists(shim + "/record"):
        return {}
    found = {}
    with contextlib.closing(ProgressFile(shim + "/record")) as progress:
        for raw, slot in progress.names.items():
            name, state = os.fsdecode(raw), progress.load(slot)
            waiting = 0
            for suffix, position in zip(_SPOOLS, POSITIONS, strict=True):
                with contextlib.suppress(FileNotFoundError):
                    size = os.stat(f"{shim}/spool/{name}{suffix}").st_size
                    waiting += max(0, size - int(getattr(state, position)))
            if waiting or state.lost:
                found[name] = waiting
                progress.store(slot, state._replace(dropped=False))
    return found


def unread(run_dir: str) -> dict[str, int]:
    """By the service's name: how many bytes are in its FIFOs, as long as somebody holds those."""
    found = {}
    for entry in os.listdir(run_dir):
        size = sum(unread_bytes(f"{run_dir}/{entry}/{fifo}") for fifo in ("out", "err"))
        if size and (name := log_name(entry)):
            found[name] = size
    return found
