"""The command line, the same for every program: errors as UsageError, ``--help`` with examples."""

import argparse
from typing import NoReturn

from supervise.errors import UsageError
from supervise.paths import DEFAULTS, Paths


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError instead of leaving with exit code 2.

    Args:
        prog: what the program is called.
        description: what it does, one paragraph.
        examples: lines to type, shown at the end of ``--help``.
        short_help: whether ``-h`` is help, too; to ``svc`` it is the signal HUP.
    """

    def __init__(
        self, prog: str, description: str, examples: str, *, short_help: bool = True
    ) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog="examples:\n" + "".join(f"  {line}\n" for line in examples.splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument(
            *["-h"] * short_help, "--help", action="help", help="show this text and exit"
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` shows how it is used")


def add_directories(parser: argparse.ArgumentParser, *kinds: str) -> None:
    """Add ``--scan-dir``, ``--run-dir``, ``--lib-dir`` or ``--log-dir``: the kinds named."""
    for kind in kinds:
        variable = f"CSV_{kind.upper()}_DIR"
        parser.add_argument(
            f"--{kind}-dir",
            metavar="DIR",
            help=f"the {kind} directory (else ${variable}, else {DEFAULTS[variable]})",
        )


def paths(options: argparse.Namespace) -> Paths:
    """The places that the options name; those not named come from environment and defaults."""
    return Paths.find(
        *(getattr(options, f"{kind}_dir", None) for kind in ("scan", "run", "lib", "log"))
    )
