"""Which records ``csv logs`` shows: the options that choose, read and checked."""

import argparse
import re
from collections.abc import Callable
from typing import NamedTuple

from supervise.cli.logview import Entry
from supervise.core.logline import parse_record
from supervise.core.moment import moment_ns
from supervise.core.units import Wrong
from supervise.errors import CsvError, UsageError
from supervise.log.reader import Part
from supervise.log.span import between, of_launch

_FOLLOW_FROM = 10


class Choice(NamedTuple):
    """What the options ask for.

    Attributes:
        last: only the last so many; None is all.
        since_ns, until_ns: of this time, both ends included.
        launch: of this launch; 0 the last one, -1 that before it.
        keep: whether an entry is shown; None when all are.
    """

    last: int | None
    since_ns: int | None
    until_ns: int | None
    launch: int | None
    keep: Callable[[Entry], bool] | None

    def cut(self, logs: dict[str, str], opened: dict[str, list[Part]]) -> dict[str, list[Part]]:
        """What is asked for of each log.

        Args:
            logs: directory and name of each service.
            opened: its files, by directory.

        Raises:
            CsvError: there is no such launch.
        """
        return {directory: self._cut(logs[directory], opened[directory]) for directory in opened}

    def _cut(self, name: str, parts: list[Part]) -> list[Part]:
        if self.launch is not None:
            parts = of_launch(parts, self.launch)
            if not parts:
                raise CsvError(
                    f"{name}: its log has no such launch ({self.launch}); "
                    f"`csv logs {name} --grep ' csv launch '` shows those it has"
                )
        if self.since_ns is None and self.until_ns is None:
            return parts
        return between(parts, self.since_ns, self.until_ns)


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose records."""
    parser.add_argument(
        "--since", metavar="WHEN", help='from this moment on: "10m" ago, or a time of RFC 3339'
    )
    parser.add_argument("--until", metavar="WHEN", help="up to this moment")
    parser.add_argument("--grep", metavar="RE", help="lines in which the expression is found")
    parser.add_argument("--stderr", action="store_true", help="only standard error")
    parser.add_argument(
        "--launch", metavar="N", help="of launch N; 0 the last one, -1 the one before it"
    )


def choose(options: argparse.Namespace, now_ns: int) -> Choice:
    """Read the options; ``now_ns`` is the present.

    Raises:
        UsageError: one is wrong, or two do not go together.
    """
    if options.follow and (options.until is not None or options.launch is not None):
        raise UsageError("-f shows what comes: take it out, or --until and --launch")
    since_ns = _moment("--since", options.since, now_ns)
    return Choice(
        last=_count(options.lines, _FOLLOW_FROM if options.follow and since_ns is None else None),
        since_ns=since_ns,
        until_ns=_moment("--until", options.until, now_ns),
        launch=_launch(options.launch),
        keep=_keep(options.grep, stderr=options.stderr),
    )


def _count(lines: str | None, default: int | None) -> int | None:
    if lines is None:
        return default
    if not lines.isdecimal():
        raise UsageError(f"-n {lines}: expected a number of lines, 0 or more")
    return int(lines)


def _moment(option: str, text: str | None, now_ns: int) -> int | None:
    try:
        return None if text is None else moment_ns(text, now_ns)
    except Wrong as error:
        raise UsageError(f"{option}: {error.reason}") from None


def _launch(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.removeprefix("-").isdecimal():
        raise UsageError(f"--launch {text}: expected a number; 0 is the last launch, -1 the former")
    return int(text)


def _keep(pattern: str | None, *, stderr: bool) -> Callable[[Entry], bool] | None:
    if pattern is None and not stderr:
        return None
    try:
        # As bytes: what a service writes need not be UTF-8.
        found = re.compile((pattern or "").encode("utf-8", "surrogateescape")).search
    except re.error as error:
        raise UsageError(f"--grep {pattern}: {error}; a backslash takes a sign literally") from None

    def keep(entry: Entry) -> bool:
        if not found(entry.line):
            return False
        if not stderr:
            return True
        record = parse_record(entry.line)
        return record is not None and record.origin == "err"

    return keep
