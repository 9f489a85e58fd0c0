"""A service folder, read from disk: the one place that turns its files into a definition.

The supervisor, ``csv check`` and ``csv-run`` all read through here, so they agree on what is
right. A folder is somebody else's: what is in it may be a FIFO, a device, huge, or half written,
and harms only itself. Reading a plain folder costs half a dozen system calls, as ten thousand
may arrive at once.
"""

import os
import stat

from attrs import evolve

from supervise.core import runfile
from supervise.core.definition import MachineSettings, ServiceDefinition
from supervise.errors import DefinitionError

MAX_RUN_FILE_BYTES = 1024 * 1024
_FIRST_LINE_BYTES = 256


def read_folder(
    folder: str, name: str, machine: MachineSettings | None = None
) -> ServiceDefinition:
    """Read a service folder whole; never blocks on what is in it.

    Args:
        folder: its path, absolute.
        name: the service's name.
        machine: the machine's defaults of ``[restart]`` and ``[log]``.

    Returns:
        The definition, complete. Its fingerprint covers ``run finish csv.toml`` and every
        env file that is named.

    Raises:
        DefinitionError: names the file, the line where there is one, and how to mend it.
    """
    run = folder + "/run"
    text, seen = _read_run(run, folder)
    finish = _stat(folder + "/finish")
    down = _stat(folder + "/down")
    settings = _stat(folder + "/csv.toml")
    if finish is not None:
        _check_executable(folder + "/finish", finish)
    if text is None:
        service = _plain(folder, name, machine, settings is not None)
    else:
        if settings is not None:
            raise DefinitionError(
                "means nothing beside a container run file: move its keys into run, and remove it",
                file=folder + "/csv.toml",
            )
        service = runfile.parse(text, file=run, folder=folder, name=name, machine=machine)
    # Not of `down`: it says what the next supervisor begins with, nothing of what runs.
    stamps = [_stamp(each) for each in (seen, finish, settings)]
    if service.container is not None:
        stamps += [_stamp_of_env(path) for path in service.container.env_files]
    return evolve(
        service,
        normally_down=down is not None,
        finish=finish is not None,
        fingerprint=" ".join(stamps),
    )


def read_run_file(file: str, *, folder: str, name: str) -> ServiceDefinition:
    """Read one container run file, wherever it lies; it need not be executable.

    Raises:
        DefinitionError: with every mistake in it.
    """
    return runfile.parse(_read_text(file), file=file, folder=folder, name=name)


def read_machine(scan_dir_settings: str) -> MachineSettings:
    """Read the machine's ``csv.toml``; the defaults when there is none.

    Raises:
        DefinitionError: it is there, but wrong.
    """
    if _stat(scan_dir_settings) is None:
        return MachineSettings()
    text = _read_text(scan_dir_settings)
    return runfile.parse_machine(text, file=scan_dir_settings)


def _plain(
    folder: str, name: str, machine: MachineSettings | None, has_settings: bool
) -> ServiceDefinition:
    if has_settings:
        file = folder + "/csv.toml"
        return runfile.parse_settings(_read_text(file), file=file, name=name, machine=machine)
    if machine is None:
        return ServiceDefinition(name=name)
    return ServiceDefinition(name=name, restart=machine.restart, log=machine.log)


def _read_run(run: str, folder: str) -> tuple[str | None, os.stat_result]:
    """The text if it is a container run file, else None; and what the file was when read."""
    try:
        status = os.stat(run)
    except OSError as error:
        raise _unreadable_run(run, folder, error) from None
    # Before it is opened: opening a device can do things (a watchdog starts to count).
    _check_executable(run, status)
    try:
        fd = os.open(run, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", file=run) from None
    try:
        start = os.read(fd, _FIRST_LINE_BYTES)
        if not runfile.is_container_run(start):
            return None, status
        # Its stamp is taken before the text: a file changed in between looks changed later.
        status = os.fstat(fd)
        return _decode(start + _read_rest(fd, run, len(start)), run), status
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", file=run) from None
    finally:
        os.close(fd)


def _unreadable_run(run: str, folder: str, error: OSError) -> DefinitionError:
    if os.path.islink(folder) and not os.path.exists(folder):
        return DefinitionError(
            f"is a link to {os.readlink(folder)}, which cannot be reached: {error.strerror}",
            file=folder,
        )
    if os.path.islink(run):
        return DefinitionError(
            f"is a link to {os.readlink(run)}, which cannot be reached: {error.strerror}", file=run
        )
    if not isinstance(error, FileNotFoundError):
        return DefinitionError(f"cannot be read: {error.strerror}", file=run)
    if not os.path.isdir(folder):
        return DefinitionError("is no folder; a service is a folder with a file run", file=folder)
    return DefinitionError("is missing; a service folder holds an executable run", file=run)


def _check_executable(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise DefinitionError(f"is {kind}; it must be an executable file", file=path)
    if not status.st_mode & 0o111:
        raise DefinitionError(f"is not executable; chmod +x {path}", file=path)


def _read_rest(fd: int, path: str, had: int) -> bytes:
    pieces = []
    left = MAX_RUN_FILE_BYTES + 1 - had
    while left > 0 and (piece := os.read(fd, left)):
        pieces.append(piece)
        left -= len(piece)
    if left <= 0:
        raise DefinitionError(
            f"is larger than {MAX_RUN_FILE_BYTES} bytes, which no settings are", file=path
        )
    return b"".join(pieces)


def _read_text(path: str) -> str:
    """A settings file's text."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise DefinitionError("is not a regular file", file=path)
            return _decode(_read_rest(fd, path, 0), path)
        finally:
            os.close(fd)
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", file=path) from None


def _decode(data: bytes, path: str) -> str:
    try:
        # TOML's line end is LF or CRLF; a lone CR is a mistake it reports itself.
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DefinitionError(
            f"is not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8", file=path, line=line
        ) from None


def _stat(path: str) -> os.stat_result | None:
    """What ``path`` is; None when it does not exist. A link that leads nowhere is an error."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise DefinitionError(
                f"is a link to {os.readlink(path)}, which does not exist", file=path
            ) from None
        return None
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", file=path) from None


def _stamp(status: os.stat_result | None) -> str:
    if status is None:
        return "-"
    return f"{status.st_mtime_ns:x}.{status.st_size:x}.{status.st_ino:x}.{status.st_mode:o}"


def _stamp_of_env(path: str) -> str:
    """Of an env file, or of all files of a directory in envdir form; ``-`` when not there yet."""
    try:
        status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return _stamp(status)
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries)
        return ",".join([_stamp(status), *(_stamp(os.stat(f"{path}/{name}")) for name in names)])
    except OSError:
        return "-"
