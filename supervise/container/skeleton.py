"""The root directory of ``rootfs = "host"``: this machine's programs, and none of its secrets.

An allow-list: links of a merged ``/usr``, empty directories, copies of the few files in ``/etc``
that every program wants. ``/usr`` and the like come as read-only binds (``binds``). What is
not named here is not there, so a secret that an admin puts anywhere else stays outside.

A skeleton never changes once it is built, as running containers have it as a lower layer: when
the machine's own files changed, the next launch gets a new one beside it.
"""

import hashlib
import os
import shutil
import stat
import tempfile

from supervise.core.oci import Bind
from supervise.errors import HostError, SystemCallFailed
from supervise.kernel.files import make_directory
from supervise.kernel.tree import remove_tree

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DIRECTORIES = {
    "boot": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "etc/alternatives": 0o755,
    "etc/ssl": 0o755,
    "etc/ssl/certs": 0o755,
    "home": 0o755,
    "media": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "run/lock": 0o1777,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/mail": 0o755,
    "var/spool": 0o755,
    "var/tmp": 0o1777,
}
_LINKS = {"var/run": "/run", "var/lock": "/run/lock"}
_COPIES = (
    "bash.bashrc",
    "bindresvport.blacklist",
    "debian_version",
    "ethertypes",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "login.defs",
    "magic",
    "mailcap",
    "mime.types",
    "networks",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "perl",
    "profile",
    "profile.d",
    "protocols",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "rpc",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
_UNFINISHED = ".new-"
_BINDS = ("usr", "etc/alternatives", "etc/ssl/certs")


def skeleton(directory: str, host: str = "/") -> str:
    """The skeleton for this machine as it is now; built if there is none yet.

    Args:
        directory: where skeletons lie; made if needed.
        host: the root whose programs it shows.

    Returns:
        Its path. Two processes that ask at once get the same one, whole.

    Raises:
        HostError: it cannot be built.
    """
    path = f"{directory}/{_signature(host)}"
    if os.path.isdir(path):
        return path
    try:
        make_directory(directory, 0o700)
        beside = tempfile.mkdtemp(prefix=_UNFINISHED, dir=directory)
        try:
            _build(beside, host)
            os.rename(beside, path)
        except OSError:
            remove_tree(beside)
            # Another process was quicker; what is there is whole.
            if not os.path.isdir(path):
                raise
    except (OSError, SystemCallFailed) as error:
        raise HostError(f'rootfs = "host" cannot be built in {directory}: {error}') from error
    return path


def remove_stale(directory: str, host: str = "/") -> None:
    """Remove the skeletons of a machine that has changed since; only when no container runs."""
    current = _signature(host)
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        if name != current and not name.startswith(_UNFINISHED):
            remove_tree(f"{directory}/{name}")


def binds(host: str = "/") -> tuple[Bind, ...]:
    """The directories of this machine that are bound into a skeleton, read-only.

    On a machine without a merged ``/usr`` its ``/bin``, ``/lib`` and so on are among them.
    """
    names = [name for name in _MERGED if stat.S_ISDIR(_mode(os.path.join(host, name)))]
    return tuple(
        Bind(source=os.path.join(host, name), target=f"/{name}")
        for name in (*_BINDS, *names)
        if os.path.isdir(os.path.join(host, name))
    )


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _signature(host: str) -> str:
    """A name that changes whenever a file changes that a skeleton is made from."""
    parts = []
    for name in (*_MERGED, *(f"etc/{name}" for name in _COPIES)):
        try:
            status = os.stat(os.path.join(host, name))
        except OSError:
            continue
        parts.append(f"{name} {status.st_mtime_ns} {status.st_size} {status.st_ino}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _build(at: str, host: str) -> None:
    os.chmod(at, 0o755)
    for name, mode in _DIRECTORIES.items():
        os.mkdir(f"{at}/{name}")
        os.chmod(f"{at}/{name}", mode)
    for name, target in _LINKS.items():
        os.symlink(target, f"{at}/{name}")
    for name in _MERGED:
        _mirror(os.path.join(host, name), f"{at}/{name}")
    for name in _COPIES:
        _copy(os.path.join(host, "etc", name), f"{at}/etc/{name}")
    _hide_passwords(f"{at}/etc/passwd")


def _mirror(source: str, target: str) -> None:
    mode = _mode(source)
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISDIR(mode):
        os.mkdir(target)


def _copy(source: str, target: str) -> None:
    """Copy a file, a directory or a link; what others may not read is left out."""
    mode = _mode(source)
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
    elif not mode & 0o004:
        return
    elif stat.S_ISREG(mode):
        shutil.copy2(source, target, follow_symlinks=False)
    elif stat.S_ISDIR(mode):
        os.mkdir(target)
        shutil.copymode(source, target)
        for name in os.listdir(source):
            _copy(f"{source}/{name}", f"{target}/{name}")


def _hide_passwords(passwd: str) -> None:
    """On an old machine a password's hash may stand in passwd itself."""
    if not os.path.exists(passwd):
        return
    with open(passwd, "rb") as file:
        lines = [line.split(b":") for line in file.read().splitlines()]
    text = b"\n".join(b":".join([line[0], b"x", *line[2:]]) for line in lines if len(line) > 2)
    with open(passwd, "wb") as file:
        file.write(text + b"\n")
