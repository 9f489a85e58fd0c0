"""Every error csv raises on purpose. Each says what failed, on what, why, and what to do.

CsvError
├── UsageError              the command line is wrong (exit 100)
├── NotSupervised           no supervisor serves this folder (exit 102)
├── SystemCallFailed        the kernel said no: call, path, errno (exit 111)
├── StatusError             a supervise/status is not what daemontools defined (exit 111)
├── DefinitionError         a file of a service folder is wrong: file, line, key (exit 1)
├── HostError               this machine cannot do what was asked: what is missing (exit 1)
└── LaunchError             a launch did not come to life (exit 1)
    └── LaunchCancelled     … because it was told to stop

Only ``supervise.cli`` maps them to exit codes; a user never sees a traceback for a mistake of
his own.
"""

import os


class CsvError(Exception):
    """The root of the tree; its text is one sentence fit for a person to read."""

    exit_code = 1


class UsageError(CsvError):
    """The command line is wrong; the text says how it should read."""

    exit_code = 100


class NotSupervised(CsvError):
    """No supervisor serves this service folder."""

    exit_code = 102


class SystemCallFailed(CsvError):
    """A system call failed for a reason that its caller did not expect.

    Args:
        call: the name of the call, as in its man page.
        what: the path, pid or other object it was made on.
        errno: the kernel's number.
    """

    exit_code = 111

    def __init__(self, call: str, what: str, errno: int) -> None:
        super().__init__(f"{call} {what}: {os.strerror(errno)}")
        self.call = call
        self.what = what
        self.errno = errno

    @classmethod
    def of(cls, call: str, what: str, error: OSError) -> "SystemCallFailed":
        """Dress an OSError that Python raised for ``call``."""
        return cls(call, what, error.errno or 0)


class StatusError(CsvError):
    """A ``supervise/status`` is not the record that daemontools and runit defined."""

    exit_code = 111


class DefinitionError(CsvError):
    """A file of a service folder is wrong.

    Args:
        reason: what was found, what was expected, and the nearest valid spelling.
        file: the path of the file that has to be mended.
        line: the line in it, counted from 1, where one is known.
        others: further mistakes; each is one more line of the text.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: str,
        line: int | None = None,
        others: "tuple[DefinitionError, ...]" = (),
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__("\n".join([f"{place}: {reason}", *map(str, others)]))
        self.others = others
        self.reason = reason
        self.file = file
        self.line = line


class HostError(CsvError):
    """This machine cannot do what was asked; the text names what is missing."""


class LaunchError(CsvError):
    """A launch did not come to life; the text holds the reason the runtime gave.

    Attributes:
        exec_status: 127 when the container's command was not found, 126 when it could not be
            run, as a shell has it; None for any other reason.
    """

    exec_status: int | None = None


class LaunchCancelled(LaunchError):
    """A launch was told to stop before it came to life."""
