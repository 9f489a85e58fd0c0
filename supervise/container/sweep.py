"""What is there of launches: found by looking, as whoever made it may be dead.

Only this run directory's own are found: its bundles, its runtime state, its cgroups, and those
writable layers that bear its mark. Kept layers are data, and never found here.
"""

import os
from collections.abc import Collection

from attrs import frozen

from supervise.container import cgroups, names
from supervise.container.host import Host
from supervise.paths import Paths

_BUNDLE = "bundle."


@frozen(kw_only=True)
class Found:
    """What there is.

    Attributes:
        launches: name and number of each bundle.
        ids: of containers that the runtime knows, or that have a cgroup.
        writable: path of each layer, and the id of its launch.
    """

    launches: frozenset[tuple[str, int]]
    ids: frozenset[str]
    writable: tuple[tuple[str, str], ...]

    @property
    def all_ids(self) -> frozenset[str]:
        """Every launch of which there is anything."""
        bundled = {names.container_id(name, number) for name, number in self.launches}
        return self.ids | bundled | {container_id for _path, container_id in self.writable}

    def layers(self, kept: Collection[str]) -> list[str]:
        """The layers of launches that are not kept."""
        return [path for path, container_id in self.writable if container_id not in kept]


def find(paths: Paths, host: Host, parent: str) -> Found:
    """Look for all there is of launches of this run directory.

    Args:
        paths: the directories.
        host: the machine.
        parent: the cgroup that holds those of all launches.
    """
    known = cgroups.children(host, parent) | set(_entries(paths.runtime_root))
    writable = []
    for entry in _entries(paths.layers):
        launch = names.launch_of_layer(paths, entry)
        if launch is not None:
            writable.append((f"{paths.layers}/{entry}", names.container_id(*launch)))
    return Found(launches=frozenset(bundles(paths)), ids=frozenset(known), writable=tuple(writable))


def bundles(paths: Paths) -> list[tuple[str, int]]:
    """Name and number of every launch that has a bundle."""
    return [(name, number) for name in _entries(paths.run_dir) for number in numbers(paths, name)]


def numbers(paths: Paths, name: str) -> list[int]:
    """The numbers of a service's launches that have a bundle."""
    entries = _entries(f"{paths.run_dir}/{name}")
    found = [entry.removeprefix(_BUNDLE) for entry in entries if entry.startswith(_BUNDLE)]
    return [int(number) for number in found if number.isdigit()]


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
