"""Docstrings and annotations in fewer words."""

import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from sipyco._rpctool.plain import short_annotation, without_roles


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("As :meth:`take_frame` does.", "As take_frame does."),
        (":py:class:`~numpy.ndarray`, (:func:`!open`)", "ndarray, (open)"),
        (":doc:`the manual <manual/index>`", "the manual"),
        ("See :ref:`a\nb`.", "See a\nb."),
        ("``:meth:`` is a role", "``:meth:`` is a role"),
        ("`x`, ``y``, 12:30: `z`, Args:\n    x: `y`", "`x`, ``y``, 12:30: `z`, Args:\n    x: `y`"),
        (":meth:`never closed", ":meth:`never closed"),
    ],
)
def test_of_a_reference_its_text_is_shown(docstring: str, shown: str) -> None:
    assert without_roles(docstring) == shown


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (Iterator[npt.NDArray[np.uint16]], "Iterator[NDArray[uint16]]"),
        (Callable[[float | None, str], Any], "Callable[[float | None, str], Any]"),
        (Literal["a.b", "it's np.x"], "Literal['a.b', \"it's np.x\"]"),
        (int, "int"),
        (..., "Ellipsis"),
    ],
)
def test_names_of_modules_are_left_out(annotation: object, shown: str) -> None:
    assert short_annotation(inspect.formatannotation(annotation)) == shown


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        ("Outer.Inner | a.b.Outer.Inner", "Outer.Inner | Outer.Inner"),
        ("numpy.ndarray[typing.Any, numpy.dtype[numpy.float64]]", "NDArray[float64]"),
        ("typing.Annotated[float, 1.5]", "Annotated[float, 1.5]"),
        ("not an annotation.", "not an annotation."),
    ],
)
def test_annotations_that_came_as_text_are_shortened_too(annotation: str, shown: str) -> None:
    assert short_annotation(annotation) == shown


@pytest.mark.parametrize("text", [":a" * 100_000, "a." * 100_000, "'" * 100_000, ":a:`<" * 50_000])
def test_a_server_cannot_keep_the_tool_busy(text: str) -> None:
    started = time.process_time()
    without_roles(text)
    short_annotation(text)
    assert time.process_time() - started < 2
