"""What the reference says about names and numbers is what the code has."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from sipyco._io import sockets
from sipyco._wire import limits
from sipyco.pyon import _limits as limits_of_pyon

ROOT = Path(__file__).resolve().parents[2]

UNITS = {"": 1, "s": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def test_tests_that_the_pages_name_exist() -> None:
    tests = "".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", tests))
    page = (ROOT / "docs" / "reference" / "compatibility.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named
    assert not named - there


@pytest.mark.parametrize("module", [limits, sockets, limits_of_pyon])
def test_every_limit_is_in_the_page_with_its_value(module: ModuleType) -> None:
    page = (ROOT / "docs" / "reference" / "limits.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) ?(\w*) \|", page, re.MULTILINE)
    told = {name: int(number) * UNITS[unit] for name, number, unit in rows}
    there = {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float)
    }
    assert there
    assert {name: told.get(name) for name in there} == there
