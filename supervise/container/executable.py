"""Why the kernel refuses to execute a file: in words, with the cure.

Its own are one errno for many mistakes. ``csv check`` asks before a start, the supervisor after
one that failed.

Source: execve(2).
"""

import errno
import os
import shutil
import stat

_ELF = b"\x7fELF"
_BOM = b"\xef\xbb\xbf"
_LINE_BYTES = 256


def why(path: str, strerror: str) -> str:
    """One sentence on an execve() that failed; the kernel's own word where nothing is known.

    Args:
        path: the file, absolute.
        strerror: what the kernel said.
    """
    try:
        reasons = check(path)
    except OSError:
        reasons = []
    return f"{path}: " + ("; ".join(reasons) or f"cannot be executed: {strerror}")


def check(path: str) -> list[str]:
    """Why the kernel cannot execute this file, and how to mend it; empty when it can.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    start = _read_start(path)
    if start.startswith(_ELF):
        return []
    if start.startswith(_BOM + b"#!"):
        return ["begins with a byte order mark, which hides its #! line; save it without one"]
    if not start.startswith(b"#!"):
        return ["has neither a #! line nor is it a program; begin it with #!/bin/sh"]
    return check_line_end(path) or _check_interpreter(start[2:].split(b"\n")[0].split())


def _check_interpreter(words: list[bytes]) -> list[str]:
    if not words:
        return ["its #! line names no interpreter; write #!/bin/sh"]
    interpreter, *arguments = map(os.fsdecode, words)
    if not os.access(interpreter, os.X_OK):
        return [f"its interpreter {interpreter} does not exist"]
    wanted = arguments[0] if arguments and os.path.basename(interpreter) == "env" else ""
    is_name = wanted and not wanted.startswith("-") and "=" not in wanted
    if is_name and shutil.which(wanted) is None:
        return [f"its interpreter {wanted} is not in the PATH"]
    return []


def check_line_end(path: str) -> list[str]:
    """Whether the first line ends as Windows ends lines."""
    if not _read_start(path).split(b"\n")[0].endswith(b"\r"):
        return []
    return [
        "its first line ends in CR, which the kernel takes for a part of the interpreter's "
        "name; save it with Unix line ends"
    ]


def _read_start(path: str) -> bytes:
    # The file may have become a FIFO by now, and the supervisor must not wait for its writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.read(fd, _LINE_BYTES)
    finally:
        os.close(fd)
