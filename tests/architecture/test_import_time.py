"""`import sipyco.pc_rpc` brings along little that a program without a use for it would wait for."""

import json
import subprocess
import sys

import pytest

IMPORT = "from sipyco.pc_rpc import *"
SPELLINGS = ("base64", "diagnosis", "json", "packed", "python_reader", "python_writer")


def brought_by(program: str) -> set[str]:
    """Return what a new process that runs this imports beyond what asyncio and json bring."""
    before = "import asyncio, json, sys; before = set(sys.modules)"
    after = "print(json.dumps(sorted(set(sys.modules) - before)))"
    command = [sys.executable, "-c", f"{before}; {program}; {after}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    modules: list[str] = json.loads(done.stdout)
    return set(modules)


@pytest.fixture(scope="module")
def brought() -> set[str]:
    return brought_by(IMPORT)


def test_the_clients_and_the_server_are_imported(brought: set[str]) -> None:
    assert {"sipyco.pc_rpc._client", "sipyco.pc_rpc._server"} <= brought


@pytest.mark.parametrize(
    "module",
    [
        *("numpy", "ormsgpack", "pybase64", "uvloop"),
        *("decimal", "difflib", "fractions", "ipaddress", "pathlib", "secrets"),
        *("unicodedata", "uuid"),
    ],
)
def test_a_heavy_module_is_left_for_who_needs_it(brought: set[str], module: str) -> None:
    assert module not in brought


@pytest.mark.parametrize("module", SPELLINGS)
def test_a_spelling_is_left_for_who_has_values(brought: set[str], module: str) -> None:
    assert f"sipyco.pyon._{module}" not in brought


def test_a_server_has_imported_the_spellings_before_it_has_clients() -> None:
    brought = brought_by(f"{IMPORT}; Server({{}})")
    assert {f"sipyco.pyon._{name}" for name in SPELLINGS} <= brought
    assert "numpy" not in brought


def test_only_modules_are_imported_on_demand() -> None:
    from sipyco.pyon import _on_demand

    for name in _on_demand.__all__:
        assert getattr(_on_demand, name).__name__ == f"sipyco.pyon._{name}"
    assert not hasattr(_on_demand, "codec")
