"""From a definition to the command that makes its container run, and back to nothing.

Blocking and thread-safe; knows no trio. Starting and waiting for processes is the caller's: the
launcher says what to run, and what to make of it.

Everything a launch makes is named after it and recorded by its bundle directory, which is made
first and removed last. So whoever dies between any two steps leaves what ``sweep`` finds.
"""

import errno
import os
from collections.abc import Collection, Mapping

from attrs import evolve

from supervise.container import bundle as bundles
from supervise.container import cgroups, foreground, names, overlay, runtime, sweep
from supervise.container.host import Host
from supervise.container.names import Launch
from supervise.container.sealed import Sealed
from supervise.container.seccomp import Filters
from supervise.container.sharing import Sharing
from supervise.container.skeleton import remove_stale, skeleton
from supervise.core.definition import ContainerDefinition
from supervise.core.oci import SYSLOG_TARGET
from supervise.errors import LaunchError, SystemCallFailed
from supervise.kernel.filelock import lock_directory
from supervise.kernel.files import make_directory, remove_directory
from supervise.kernel.mount import detach
from supervise.kernel.spawn import Command
from supervise.kernel.tree import remove_tree
from supervise.paths import Paths

__all__ = ["Launch", "Launcher"]

# To clear a launch away, its name and number are enough.
_ANY = ContainerDefinition(rootfs="host")


class Launcher:
    """Prepares launches and clears them away, below one run and one lib directory.

    Args:
        paths: the directories.
        host: what the machine can do.
        environment: our own, of which a run file may pass variables on.
    """

    def __init__(
        self, paths: Paths, host: Host, environment: Mapping[str, str] | None = None
    ) -> None:
        self._paths = paths
        self._host = host
        self._environment = dict(os.environ if environment is None else environment)
        self._sealed = Sealed(host.runtime_path)
        self._parent = names.cgroup_parent(paths, host.own_cgroup)
        self._filters = Filters(
            profile=host.seccomp_profile,
            machine=host.machine,
            directory=f"{paths.run_dir}/.seccomp",
        )
        self._sharing = Sharing(f"{paths.run_dir}/.launchers")

    def prepare(self, launch: Launch, *, detached: bool = True, terminal: bool = False) -> Command:
        """Make everything ready; the returned command, run once, brings the container to life.

        Args:
            launch: which one; its number has never been used.
            detached: the command leaves when the container runs; else it waits for its end.
            terminal: the container gets a terminal of its own; only when not detached.

        Returns:
            The command. Its output, when detached, becomes the container's: set ``stdout`` and
            ``stderr``.

        Raises:
            HostError: this machine cannot do what the run file asks for.
            LaunchError: something that it names is missing.
            SystemCallFailed: a directory of csv's own cannot be made. Nothing is left in any case.
        """
        self._sharing.join()
        cgroups.make_ready(self._host, self._parent, launch.definition.limits)
        bundles.check_sources(launch.definition)
        bundle = self._bundle(launch)
        self._claim(launch, bundle)
        try:
            self._mount(launch, bundle)
            bundles.write_bundle(
                launch,
                bundle=bundle,
                cgroups_path=f"{self._parent}/{launch.id}",
                host=self._host,
                filters=self._filters,
                ours=self._environment,
                terminal=terminal,
            )
            make_directory(self._paths.runtime_root, 0o700)
        except OSError as error:
            self.clean(launch)
            raise LaunchError(f"the bundle {bundle} cannot be written: {error}") from error
        except BaseException:
            self.clean(launch)
            raise
        command = runtime.run_command(
            self._host,
            root=self._paths.runtime_root,
            bundle=bundle,
            container_id=launch.id,
            detach=detached,
        )
        return evolve(command, executable=self._sealed.executable())

    def collect(self, launch: Launch) -> int:
        """The pid of the container's init, after the command of ``prepare`` ended with 0.

        Raises:
            LaunchError: the runtime left none.
        """
        pid = runtime.read_pid(self._bundle(launch))
        if pid is None:
            raise self.failure(launch, 0)
        return pid

    def failure(self, launch: Launch, returncode: int) -> LaunchError:
        """Why the command of ``prepare`` failed, in words."""
        bundle = self._bundle(launch)
        argv = (*(launch.definition.entrypoint or ()), *launch.definition.command, "")
        error = LaunchError(runtime.reason(self._host, bundle, returncode, argv[0]))
        error.exec_status = runtime.exec_status(bundle)
        return error

    def came_to_life(self, launch: Launch) -> bool:
        """Whether the runtime got as far as starting the container, which may be dead by now."""
        return runtime.read_pid(self._bundle(launch)) is not None

    def running(self, launch: Launch) -> int | None:
        """The pid of the container's init if this launch lives: checked by its own cgroup.

        None also while the runtime is still at work: such a launch is to be undone by ``clean``.
        """
        bundle = self._bundle(launch)
        pid, path = runtime.read_pid(bundle), bundles.read_cgroups_path(bundle)
        if pid is None or path is None or not cgroups.holds(path, pid):
            return None
        return pid

    def kill(self, launch: Launch) -> None:
        """Send SIGKILL to all there is of this launch; idempotent, does not wait for the deaths."""
        bundle = self._bundle(launch)
        if runtime.read_pid(bundle) is None:
            # The runtime may be about to make the container: without this it would come to
            # life behind our back.
            runtime.stop_in_flight(bundle)
        cgroups.kill(self._host, self._cgroup(launch))

    def oom_killed(self, launch: Launch) -> bool:
        """Whether the kernel killed one of its processes for want of memory; before ``clean``."""
        return cgroups.oom_killed(self._host, self._cgroup(launch))

    def clean(self, launch: Launch) -> None:
        """Remove all there is of a launch, whatever state it is in; idempotent.

        What still lives in it is killed. A kept writable layer stays.

        Raises:
            SystemCallFailed: something cannot be removed; what is left is found by ``sweep``.
        """
        bundle = self._bundle(launch)
        if not os.path.isdir(bundle):
            return
        self.kill(launch)
        if not cgroups.remove(self._host, self._cgroup(launch)):
            raise SystemCallFailed("rmdir", f"the cgroup of {launch.id}", errno.EBUSY)
        detach(f"{bundle}/rootfs")
        remove_tree(f"{self._paths.runtime_root}/{launch.id}")
        remove_tree(names.layer(self._paths, launch.name, launch.number))
        remove_tree(bundle)

    def sweep(self, keep: Collection[str] = ()) -> list[str]:
        """Remove what a supervisor of this run directory left, of this boot or a former one.

        Args:
            keep: ids of launches that go on. Those of a living csv-run are kept, too.

        Returns:
            The ids that were removed.

        Raises:
            SystemCallFailed: something cannot be removed.
        """
        self._sharing.join()
        found = sweep.find(self._paths, self._host, self._parent)
        # After the search: a csv-run that has begun since is not among what was found.
        kept = {*keep, *foreground.live(self._paths)}
        for launch in found.launches:
            if names.container_id(*launch) not in kept:
                self.clean(Launch(name=launch[0], number=launch[1], folder="", definition=_ANY))
        for path in found.layers(kept):
            remove_tree(path)
        for container_id in found.ids - kept:
            cgroups.kill(self._host, f"{self._parent}/{container_id}")
            cgroups.remove(self._host, f"{self._parent}/{container_id}")
            remove_tree(f"{self._paths.runtime_root}/{container_id}")
        foreground.sweep(self._paths)
        if not sweep.bundles(self._paths):
            remove_stale(self._paths.skeleton)
        return sorted(found.all_ids - kept)

    def sweep_by_hand(self) -> None:
        """Remove what a csv-run left that was killed."""
        for name in foreground.dead(self._paths):
            for number in sweep.numbers(self._paths, name):
                self.clean(Launch(name=name, number=number, folder="", definition=_ANY))
        foreground.sweep(self._paths)

    def close(self) -> None:
        """Remove what all launches share, if nobody uses it any more; idempotent.

        To be called when a supervisor or a csv-run ends for good. Another one of the same run
        directory, or a launch that goes on, keeps it.
        """
        with self._sharing.alone() as alone:
            if not alone or sweep.bundles(self._paths):
                return
            for shared in (self._paths.skeleton, self._paths.runtime_root, self._filters.directory):
                remove_tree(shared)
            cgroups.remove(self._host, self._parent)
            remove_directory(self._paths.layers)

    def _bundle(self, launch: Launch) -> str:
        return names.bundle(self._paths, launch.name, launch.number)

    def _cgroup(self, launch: Launch) -> str:
        """As it was recorded, if not ours: a supervisor before us may have lived elsewhere."""
        ours = f"{self._parent}/{launch.id}"
        if any(os.path.isdir(directory) for directory in self._host.directories(ours)):
            return ours
        return bundles.read_cgroups_path(self._bundle(launch)) or ours

    def _claim(self, launch: Launch, bundle: str) -> None:
        make_directory(os.path.dirname(bundle), 0o700)
        try:
            os.mkdir(bundle, 0o700)
        except FileExistsError:
            if self.running(launch) is not None:
                raise LaunchError(f"launch {launch.id} is running already") from None
            self.clean(launch)
            os.mkdir(bundle, 0o700)

    def _mount(self, launch: Launch, bundle: str) -> None:
        definition = launch.definition
        lower = definition.rootfs
        if lower == "host":
            lower = skeleton(self._paths.skeleton)
        if definition.read_only:
            # The runtime needs a place for mount points that the lower directory lacks; it
            # makes the root read-only after that, so this one stays as good as empty.
            layer = f"{bundle}/layer"
        elif definition.writable_keep:
            layer = self._kept_layer(launch)
        else:
            layer = names.layer(self._paths, launch.name, launch.number)
        make_directory(self._paths.layers, 0o700)
        overlay.make_layer(layer, lower)
        if launch.syslog is not None:
            overlay.make_dev(layer, "log", f"{SYSLOG_TARGET}/log")
        os.mkdir(f"{bundle}/rootfs", 0o755)
        overlay.mount_root(lower, layer, f"{bundle}/rootfs", keep=definition.writable_keep)

    def _kept_layer(self, launch: Launch) -> str:
        """The kept layer, which at most one launch may have mounted.

        Raises:
            LaunchError: another launch has it.
        """
        service = launch.service or launch.name
        layer = names.kept_layer(self._paths, service)
        make_directory(layer, 0o700)
        for number in sweep.numbers(self._paths, service):
            if launch.service is not None:
                raise LaunchError(
                    f'writable = "keep": the layer is in use by the supervised {service}; '
                    f"svc -d {service} first"
                )
            if number != launch.number:
                # The former launch is dead, but may not have been cleared away yet.
                detach(f"{names.bundle(self._paths, service, number)}/rootfs")
        lock = lock_directory(layer)
        if lock is None:
            raise LaunchError('writable = "keep": the layer is in use by a csv-run of the service')
        if launch.service is None:
            os.close(lock)
        # Else it stays locked until this process, csv-run, ends.
        return layer
