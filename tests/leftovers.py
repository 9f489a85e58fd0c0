"""What a test left behind: processes that hold something below its directory, and mounts."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.waiting import kill


def processes(top: str) -> dict[int, str]:
    """Every process but this one that names, or has open, something below ``top``: its argv."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid() and _touches(entry, top):
            with suppress(OSError):
                argv = Path("/proc", entry, "cmdline").read_bytes()
                found[int(entry)] = argv.replace(b"\0", b" ").decode(errors="replace")
    return found


def _touches(pid: str, top: str) -> bool:
    links = [f"/proc/{pid}/{name}" for name in ("cwd", "root", "exe")]
    with suppress(OSError):
        links += [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
        if os.fsencode(top + "/") in Path(f"/proc/{pid}/cmdline").read_bytes():
            return True
    for link in links:
        with suppress(OSError):
            if (os.readlink(link) + "/").startswith(top + "/"):
                return True
    return False


def mounts(top: str) -> list[str]:
    """The mount points below ``top``, the last mounted first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return [point for point in reversed(points) if (point + "/").startswith(top + "/")]


def clear(top: str) -> list[str]:
    """Kill and unmount what is left, so that one test's failure is not another's.

    Returns:
        What there was, in words; empty when nothing was left.
    """
    found = []
    for pid, argv in processes(top).items():
        found.append(f"process {pid}: {argv}")
        kill(pid)
    for point in mounts(top):
        found.append(f"mount {point}")
        subprocess.run(["umount", "-l", point], check=False)
    return found
