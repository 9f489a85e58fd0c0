"""Who ``user = "name:group"`` is, inside a root directory that is not to be trusted.

``/etc/passwd`` and ``/etc/group`` are read as a process in that root would find them, so no link
in it leads to this machine's own.

Source: passwd(5), group(5); the meaning of each form is docker's.
"""

from collections.abc import Iterator

from attrs import frozen

from supervise.errors import LaunchError
from supervise.kernel.openat2 import read_in_root

_MAX_BYTES = 4 * 1024 * 1024


@frozen(kw_only=True)
class Identity:
    """A user as the kernel knows him, and his home."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def resolve_user(root: str, user: str | None) -> Identity:
    """Look a user up in ``root``.

    Args:
        root: the root directory of the container.
        user: as in the run file; None is root.

    Raises:
        LaunchError: there is no such user or group in the container.
    """
    who, _, group = (user or "0").partition(":")
    entry = next(_entries(root, "passwd", 7, who, 2), None)
    if entry is None and not who.isdigit():
        raise LaunchError(
            f'user "{who}" is not in /etc/passwd of the container; add him there, or write a number'
        )
    uid = int(entry[2]) if entry else int(who)
    home = entry[5] if entry and entry[5].startswith("/") else "/"
    if group:
        return Identity(uid=uid, gid=_group(root, group), groups=(), home=home)
    gid = int(entry[3]) if entry else 0
    # Root's groups (disk, adm, ...) would give what his capabilities do not.
    groups = _groups_of(root, entry[0]) if entry and uid != 0 else ()
    return Identity(uid=uid, gid=gid, groups=groups, home=home)


def _group(root: str, group: str) -> int:
    entry = next(_entries(root, "group", 4, group, 2), None)
    if entry is None and not group.isdigit():
        raise LaunchError(
            f'group "{group}" is not in /etc/group of the container; add it, or write a number'
        )
    return int(entry[2]) if entry else int(group)


def _groups_of(root: str, name: str) -> tuple[int, ...]:
    return tuple(
        int(fields[2]) for fields in _lines(root, "group", 4) if name in fields[3].split(",")
    )


def _entries(root: str, file: str, width: int, key: str, number: int) -> Iterator[list[str]]:
    """Lines whose name is ``key``, or whose number is; a name is not looked up as a number."""
    place = number if key.isdigit() else 0
    return (fields for fields in _lines(root, file, width) if fields[place] == key)


def _lines(root: str, file: str, width: int) -> Iterator[list[str]]:
    text = read_in_root(root, f"etc/{file}", _MAX_BYTES) or b""
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) >= width and fields[2].isdigit() and (width < 7 or fields[3].isdigit()):
            yield fields
