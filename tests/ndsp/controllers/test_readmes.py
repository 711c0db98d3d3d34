"""What stands on the pages of the controllers works, and all of them have the same files."""

import re
from pathlib import Path

import pytest

from tests.ndsp.controllers.programs import output_at_its_end, simulated

CONTROLLERS = Path(__file__).parents[3] / "src" / "ndsp" / "controllers"

NAMES = ["camera", "hello", "lda", "scpi_psu"]


def test_all_controllers_are_known_here() -> None:
    assert sorted(path.parent.name for path in CONTROLLERS.glob("*/controller.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_controller_has_the_same_files_and_its_page_lists_them(name: str) -> None:
    page = (CONTROLLERS / name / "README.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.MULTILINE))
    assert {"driver.py", "simulation.py", "controller.py", "README.md"} <= listed
    there = {path.name for path in (CONTROLLERS / name).iterdir() if path.is_file()}
    assert there == listed | {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("name", NAMES)
def test_the_programs_of_a_page_run(name: str) -> None:
    page = (CONTROLLERS / name / "README.md").read_text("utf-8")
    found = re.search(r"default port of the controller \| (\d+) \|", page)
    assert found is not None
    programs = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert programs
    namespace: dict[str, object] = {}
    with simulated(name) as (process, port):
        for program in programs:
            exec(program.replace(found[1], str(port)), namespace)
        output_at_its_end(process, port, name)
