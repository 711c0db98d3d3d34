"""Each repair is needed, and is told in the page about the repairs, which tells no others."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manual.device_guide import printed
from tests.manual.listings import Listing, Repair
from tests.processes import TOP

PAGE = TOP / "docs" / "reference" / "ndsp" / "manual-repairs.md"

REPAIRED = [(listing, repair) for listing in printed.LISTINGS for repair in listing.repairs]


def test_the_page_lists_every_repair_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|[^|]+\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    told = [row for row in rows if row[0] in {listing.name for listing in printed.LISTINGS}]
    assert told == [(listing.name, repair.what) for listing, repair in REPAIRED]


@pytest.mark.parametrize(
    ("listing", "repair"),
    [case for case in REPAIRED if case[0] in printed.PROGRAMS],
    ids=lambda case: case.name if isinstance(case, Listing) else case.what,
)
def test_a_program_does_not_run_without_one_of_its_repairs(
    listing: Listing, repair: Repair, tmp_path: Path
) -> None:
    path = tmp_path / "program.py"
    path.write_text(listing.repaired(without=repair), "utf-8")
    done = subprocess.run(
        [sys.executable, str(path), "--port", "0"],
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    *_, last_line = done.stderr.splitlines()
    assert re.match("(SyntaxError|IndentationError|NameError|TypeError): ", last_line)
