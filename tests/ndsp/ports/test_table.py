import itertools
from pathlib import Path

from ndsp.ports import KNOWN_PORTS, markdown, users_of

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "ndsp" / "ports.md"


def test_the_page_shows_the_table() -> None:
    assert markdown() in PAGE.read_text("utf-8"), (
        f"replace the table in {PAGE.name} by this one:\n{markdown()}"
    )


def test_the_table_is_sorted_and_only_the_example_of_the_manual_shares_a_port() -> None:
    assert [known.first for known in KNOWN_PORTS] == sorted(known.first for known in KNOWN_PORTS)
    shared = [
        (one.name, other.name)
        for one, other in itertools.pairwise(KNOWN_PORTS)
        if other.first <= one.last
    ]
    assert shared == [("controller manager (control)", "hello, the example of the manual")]


def test_ranges_are_looked_into() -> None:
    assert [known.name for known in users_of(3265)] == ["PTB drivers"]
    assert users_of(3270) == users_of(3259)
    assert users_of(3300) == []
