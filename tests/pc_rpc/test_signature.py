import inspect
from collections.abc import Callable
from typing import Any

import pytest

from sipyco.arguments import formatargspec


def plain(self: Any, channel, value=1.5, *rest, unit="V", **options): ...  # type: ignore[no-untyped-def]


def annotated(channel: int, value: "float | None" = None, *, wait: bool = True) -> list[int]:
    raise AssertionError


def keyword_only(*, a: int, b: int = 2) -> None: ...


def nothing() -> None: ...


@pytest.mark.parametrize("function", [annotated, keyword_only, nothing])
def test_it_reads_like_the_definition(function: Callable[..., object]) -> None:
    expected = str(inspect.signature(function)).replace("'", "")
    assert formatargspec(*inspect.getfullargspec(function)) == expected


def test_a_described_method_can_be_passed_by_keywords() -> None:
    argspec = inspect.getfullargspec(plain)._asdict()
    argspec["annotations"] = {}
    assert formatargspec(**argspec) == "(self, channel, value=1.5, *rest, unit='V', **options)"


def test_annotations_from_the_wire_are_shown_as_they_are() -> None:
    annotations = {"image": "NDArray[np.uint16]", "return": "None"}
    assert formatargspec(["image"], annotations=annotations) == (
        "(image: NDArray[np.uint16]) -> None"
    )


def test_a_class_of_a_module_is_shown_with_the_module() -> None:
    assert formatargspec(["s"], annotations={"s": inspect.Signature}) == "(s: inspect.Signature)"


def test_what_old_servers_send_for_their_own_terminate_is_understood() -> None:
    argspec: dict[str, Any] = {"args": ["self"], "defaults": None, "varargs": None, "varkw": None}
    assert formatargspec(**argspec, kwonlyargs=[], kwonlydefaults=[]) == "(self)"
