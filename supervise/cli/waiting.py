"""``svc -w``: wait until each service is what the letters asked for.

Subscribe, then read, then send: so nothing that happens in between is missed. The supervisor
renames ``state.json`` into place at each change, and inotify tells of it; nothing polls.
"""

import select
import time
from collections.abc import Sequence
from typing import Self

from supervise.cli.state import State, read, words
from supervise.cli.supervised import Supervised, is_supervised, require_supervised
from supervise.errors import CsvError
from supervise.kernel.inotify import IN_DELETE, IN_DELETE_SELF, IN_MOVED_TO, Inotify

_MASK = IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF


def reached(letters: str, before: State, now: State) -> bool:
    """Whether ``now`` is what the letters asked for, when they were sent in the state ``before``.

    ``u``: up. ``d``: down, and nothing runs. ``o``: was started. ``t`` and ``k`` on a running
    service: a newer launch is up, or it ended and none is wanted. ``p`` and ``c``: paused or not.
    Of ``u d o`` the last one counts, of ``p c`` too; other signals have no state to wait for.
    """
    started = now.launch > before.launch
    ended = before.pid is not None and any(letter in "dtk" for letter in letters)
    up = now.phase == "up" and now.pid is not None and (started or not ended)
    down = now.phase in ("down", "failed") and now.pid is None
    match _last(letters, "udo"):
        case "u":
            there = up and now.want == "up"
        case "d":
            there = down and now.want == "down"
        case "o":
            there = started or (now.pid is not None and now.want == "once")
        case _:
            there = not ended or up or (down and now.phase == "down")
    pause = _last(letters, "pc")
    return there and (not pause or now.pid is None or now.paused is (pause == "p"))


def _last(letters: str, of: str) -> str:
    return next((letter for letter in reversed(letters) if letter in of), "")


class Waiting:
    """The services not yet there; a context manager. Make it before the letters are sent.

    Raises:
        NotSupervised: nobody supervises one of them.
        CsvError: a service has no ``state.json``: it is not csv that supervises it.
    """

    def __init__(self, letters: str, services: Sequence[Supervised]) -> None:
        self._letters = letters
        self._inotify = Inotify()
        self._pending: dict[int, Supervised] = {}
        self._before: dict[int, State] = {}
        try:
            for service in services:
                self._subscribe(service)
        except BaseException:
            self._inotify.close()
            raise

    def _subscribe(self, service: Supervised) -> None:
        require_supervised(service)
        wd = self._inotify.add_watch(service.run, _MASK)
        before = read(service.state)
        if before is None:
            raise CsvError(
                f"{service.shown}: -w works with csv's own supervisor only: there is no"
                f" {service.state}; leave -w out"
            )
        self._pending[wd], self._before[wd] = service, before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inotify.close()

    def wait(self, timeout_s: float) -> list[str]:
        """Wait until every service is there, at most ``timeout_s``.

        Returns:
            A sentence for each service that is not; empty when all are.
        """
        deadline = time.monotonic() + timeout_s
        self._look(list(self._pending))
        poll = select.poll()
        poll.register(self._inotify, select.POLLIN)
        while self._pending and (left_s := deadline - time.monotonic()) > 0:
            if poll.poll(left_s * 1000):
                watches = {event.wd for event in self._inotify.read()}
                # -1 is the overflow of the queue: anything may have happened.
                self._look(list(self._pending) if -1 in watches else list(watches))
        return [self._complaint(wd, timeout_s) for wd in self._pending]

    def _look(self, watches: list[int]) -> None:
        for wd in watches:
            if wd in self._pending and self._is_there(wd):
                del self._pending[wd]

    def _is_there(self, wd: int) -> bool:
        service = self._pending[wd]
        if "x" in self._letters:
            return not is_supervised(service)
        now = read(service.state)
        return now is not None and reached(self._letters, self._before[wd], now)

    def _complaint(self, wd: int, timeout_s: float) -> str:
        service = self._pending[wd]
        state = read(service.state)
        if state is None or not is_supervised(service):
            return f"{service.shown}: its supervisor has gone; see `csv status`"
        more = words(state, time.time())
        return (
            f"{service.shown}: not there after {timeout_s:g} s: it is {state.phase}"
            f"{': ' * bool(more)}{more}"
        )
