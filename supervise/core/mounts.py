"""``volumes`` and ``tmpfs``: Compose's short and long forms to Volume and Tmpfs values.

Pure text: whether a source exists is asked at the launch, when it matters.

Source: Compose Specification, "volumes" and "tmpfs"; tmpfs(5) for its options.
"""

import re
from collections.abc import Callable
from typing import Any

from supervise.core.definition import Tmpfs, Volume
from supervise.core.fields import (
    absolute,
    filled,
    flag,
    host_path,
    one_of,
    relabel,
    texts,
    unknown_options,
)
from supervise.core.units import Wrong, shown, size_bytes

Mount = Volume | Tmpfs

_FLAGS = ("ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "noatime", "sync")
_VALUES = ("size", "mode", "uid", "gid", "nr_inodes")
_PROPAGATION = ("shared", "slave", "private", "rshared", "rslave", "rprivate", "rbind")
_MODE = re.compile(r"[0-7]{3,4}")


def volumes(folder: str) -> Callable[[object], tuple[Mount, ...]]:
    """Make a converter for ``volumes``; relative sources start at ``folder``."""

    def convert(value: object) -> tuple[Mount, ...]:
        if not isinstance(value, list):
            raise Wrong(f'must be a list such as ["./html:/srv/html:ro"], not {shown(value)}')
        mounts: list[Mount] = []
        for index, item in enumerate(value):
            try:
                mount = _long(item, folder) if isinstance(item, dict) else _short(item, folder)
                mounts.append(mount)
                _place(mount.target)
            except Wrong as error:
                raise Wrong(error.reason, index, *error.within) from None
        return tuple(mounts)

    return convert


def tmpfs(value: object) -> tuple[Tmpfs, ...]:
    """``tmpfs``: one path or several, each with options after a colon."""
    mounts = []
    for index, item in enumerate(texts(value)):
        target, _, options = item.partition(":")
        try:
            mounts.append(
                Tmpfs(
                    target=_place(absolute(target)),
                    options=tuple(_option(each) for each in options.split(",") if each),
                )
            )
        except Wrong as error:
            raise Wrong(error.reason, *([index] if isinstance(value, list) else [])) from None
    return tuple(mounts)


def duplicate(mounts: tuple[Mount, ...]) -> str | None:
    """The first target that is mounted twice."""
    seen = set()
    for mount in mounts:
        if mount.target in seen:
            return mount.target
        seen.add(mount.target)
    return None


def _place(target: str) -> str:
    if target == "/":
        raise Wrong("/ is the container's root; use rootfs for that, or mount below it")
    if target.split("/")[1] in ("proc", "sys"):
        raise Wrong(f"{target} belongs to the kernel; mount elsewhere")
    return target


def _short(item: object, folder: str) -> Volume:
    parts = filled(item).split(":")
    if len(parts) == 1:
        raise Wrong(
            f'{shown(item)} has no place in the container; write "SOURCE:TARGET", such as '
            f'"{parts[0]}:/srv", or use tmpfs for an empty directory'
        )
    if len(parts) > 3:
        raise Wrong(
            f'{shown(item)} has too many colons; write "SOURCE:TARGET:ro", or a table '
            '{ type = "bind", source = "...", target = "..." } if a path holds one'
        )
    return Volume(
        source=_source(parts[0], folder),
        target=absolute(parts[1]),
        read_only=_read_only(parts[2] if len(parts) == 3 else ""),
    )


def _source(value: object, folder: str) -> str:
    source = filled(value)
    if not source.startswith(("/", "./", "../", "~")) and source not in (".", ".."):
        raise Wrong(
            f"{shown(source)} would be a named volume: known, not built yet; for a directory "
            f'write "./{source}" (in the service folder) or a path that begins with /'
        )
    return host_path(folder)(source)


def _read_only(options: str) -> bool:
    given = [option for option in options.split(",") if option]
    for option in given:
        if reason := relabel(option):
            raise Wrong(reason)
        if option in (*_PROPAGATION, "nocopy", "cached", "delegated", "consistent", "U", "O"):
            raise Wrong(f'the option "{option}" is known, not built yet; use ro or rw')
        one_of(option, ("ro", "rw"))
    if "ro" in given and "rw" in given:
        raise Wrong("ro and rw exclude each other")
    return "ro" in given


def _long(item: dict[str, Any], folder: str) -> Mount:
    if "type" not in item:
        raise Wrong('type is missing; write type = "bind" or "tmpfs"')
    kind = _within("type", filled, item["type"])
    if kind in ("volume", "npipe", "cluster", "image"):
        raise Wrong(f'"{kind}" is known, not built yet; use "bind" or "tmpfs"', "type")
    _within("type", lambda value: one_of(value, ("bind", "tmpfs")), kind)
    if "target" not in item:
        raise Wrong('target is missing; write target = "/path/in/the/container"')
    target = _within("target", absolute, item["target"])
    read_only = _within("read_only", flag, item.get("read_only", False))
    if kind == "tmpfs":
        return _long_tmpfs(item, target, read_only)
    unknown_options(item, ("type", "source", "target", "read_only", "bind"))
    if "source" not in item:
        raise Wrong('source is missing; write source = "/path/on/this/machine"')
    _bind_options(item.get("bind", {}))
    source = _within("source", host_path(folder), item["source"])
    return Volume(source=source, target=target, read_only=read_only)


def _bind_options(bind: object) -> None:
    if not isinstance(bind, dict):
        raise Wrong(f"must be a table, not {shown(bind)}", "bind")
    for key, value in bind.items():
        if key == "create_host_path" and value is False:
            continue
        if key in ("create_host_path", "propagation", "selinux", "recursive"):
            raise Wrong("known, not built yet; take it out", "bind", key)
        raise Wrong("no such key here; take it out", "bind", key)


def _long_tmpfs(item: dict[str, Any], target: str, read_only: bool) -> Tmpfs:
    unknown_options(item, ("type", "target", "read_only", "tmpfs"))
    given = item.get("tmpfs", {})
    if not isinstance(given, dict):
        raise Wrong(f"must be a table, not {shown(given)}", "tmpfs")
    options = ["ro"] if read_only else []
    for key, value in given.items():
        if key == "size":
            options.append(f"size={_within('tmpfs', size_bytes, value)}")
        elif key == "mode":
            # Compose takes a number here, which TOML can write in octal: 0o1777.
            mode = f"{value:o}" if isinstance(value, int) else filled(value)
            options.append(_within("tmpfs", _option, f"mode={mode}"))
        else:
            raise Wrong("no such key here; write size or mode", "tmpfs", key)
    return Tmpfs(target=target, options=tuple(options))


def _within(key: str, convert: Callable[[object], Any], value: object) -> Any:  # noqa: ANN401
    """Convert the value of ``key`` in a table, so that a mistake names it."""
    try:
        return convert(value)
    except Wrong as error:
        raise Wrong(error.reason, key, *error.within) from None


def _option(value: object) -> str:
    """A tmpfs option in the kernel's own form."""
    option = filled(value)
    name, equals, given = option.partition("=")
    if not equals:
        return one_of(name, (*_FLAGS, *(f"{each}=" for each in _VALUES)))
    one_of(name, _VALUES)
    if name == "size" and not given.endswith("%"):
        return f"size={size_bytes(given)}"
    if name == "mode" and not _MODE.fullmatch(given):
        raise Wrong(f'"{option}" is no mode; write it in octal, such as mode=1777')
    if name in ("uid", "gid", "nr_inodes") and not given.isdigit():
        raise Wrong(f'"{option}" must be a number')
    return option
