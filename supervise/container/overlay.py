"""The root file system of a launch: a read-only lower directory and a writable layer above it.

A layer is a directory with ``upper`` and ``work`` in it. A fresh one is never synced to the disk
(``volatile``), as it is thrown away; a kept one is.

Source: Linux, Documentation/filesystems/overlayfs.rst.
"""

import errno
import os
import stat
from contextlib import ExitStack

from supervise.errors import HostError, LaunchError, SystemCallFailed
from supervise.kernel.files import make_directory
from supervise.kernel.mount import MS_NODEV, MS_NOSUID, mount

# redirect_dir=off would still follow a redirect that is found in an untrusted lower directory.
_OPTIONS = "redirect_dir=nofollow,metacopy=off,index=off"


def make_layer(layer: str, lower: str) -> None:
    """Make ``upper`` and ``work`` in ``layer``; idempotent, never empties what is there.

    Raises:
        SystemCallFailed: mkdir(2) failed.
    """
    make_directory(f"{layer}/work", 0o700)
    upper = f"{layer}/upper"
    if os.path.isdir(upper):
        return
    # The merged root's owner and mode are those of the upper directory, so they are copied. A
    # half-made one must not be taken for whole by the next launch: renamed when it is right.
    status = os.stat(lower)
    make_directory(f"{upper}.new", 0o700)
    os.chown(f"{upper}.new", status.st_uid, status.st_gid)
    os.chmod(f"{upper}.new", stat.S_IMODE(status.st_mode))
    os.rename(f"{upper}.new", upper)


def make_dev(layer: str, link: str, target: str) -> None:
    """Make ``/dev`` of a layer hold nothing but a link; idempotent.

    Raises:
        SystemCallFailed: it cannot be made.
    """
    dev = f"{layer}/upper/dev"
    try:
        if os.path.islink(f"{dev}/{link}"):
            return
        make_directory(dev, 0o755)
        # What the lower directory has there is no use: devices are the runtime's to make.
        os.setxattr(dev, "trusted.overlay.opaque", b"y")
        os.symlink(target, f"{dev}/{link}")
    except OSError as error:
        raise SystemCallFailed.of("symlink", f"{dev}/{link}", error) from error


def mount_root(lower: str, layer: str, target: str, *, keep: bool) -> None:
    """Mount the overlay of ``lower`` and ``layer`` on ``target``, nosuid and nodev.

    Args:
        lower: the read-only directory; any name will do.
        layer: made by ``make_layer``.
        target: the mount point, which exists.
        keep: the layer's content must survive a crash of the machine.

    Raises:
        HostError: the file system of ``layer`` cannot hold a writable layer.
        LaunchError: anything else the kernel said.
    """
    with ExitStack() as stack:
        # By descriptor: a directory's own name may hold the characters that separate options,
        # and may be too long for mount(2).
        lower_fd, upper_fd, work_fd = (
            _hold(stack, path) for path in (lower, f"{layer}/upper", f"{layer}/work")
        )
        options = (
            f"lowerdir={lower_fd},upperdir={upper_fd},workdir={work_fd},{_OPTIONS}"
            f"{'' if keep else ',volatile'}"
        )
        try:
            mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options)
        except SystemCallFailed as error:
            raise _refused(error, lower, layer) from error


def _hold(stack: ExitStack, path: str) -> str:
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LaunchError(f"the directory {path} cannot be opened: {error.strerror}") from error
    stack.callback(os.close, fd)
    return f"/proc/self/fd/{fd}"


def _refused(error: SystemCallFailed, lower: str, layer: str) -> HostError | LaunchError:
    if error.errno == errno.ENODEV:
        return HostError("this kernel has no overlay file system; modprobe overlay")
    if error.errno == errno.EINVAL:
        return HostError(
            f"the file system of {layer} cannot hold a container's writable layer (it may be an "
            "overlay itself); put --lib-dir on ext4, xfs, btrfs or tmpfs"
        )
    return LaunchError(
        f"the root file system of {lower} and {layer} cannot be mounted: {os.strerror(error.errno)}"
    )
