"""Tables for people: aligned columns, colours on a terminal only."""

import os
import sys
from collections.abc import Mapping, Sequence

COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2"}


def render(
    header: Sequence[str], rows: Sequence[Sequence[str]], colours: Mapping[tuple[int, int], str]
) -> str:
    """The table as text; the last column is as long as it is.

    Args:
        colours: ``(row, column)`` to a key of COLOURS; used when in_colour().
    """
    # A folder's name may be anything, and a terminal obeys what it is shown.
    rows = [[printable(text) for text in row] for row in rows]
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns[:-1]] + [0]
    paint = colours if in_colour() else {}

    def cell(row: int, column: int, text: str) -> str:
        padded = text.ljust(widths[column])
        if colour := paint.get((row, column)):
            return padded.replace(text, f"\x1b[{COLOURS[colour]}m{text}\x1b[0m", 1)
        return padded

    return "\n".join(
        "  ".join(cell(number - 1, column, text) for column, text in enumerate(row)).rstrip()
        for number, row in enumerate((header, *rows))
    )


def printable(text: str) -> str:
    """The text with every character that a terminal would obey, or cannot show, as an escape."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def in_colour() -> bool:
    """Whether standard output is a terminal whose user did not refuse colours (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
