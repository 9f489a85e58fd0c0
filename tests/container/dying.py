"""Die at every step of a launch, one after the other, and sweep after each death.

A program of its own, since it forks: ``python -m tests.container.dying SCAN RUN LIB LOG``. Every
audited operation of the interpreter (open, mkdir, rename, a process started ...) is a place to
die at. Prints what a sweep left, and how many places there were.
"""

import os
import signal
import subprocess
import sys

from supervise.container import cgroups, names
from supervise.container.host import probe
from supervise.container.launcher import Launch, Launcher
from supervise.core.runfile import parse
from supervise.kernel.mount import mount_points
from supervise.paths import Paths

TEXT = "rootfs = 'host'\ncommand = ['sleep', '1000']\n"


def launch_and_die(launcher: Launcher, launch: Launch, place: int) -> None:
    """In a child: go through a launch and its end; die at the ``place``-th operation."""
    count = 0

    def at_each(event: str, _arguments: object) -> None:
        nonlocal count
        if event.startswith(("open", "os.", "shutil.", "subprocess.")):
            count += 1
            if count == place:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(at_each)
    command = launcher.prepare(launch)
    with open(os.devnull, "r+b") as null:
        subprocess.run(
            command.argv, env=command.env, stdin=null, stdout=null, stderr=null, check=True
        )
    launcher.collect(launch)
    launcher.clean(launch)
    os._exit(0)


def left(paths: Paths, parent: str) -> list[str]:
    """What there is of any launch."""
    host = probe()
    found = [
        f"{directory}/{name}"
        for directory in (f"{paths.run_dir}/web", paths.layers, paths.runtime_root)
        if os.path.isdir(directory)
        for name in os.listdir(directory)
    ]
    found += [point.path for point in mount_points() if point.path.startswith(paths.run_dir)]
    return found + sorted(cgroups.children(host, parent))


def main() -> None:
    """Print one line for each place where something was left, then the number of places."""
    paths = Paths(*sys.argv[1:5])
    host = probe()
    launcher = Launcher(paths, host)
    definition = parse(TEXT, file="run", folder="/", name="web").container
    assert definition is not None
    place, status = 0, -1
    while status != 0:
        place += 1
        launch = Launch(name="web", number=place, folder="/", definition=definition)
        child = os.fork()
        if child == 0:
            launch_and_die(launcher, launch, place)
        _, status = os.waitpid(child, 0)
        launcher.sweep()
        for each in left(paths, names.cgroup_parent(paths, host.own_cgroup)):
            sys.stdout.write(f"died at {place}: {each}\n")
    os.rmdir(f"{paths.run_dir}/web")
    launcher.close()
    parent = names.cgroup_parent(paths, host.own_cgroup)
    if any(os.path.exists(directory) for directory in host.directories(parent)):
        sys.stdout.write(f"closed: {parent}\n")
    sys.stdout.write(f"{place}\n")


if __name__ == "__main__":
    main()
