"""Filling templates."""

import pytest

from ndsp.scaffold._template import fill


def test_names_are_replaced_wherever_they_stand() -> None:
    assert fill("a <<x>><<y>> {port} $x %s\n<<x>>", {"x": "1", "y": "2"}, {}) == (
        "a 12 {port} $x %s\n1"
    )


def test_what_is_put_in_is_not_looked_at_again() -> None:
    assert fill("<<x>>", {"x": "<<y>>"}, {}) == "<<y>>"


@pytest.mark.parametrize(("holds", "filled"), [(True, "a\nb\nd\n"), (False, "a\nc\nd\n")])
def test_lines_are_there_under_a_condition(holds: bool, filled: str) -> None:
    template = "a\n<<if x>>\nb\n<<else>>\nc\n<<end>>\nd\n"
    assert fill(template, {}, {"x": holds}) == filled


def test_without_else_the_lines_are_not_there() -> None:
    template = "a\n<<if x>>\nb\n<<end>>\n<<if y>>\nc\n<<end>>\n"
    assert fill(template, {}, {"x": False, "y": True}) == "a\nc\n"


@pytest.mark.parametrize("template", ["<<x>>", "<<if x>>\n<<end>>"])
def test_an_unknown_name_is_an_error(template: str) -> None:
    with pytest.raises(KeyError):
        fill(template, {}, {})


@pytest.mark.parametrize(
    "template", ["<<end>>", "<<else>>", "<<if x>>\n<<if x>>\n<<end>>", "<<if x>>\na"]
)
def test_a_mark_out_of_place_is_an_error(template: str) -> None:
    with pytest.raises(ValueError, match=r"out of place|no <<end>>"):
        fill(template, {}, {"x": False})
