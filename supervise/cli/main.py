"""``csv``: finds the subcommand's module, and imports that one only.

A subcommand is a line of COMMANDS; its module has ``main(argv) -> int`` and knows nothing of this
one. Errors that it raises become a message and an exit code here.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from supervise import __version__
from supervise.cli.exit import program
from supervise.errors import UsageError

COMMANDS = {
    "scan": ("supervise.cli.scan", "supervise every service folder of a directory"),
    "status": ("supervise.cli.status", "show every service: phase, launches, last exit, next try"),
    "logs": ("supervise.cli.logs", "show the log of a service, or follow it"),
    "check": ("supervise.cli.check", "say what is wrong with service folders, or this machine"),
    "run": ("supervise.cli.run", "run one container in the foreground"),
    "svc": ("supervise.cli.svc", "send commands: up, down, once, a signal, …"),
    "svstat": ("supervise.cli.svstat", "show services in daemontools' words"),
    "svok": ("supervise.cli.svok", "exit 0 if a service is supervised"),
    "syslogd": ("supervise.cli.syslogd", "take the log lines of all services in"),
    "forward": ("supervise.cli.forward", "send logs on to where [log] forward says"),
}

_HELP = """\
usage: csv COMMAND [ARGUMENT...]

Supervise containers as daemontools supervises processes: each folder in
/etc/csv whose `run` says what to run is kept running.

{commands}

examples:
  csv scan /etc/csv             start the supervisor, in the foreground
  csv status                    what runs, since when, what failed and why
  csv logs -f web               follow what web prints
  csv check /etc/csv/web        is this folder right?
  svc -d web; svc -u web        stop it, start it

`csv COMMAND --help` says more of each; so does `man csv`."""


@program("csv")
def main(argv: Sequence[str]) -> int:
    """Run the subcommand that ``argv`` names; returns its exit code."""
    name = argv[0] if argv else ""
    if name in COMMANDS:
        return program(f"csv {name}")(import_module(COMMANDS[name][0]).main)(argv[1:])
    if name == "--version":
        print(f"csv {__version__}")
    elif name in ("--help", "-h", "help"):
        print(_help())
    elif name:
        raise UsageError(_no_such_command(name))
    else:
        print(_help(), file=sys.stderr)
        return UsageError.exit_code
    return 0


def _help() -> str:
    lines = (f"  {name:10}{text}" for name, (_, text) in COMMANDS.items())
    return _HELP.format(commands="commands:\n" + "\n".join(lines))


def _no_such_command(name: str) -> str:
    from difflib import get_close_matches  # only those who mistype pay for it

    near = get_close_matches(name, COMMANDS, n=1)
    kind = "option" if name.startswith("-") else "command"
    hint = f"; did you mean `csv {near[0]}`?" if near else "; `csv --help` lists the commands"
    return f"there is no {kind} {name!r}{hint}"


if __name__ == "__main__":
    sys.exit(main())
