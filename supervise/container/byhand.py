"""One container in the foreground, from its launch to nothing left of it.

With a terminal, the runtime owns it and passes keys on. Without one, the runtime gets a session
of its own, so that a ``^C`` which the terminal sends to everybody arrives once: through us.
"""

import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

from attrs import evolve

from supervise.container import foreground
from supervise.container.host import Host
from supervise.container.launcher import Launch, Launcher
from supervise.core.definition import ServiceDefinition
from supervise.errors import LaunchCancelled
from supervise.kernel import proc
from supervise.kernel.files import remove_directory
from supervise.kernel.spawn import spawn
from supervise.paths import Paths

_Handler = Callable[[int, FrameType | None], Any] | int | None
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_AGAIN_S = 0.01


def run(service: ServiceDefinition, folder: str, paths: Paths, host: Host) -> int:
    """Run the container and wait for its end; afterwards nothing of it is left.

    Args:
        service: with a container in it.
        folder: the service folder.
        paths: the directories; those that do not exist are removed again.
        host: the machine.

    Returns:
        The container's exit status; 128 and the signal's number when a signal ended it.

    Raises:
        CsvError: it did not come to life.
    """
    made = [path for path in (paths.run_dir, paths.lib_dir) if not os.path.isdir(path)]
    launcher = Launcher(paths, host)
    launcher.sweep_by_hand()
    try:
        with foreground.claim(paths, service.name) as name:
            return _Run(launcher, service, name, folder, host).to_the_end()
    finally:
        launcher.close()
        for path in made:
            remove_directory(path)


class _Run:
    def __init__(
        self, launcher: Launcher, service: ServiceDefinition, name: str, folder: str, host: Host
    ) -> None:
        assert service.container is not None
        self._launcher = launcher
        self._service = service
        self._terminal = sys.stdin.isatty() and sys.stdout.isatty()
        definition = service.container
        if self._terminal and host.init is not None:
            # The kernel drops a ^C for the first process of a container, unless that asked for
            # it: most programs would not stop.
            definition = evolve(definition, init=True)
        self._launch = Launch(
            name=name, number=1, folder=folder, definition=definition, service=service.name
        )
        self._spawned = False
        self._asked_to_end = False
        self._pending: int | None = None

    def to_the_end(self) -> int:
        before = self._take_signals()
        try:
            return self._run()
        finally:
            for number in (*_FORWARDED, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            self._launcher.clean(self._launch)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self) -> int:
        command = self._launcher.prepare(self._launch, detached=False, terminal=self._terminal)
        process = spawn(evolve(command, stdin=0, new_session=not self._terminal))
        self._spawned = True
        _await_end(process.pid)
        status = process.wait()
        if status and not self._launcher.came_to_life(self._launch):
            if self._asked_to_end:
                raise LaunchCancelled("was told to end before the container ran")
            raise self._launcher.failure(self._launch, status)
        return status if status >= 0 else 128 - status

    def _take_signals(self) -> dict[signal.Signals, _Handler]:
        before: dict[signal.Signals, _Handler] = {}
        for number in _FORWARDED:
            before[number] = signal.signal(number, self._forward)
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
        return before

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        """Pass a signal on; the second one kills."""
        if not self._spawned:
            raise LaunchCancelled("was told to end before the container ran")
        if self._asked_to_end:
            self._launcher.kill(self._launch)
        else:
            self._asked_to_end = True
            self._pass_on(self._service.stop_signal if number == signal.SIGTERM.value else number)

    def _pass_on(self, number: int) -> None:
        pid = self._launcher.running(self._launch)
        self._pending = None
        if pid is None:
            # The container may speak before the runtime has written its pid down; it is about to.
            self._pending = number
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        elif proc.takes_signal(pid, number):
            os.kill(pid, number)
            signal.setitimer(signal.ITIMER_REAL, max(_AGAIN_S, self._service.stop_grace_period_s))
        else:
            # The kernel would drop it, as the container's first process did not ask for it.
            self._launcher.kill(self._launch)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """Try again to pass a signal on, or end the grace period."""
        if self._pending is not None:
            self._pass_on(self._pending)
        else:
            self._launcher.kill(self._launch)


def _await_end(pid: int) -> None:
    """Wait until a child is dead, running handlers of signals at once.

    In waitpid(2) a signal that arrives just before the call would be handled only after it.
    """
    with ExitStack() as stack:
        pidfd = os.pidfd_open(pid)
        stack.callback(os.close, pidfd)
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, woken)
        stack.callback(os.close, wake)
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(wake))
        while pidfd not in select.select([pidfd, woken], [], [])[0]:
            os.read(woken, 4096)
