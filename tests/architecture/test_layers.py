"""Imports only ever point down, and what computes the meaning of bytes does nothing else."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"

# From the ground up. What is not named here and starts with "sipyco" is a public module.
LAYERS = ("sipyco.pyon", "sipyco._wire", "sipyco._io", "", "sipyco.sipyco_rpctool", "ndsp")
PUBLIC = LAYERS.index("")
TOOL = LAYERS.index("sipyco.sipyco_rpctool")
PURE = ("sipyco.pyon", "sipyco._wire")
OPENS_FILES = ("sipyco.pyon._files", "sipyco.pyon.__main__")
# fmt: off
WORLD = {
    "asyncio", "concurrent", "io", "logging", "multiprocessing", "open", "os", "pathlib", "select",
    "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess", "tempfile",
    "threading", "time", "uvloop",
}
# fmt: on


def within(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def layer(module: str) -> int:
    """Give the floor of a module; -1 for what is not ours and for the facts in `sipyco` itself."""
    module = module.replace("sipyco._rpctool", "sipyco.sipyco_rpctool")
    if not module.startswith(("sipyco.", "ndsp")) or module.startswith("sipyco.__"):
        return -1
    return next((i for i, name in enumerate(LAYERS) if name and within(module, name)), PUBLIC)


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything imported, wherever in the file, and of `open`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "open":
            yield node.lineno, "open"


def complaint(module: str, target: str) -> str | None:
    """Say why `module` must not use `target` and where such code belongs, or None."""
    floor = layer(module)
    private = any(part[0] == "_" != part[1:2] for part in target.split("."))
    pure = any(within(module, name) for name in PURE) and module not in OPENS_FILES
    if pure and target.partition(".")[0] in WORLD:
        return (
            "the meaning of bytes is computed without sockets, clocks, threads, logs or files; "
            "take bytes as an argument and do the rest in sipyco._io (files: pyon/_files.py)"
        )
    if layer(target) > floor:
        return (
            f"imports only point down, and {target.rpartition('.')[0]} lies above; "
            "hand the object in as an argument, or move what both need to the lower layer"
        )
    if floor >= TOOL and layer(target) in range(TOOL) and private:
        return (
            "the tool and the toolkit use what every user can use; "
            "give the thing a public name in sipyco first, or do without"
        )
    return None


def violations(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        package = ".".join(parts[:-1])
        module = package if parts[-1] == "__init__" else ".".join(parts)
        for line, target in imports(ast.parse(path.read_text("utf-8")), package):
            if why := complaint(module, target):
                found.append(f"{path.relative_to(root)}:{line} uses {target}: {why}")
    return found


def test_imports_point_down_and_pure_code_stays_pure() -> None:
    found = violations(SOURCES)
    assert not found, "\n" + "\n".join(found)


def test_everything_banned_from_pure_code_exists() -> None:
    assert WORLD - {"open", "uvloop"} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("sipyco/pyon/_json.py", "import time", "without sockets"),
        ("sipyco/pyon/_json.py", "x = open('y')", "without sockets"),
        ("sipyco/pyon/_json.py", "from sipyco._wire.limits import LINE", "point down"),
        ("sipyco/_wire/framing.py", "import os.path", "without sockets"),
        ("sipyco/_wire/framing.py", "from asyncio import Lock", "without sockets"),
        ("sipyco/_wire/framing.py", "def f():\n    import socket", "without sockets"),
        ("sipyco/_wire/framing.py", "from sipyco import pc_rpc", "point down"),
        ("sipyco/_wire/framing.py", "from .._io import tasks", "point down"),
        ("sipyco/_wire/__init__.py", "from ._io import tasks\nfrom .. import _io", "point down"),
        ("sipyco/_io/server.py", "import sipyco.tools", "point down"),
        ("sipyco/pc_rpc/_client.py", "import sipyco.sipyco_rpctool", "point down"),
        ("sipyco/pc_rpc/_client.py", "from sipyco._rpctool.call import x", "point down"),
        ("sipyco/_rpctool/call.py", "from sipyco.pc_rpc._proxy import Proxy", "every user"),
        ("sipyco/tools.py", "import ndsp", "point down"),
        ("ndsp/devices.py", "from sipyco._io.tasks import Condition", "every user"),
        ("ndsp/devices.py", "from sipyco.pyon import _numpy_scalar", "every user"),
    ],
)
def test_a_violation_is_found_and_explained(
    tmp_path: Path, file: str, line: str, reason: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{file}:")
    assert reason in found


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("sipyco/pyon/_files.py", "import os, tempfile"),
        ("sipyco/pyon/_python.py", "import ast\nfrom sipyco.pyon import _types"),
        ("sipyco/_wire/framing.py", "from sipyco import __version__, pyon"),
        ("sipyco/_io/server.py", "import asyncio\nfrom sipyco._wire import rpc_server"),
        ("sipyco/pc_rpc/_client.py", "from sipyco._io import blocking\nfrom . import _proxy"),
        ("sipyco/pyon_v1.py", "import os\nfrom sipyco import pyon, tools"),
        ("sipyco/_rpctool/main.py", "from sipyco._rpctool import call\nfrom sipyco import tools"),
        ("ndsp/manager/_manager.py", "from ndsp.manager import _process\nimport sipyco.tools"),
        ("ndsp/__init__.py", "from sipyco import __version__\nfrom __future__ import annotations"),
    ],
)
def test_what_is_allowed_is_not_complained_about(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert violations(tmp_path) == []
