"""The shape of the code: imports go one way, files and functions stay small, linters agree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(ROOT.glob("supervise/**/*.py"))
TESTS = sorted(ROOT.glob("tests/**/*.py"))
WRITTEN = subprocess.run(
    ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\n")[:-1]

LAYERS = {
    "core": {"core"},
    "kernel": {"kernel", "core"},
    "container": {"container", "kernel", "core"},
    "log": {"log", "kernel", "core"},
    "daemon": {"daemon", "container", "log", "kernel", "core"},
    "cli": {"cli", "daemon", "container", "log", "kernel", "core"},
}
"""Which packages a package may import; the modules beside them (errors, paths) all may."""

OUTSIDE = {
    "core": {"attrs"},
    "kernel": {"attrs", "psutil", "pyroute2"},
    "container": {"attrs", "pyroute2"},
    "log": {"attrs"},
    "daemon": {"attrs", "trio", "psutil", "outcome"},
    "cli": {"attrs", "trio"},
}
"""Which libraries a package may import."""

FORWARDER = {"trio"}
"""What the forwarder's modules of ``log`` may import besides: it is a process of its own, which
waits for networks; the shim is to stay as small as it is."""

IMPURE = {
    *("asyncio", "ctypes", "fcntl", "io", "mmap", "pathlib", "select", "selectors"),
    *("shutil", "socket", "subprocess", "sys", "tempfile", "threading"),
}
"""What core may not import: it knows no file, no clock and no process."""

PURE = re.compile(r"os\.(W[A-Z]+|path|fsencode|fsdecode)|time\.(gmtime|strftime|strptime)")
"""What core may use of two modules that are otherwise impure."""


def package(path: Path) -> str:
    """The part of the tree that a file belongs to; empty for those on top."""
    parts = path.relative_to(ROOT / "supervise").parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[str]:
    """The full names of all that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name, and its lines without the docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None and len(node.body) > 1:
                assert node.body[0].end_lineno is not None
                length -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield f"{path.relative_to(ROOT)}: {node.name}", length


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    inside = package(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "supervise" and rest:
            target = rest.split(".")[0]
            beside = target in ("errors", "paths", "__version__")
            assert beside or target in LAYERS.get(inside, ()), f"{inside} imports {name}"
        elif top != "supervise" and top not in sys.stdlib_module_names:
            allowed = OUTSIDE.get(inside, set())
            if inside == "log" and path.name.startswith("forward"):
                allowed = allowed | FORWARDER
            assert top in allowed, f"{inside or path.name} imports {name}"
        if inside == "core":
            assert top not in IMPURE, f"core imports {name}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("supervise/core/*.py")), ids=lambda p: p.name)
def test_core_asks_nobody(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if node.value.id in ("os", "time"):
                assert PURE.fullmatch(name), f"line {node.lineno}: {name}"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_subject_and_says_which(path: Path) -> None:
    text = path.read_text()
    if not text:
        assert path.name == "__init__.py"
        return
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "no docstring"
    assert len(text.splitlines()) <= 400
    assert path.stem not in ("utils", "common", "helpers", "misc")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_say_what_they_guarantee(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert node.name.startswith("_") or ast.get_docstring(node), node.name


def test_functions_are_short() -> None:
    lengths = [found for path in SOURCES for found in functions(path)]
    assert [name for name, length in lengths if length > 40] == []
    long = [name for name, length in lengths if length >= 30]
    assert len(long) <= len(lengths) / 10, long


def test_only_commands_print_and_exit() -> None:
    for path in SOURCES:
        if package(path) != "cli":
            assert not re.search(r"\bprint\(|\bsys\.exit\(", path.read_text()), path


def test_nothing_is_left_for_later() -> None:
    """No mark of unfinished work, no place of the machine on which it was written."""
    marks = re.compile(
        "|".join(["TO" + "DO", "FIX" + "ME", r"\bX{3}\b", "/wo" + "rk/", "/ro" + "ot/"])
    )
    for name in WRITTEN:
        path = ROOT / name
        if path.is_file() and path.suffix in ("", ".py", ".md", ".toml", ".sh", ".8", ".1"):
            found = marks.search(path.read_text(errors="replace"))
            assert not found, f"{name}: {found}"


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=" ".join,
)
def test_linters_agree(tool: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
