"""Reading service folders in worker threads: a dead file server must not stop the others.

One folder is read by one thread at a time, so what is applied last is what was read last. A
folder that is to be read while it is being read is read once more after that.
"""

from collections.abc import Callable, Iterable

import trio

from supervise.container.folder import read_folder
from supervise.core.definition import MachineSettings, ServiceDefinition
from supervise.daemon import folderlink
from supervise.daemon.folders import Folders
from supervise.daemon.logdir import log_of, main_of
from supervise.errors import CsvError
from supervise.paths import Paths

BATCH = 64
"""How many are read by one thread: a hop to a thread costs more than reading a folder."""

Found = ServiceDefinition | CsvError | None
"""What a folder says; what is wrong with it; or that it is gone."""


class Readings:
    """Reads folders and hands over what was found.

    Args:
        paths: where the folders are.
        machine: the machine's settings.
        folders: knows which folders exist.
        nursery: where readings go on.
        apply: gets the name and what was found, on trio's thread.
    """

    def __init__(
        self,
        paths: Paths,
        machine: MachineSettings,
        folders: Folders,
        nursery: trio.Nursery,
        apply: Callable[[str, Found], None],
    ) -> None:
        self._paths = paths
        self._machine = machine
        self._folders = folders
        self._nursery = nursery
        self._apply = apply
        self._under_way: set[str] = set()
        self._again: set[str] = set()
        self._ended = False

    def end(self) -> None:
        """Apply nothing any more."""
        self._ended = True

    def begin(self, names: Iterable[str]) -> None:
        """Read these folders, soon."""
        if not self._ended:
            self._nursery.start_soon(self._read_batch, list(names))

    async def read_all(self, names: list[str]) -> None:
        """Read these folders, in parallel; returns when all are applied."""
        async with trio.open_nursery() as nursery:
            for start in range(0, len(names), BATCH):
                nursery.start_soon(self._read_batch, names[start : start + BATCH])

    async def _read_batch(self, names: list[str]) -> None:
        self._again.update(set(names) & self._under_way)
        mine = [name for name in names if name not in self._under_way]
        self._under_way.update(mine)
        found = await trio.to_thread.run_sync(self._read_folders, mine)
        self._under_way.difference_update(mine)
        for name, result in found.items():
            if not self._ended:
                self._apply(name, result)
            await trio.lowlevel.checkpoint()
        again = self._again & set(mine)
        self._again -= again
        if again:
            self.begin(again)

    def _read_folders(self, names: list[str]) -> dict[str, Found]:
        # Log programs first: what a service prints at once has somewhere to go.
        logs = [log_of(name) for name in names if main_of(name) is None]
        return {
            name: self._read_folder(name) for name in [*filter(self._folders.exists, logs), *names]
        }

    def _read_folder(self, name: str) -> Found:
        folder = f"{self._paths.scan_dir}/{name}"
        try:
            if not self._folders.exists(name):
                return None
            definition = read_folder(folder, name, self._machine)
            folderlink.require_free(folder, self._paths.run_dir)
        except CsvError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a hostile folder harms only itself
            return CsvError(f"{folder}: cannot be read: {error!r}")
        return definition
