"""Every program and every command of the pages does what the page says."""

import sys
from pathlib import Path

import pytest

from tests.docs.pages import Runner, blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"

PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts]


@pytest.mark.skipif(sys.platform == "win32", reason="the commands of the pages are for a shell")
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.is_run for block in blocks(page))],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)
def test_a_page_says_what_happens(page: Path, tmp_path: Path) -> None:
    with Runner(page, tmp_path) as runner:
        for block in blocks(page):
            runner.run(block)
