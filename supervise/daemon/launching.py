"""What a service's state model asks for, done: launches started, signalled, ended, cleared.

A plain ``run`` is started at once. A container is made in a task of its own: what may block runs
in a worker thread, the runtime is a child like any other, and its answer is an event like any
other. Everything here is about one launch number; an answer that comes late is the state model's
to ignore.
"""

import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import evolve

from supervise.container import executable
from supervise.container.launcher import Launch
from supervise.core import ends
from supervise.core import events as on
from supervise.core.definition import ContainerDefinition, ServiceDefinition
from supervise.core.events import Effect, Phase
from supervise.daemon.means import MARK
from supervise.daemon.process import Child
from supervise.errors import (
    CsvError,
    HostError,
    LaunchCancelled,
    LaunchError,
    SystemCallFailed,
)
from supervise.kernel import proc
from supervise.kernel.spawn import Command

if TYPE_CHECKING:
    from supervise.container.launcher import Launcher
    from supervise.daemon.supervised import Supervised


_REFUSALS = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP)
"""What execve() has against a file, not against the machine's state."""


def carry_out(service: "Supervised", effect: Effect) -> None:
    """Begin what the effect asks for; never blocks. What fails later comes back as an event."""
    _EFFECTS[type(effect)](service, effect)


# --- starting ---------------------------------------------------------------------------------


def _start(service: "Supervised", effect: on.Start) -> None:
    try:
        service.open_logs(effect.definition)
        service.mark(f"launch {effect.launch} started")
        if effect.definition.container is None:
            _start_plain(service, effect)
        else:
            scope = service.start_scope = trio.CancelScope()
            service.means.nursery.start_soon(_start_container, service, effect, scope)
    except CsvError as error:
        _start_failed(service, effect.launch, str(error))


def _start_failed(service: "Supervised", launch: int, reason: str) -> None:
    service.feed(on.StartFailed(launch=launch, reason=reason, at=time.time()))


def _start_plain(service: "Supervised", effect: on.Start) -> None:
    with ExitStack() as stack:
        out, err = service.files.open_output()
        stack.callback(os.close, out)
        stack.callback(os.close, err)
        if (stdin := service.files.open_input()) is not None:
            stack.callback(os.close, stdin)
        command = Command(
            argv=("./run",),
            cwd=service.folder,
            env=_environment(service, effect.launch),
            stdin=stdin,
            stdout=out,
            stderr=err,
        )
        ended = partial(on_exit, service, effect.launch)
        try:
            spawned = service.means.reaper.spawn(command, ended, kill_group=True)
        except SystemCallFailed as error:
            if error.errno not in _REFUSALS:
                raise
            path = f"{service.folder}/run"
            raise LaunchError(executable.why(path, os.strerror(error.errno))) from error
    service.process = Child(*spawned)
    service.feed(on.Started(launch=effect.launch))


def _environment(service: "Supervised", launch: int) -> dict[bytes, bytes]:
    mark = service.means.strays.value(service.name, launch)
    return {**service.means.environment, MARK.encode(): os.fsencode(mark)}


def on_exit(service: "Supervised", launch: int, status: int | None) -> None:
    """The launch's first process has ended."""
    out_of_memory = _is_out_of_memory(service, launch, status)
    service.process = None
    service.feed(
        on.Exited(launch=launch, status=status, out_of_memory=out_of_memory, at=time.time())
    )


def _is_out_of_memory(service: "Supervised", launch: int, status: int | None) -> bool:
    killed = status is not None and status & 0x7F == signal.SIGKILL
    if not killed or service.ran_plain or service.means.launcher is None:
        return False
    try:
        return service.means.launcher.oom_killed(launch_of(service, launch))
    except CsvError as error:
        service.fail(error)
        return False


async def _start_container(
    service: "Supervised", effect: on.Start, scope: trio.CancelScope
) -> None:
    reaper = service.means.reaper
    reaper.launching()
    try:
        with scope:
            try:
                async with service.means.starts.place():
                    pid = await _make_container(service, effect)
                _began(service, effect.launch, pid)
            except CsvError as error:
                _start_failed(service, effect.launch, str(error))
        if scope.cancelled_caught:
            _start_failed(service, effect.launch, str(LaunchCancelled("cancelled")))
    finally:
        reaper.launched()


async def _make_container(service: "Supervised", effect: on.Start) -> int:
    """From nothing to a living container; returns its first process's pid."""
    launcher, launch = _launcher(service), launch_of(service, effect.launch, effect.definition)
    if launch.definition.writable_keep:
        await service.until(lambda: service.clean)
    prepared = await trio.to_thread.run_sync(launcher.prepare, launch)
    with ExitStack() as stack:
        out, err = service.files.open_output()
        stack.callback(os.close, out)
        stack.callback(os.close, err)
        if (stdin := service.files.open_input()) is not None:
            stack.callback(os.close, stdin)
        # The lock is the runtime's too: until it has ended the next supervisor has to wait, and
        # so never meets a launch that is neither there nor not there.
        held = evolve(prepared, stdin=stdin, stdout=out, stderr=err, keep=(service.means.lock_fd,))
        status = await service.means.reaper.run(held)
    if status != 0:
        raise launcher.failure(launch, os.waitstatus_to_exitcode(status))
    return launcher.collect(launch)


def _began(service: "Supervised", launch: int, pid: int) -> None:
    service.process = Child(pid, proc.start_time(pid))
    service.feed(on.Started(launch=launch))
    service.means.reaper.adopt(pid, partial(on_exit, service, launch))


def _cancel_start(service: "Supervised", effect: on.CancelStart) -> None:
    if service.start_scope is not None:
        service.start_scope.cancel()


def _launcher(service: "Supervised") -> "Launcher":
    if service.means.launcher is None:
        raise HostError(service.means.no_runtime)
    return service.means.launcher


def launch_of(
    service: "Supervised", number: int, definition: ServiceDefinition | None = None
) -> Launch:
    """The launch as the container package knows it; to end and clear it, its number is enough."""
    container = definition.container if definition is not None else None
    has_syslog = definition is not None and definition.private_syslog
    return Launch(
        name=service.name,
        number=number,
        folder=service.folder,
        definition=container or ContainerDefinition(rootfs=""),
        syslog=service.files.paths.syslog if has_syslog and service.files.syslog else None,
    )


# --- stopping -----------------------------------------------------------------------------------


def _is_container(service: "Supervised") -> bool:
    return service.core.launched is not None and service.core.launched.container is not None


def _signal(service: "Supervised", effect: on.Signal) -> None:
    if service.process is not None:
        service.process.signal(effect.signal)


def _stop(service: "Supervised", effect: on.Stop) -> None:
    process = service.process
    if process is None:
        return
    if service.main is not None and service.core.retired:
        service.files.release_logs()  # it ends when it has read what is left
    elif not _is_container(service):
        process.signal_group(effect.signal)
        process.signal_group(signal.SIGCONT)
    elif proc.takes_signal(process.pid, effect.signal):
        process.signal(effect.signal)
        process.signal(signal.SIGCONT)
    else:
        process.signal(signal.SIGKILL)


def _kill_all(service: "Supervised", effect: on.KillAll) -> None:
    process = service.process
    if process is None:
        return
    if _is_container(service):
        process.signal(signal.SIGKILL)  # the first of a pid namespace takes all others along
    else:
        process.signal_group(signal.SIGKILL)


# --- finish -------------------------------------------------------------------------------------


def _run_finish(service: "Supervised", effect: on.RunFinish) -> None:
    with ExitStack() as stack:
        try:
            out, err = service.files.open_output()
            stack.callback(os.close, out)
            stack.callback(os.close, err)
            spawned = service.means.reaper.spawn(
                Command(
                    argv=("./finish", *ends.finish_arguments(effect.status)),
                    cwd=service.folder,
                    env=_environment(service, effect.launch),
                    stdout=out,
                    stderr=err,
                ),
                partial(on_finish_exit, service, effect.launch),
                kill_group=True,
            )
        except CsvError as error:
            service.fail(error)
            service.feed(on.Finished(launch=effect.launch, status=None))
            return
    service.process = Child(*spawned)


def on_finish_exit(service: "Supervised", launch: int, status: int | None) -> None:
    """``finish`` has ended."""
    service.process = None
    service.feed(on.Finished(launch=launch, status=status))


def _kill_finish(service: "Supervised", effect: on.KillFinish) -> None:
    if service.process is not None:
        service.means.journal.say("finish took too long; killed", service.name)
        service.process.signal_group(signal.SIGKILL)


# --- clearing -----------------------------------------------------------------------------------


def _clean(service: "Supervised", effect: on.Clean) -> None:
    if _is_container(service) and service.means.launcher is not None:
        service.cleaning_begins()
        service.means.nursery.start_soon(_clean_container, service, effect.launch)


def _is_out_of_the_way(service: "Supervised") -> bool:
    """No start has to wait for us, except one that waits until we have let go of the kept layer."""
    launched = service.core.launched
    if service.core.phase is not Phase.STARTING or launched is None:
        return True
    return launched.container is not None and launched.container.writable_keep


async def _clean_container(service: "Supervised", number: int) -> None:
    launcher, launch = _launcher(service), launch_of(service, number)
    try:
        await service.until(lambda: _is_out_of_the_way(service))
        async with service.means.cleanings.place():
            await trio.to_thread.run_sync(launcher.clean, launch)
    except CsvError as error:
        service.fail(error)
    finally:
        service.cleaning_ends()


def _sweep(service: "Supervised", effect: on.Sweep) -> None:
    if service.ran_plain:
        service.cleaning_begins()
        service.means.strays.sweep(service.name, service.core.launch, service.cleaning_ends)


def _gone(service: "Supervised", effect: on.Gone) -> None:
    service.leave()


_EFFECTS: dict[type, Callable[..., None]] = {
    on.Start: _start,
    on.CancelStart: _cancel_start,
    on.Signal: _signal,
    on.Stop: _stop,
    on.KillAll: _kill_all,
    on.RunFinish: _run_finish,
    on.KillFinish: _kill_finish,
    on.Clean: _clean,
    on.Sweep: _sweep,
    on.Gone: _gone,
}
