"""libseccomp: from rules to the BPF program that seccomp(2) takes.

By ctypes, not by a Python binding: the bindings look for the library with
``ctypes.util.find_library``, which runs ``ldconfig`` and waits for it, and in the supervisor
nobody but the reaper may wait for a child.

Source: seccomp_init(3), seccomp_rule_add(3), seccomp_export_bpf(3), seccomp.h.
"""

import ctypes
import functools
import os
import tempfile
from types import TracebackType
from typing import Self

from supervise.errors import HostError, SystemCallFailed

NE, LT, LE, EQ, GE, GT, MASKED_EQ = range(1, 8)

KILL_PROCESS = 0x80000000
KILL_THREAD = 0x00000000
TRAP = 0x00030000
LOG = 0x7FFC0000
ALLOW = 0x7FFF0000

_NO_SUCH_CALL = -1


def errno_action(number: int) -> int:
    """The action that makes the call fail with this errno."""
    return 0x00050000 | number & 0xFFFF


def trace_action(number: int) -> int:
    """The action that tells a tracer, with this number."""
    return 0x7FF00000 | number & 0xFFFF


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise HostError(f"libseccomp cannot be used ({error}); apt install libseccomp2") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library


class Filter:
    """A filter in the making; a context manager that frees it.

    Args:
        default: the action for every call that no rule names.

    Raises:
        HostError: libseccomp is not installed.
        SystemCallFailed: it refuses the action.
    """

    def __init__(self, default: int) -> None:
        self._context = _library().seccomp_init(default)
        if not self._context:
            raise SystemCallFailed("seccomp_init", f"{default:#x}", 22)

    def add_architecture(self, name: str) -> None:
        """Make the rules hold for this architecture too; one that holds already is no error.

        Raises:
            SystemCallFailed: libseccomp does not know it.
        """
        token = _library().seccomp_arch_resolve_name(name.encode())
        self._check("seccomp_arch_add", name, _library().seccomp_arch_add(self._context, token), 17)

    def add_rule(
        self, action: int, call: str, comparisons: list[tuple[int, int, int, int]]
    ) -> bool:
        """Add a rule; False when this libseccomp has no such call, which is then for the default.

        Args:
            action: what happens.
            call: the system call's name.
            comparisons: argument's index, comparison, value, second value; all must hold.

        Raises:
            SystemCallFailed: the rule is refused.
        """
        number = _library().seccomp_syscall_resolve_name(call.encode())
        if number == _NO_SUCH_CALL:
            return False
        array = (_Comparison * len(comparisons))(*(_Comparison(*each) for each in comparisons))
        code = _library().seccomp_rule_add_array(self._context, action, number, len(array), array)
        self._check("seccomp_rule_add", call, code)
        return True

    def export(self) -> bytes:
        """The program.

        Raises:
            SystemCallFailed: it could not be made.
        """
        with tempfile.TemporaryFile() as file:
            code = _library().seccomp_export_bpf(self._context, file.fileno())
            self._check("seccomp_export_bpf", "the filter", code)
            return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)

    def _check(self, call: str, what: str, code: int, allowed: int = 0) -> None:
        if code not in (0, -allowed):
            raise SystemCallFailed(call, what, -code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _library().seccomp_release(self._context)
