import json
from typing import Any

import numpy as np
import pytest

from sipyco._rpctool.presentation import (
    jsonable,
    methods_document,
    methods_text,
    result_text,
    signature,
    signature_text,
    targets_text,
    visible,
)
from tests._rpctool.answers import ESCAPES, SEEN_ESCAPES

NO_ARGUMENTS: dict[str, Any] = {"args": ["self"], "varargs": None, "varkw": None}


def test_targets_are_listed_as_the_manual_shows_it() -> None:
    assert targets_text(["hello"], None) == "Target(s):   hello"
    assert targets_text(["a", "b"], "two") == "Target(s):   a, b\nDescription: two"


def test_methods_are_sorted_and_documented_after_the_target() -> None:
    described: Any = {
        "docstring": "A device.\n\n        It works.\n    ",
        "methods": {
            "zero": (NO_ARGUMENTS, None),
            "gain": ({**NO_ARGUMENTS, "args": ["self", "x"]}, "Set it.\n\n        In dB."),
        },
    }
    assert methods_text(described) == (
        "A device.\n\nIt works.\n\ngain(x)\n    Set it.\n\n    In dB.\n\nzero()"
    )


def test_a_target_without_methods_and_documentation_is_an_empty_text() -> None:
    assert methods_text({"docstring": None, "methods": {}}) == ""


def test_people_are_shown_neither_references_nor_modules_and_programs_everything() -> None:
    annotations = {"return": "collections.abc.Iterator[numpy.uint16]"}
    described: Any = {
        "docstring": "See :meth:`take`.",
        "methods": {"take": ({**NO_ARGUMENTS, "annotations": annotations}, "As :func:`~a.b`.")},
    }
    assert methods_text(described) == "See take.\n\ntake() -> Iterator[uint16]\n    As b."
    document = methods_document(described)
    assert document["docstring"] == "See :meth:`take`."
    assert document["methods"]["take"]["docstring"] == "As :func:`~a.b`."
    assert document["methods"]["take"]["signature"] == f"() -> {annotations['return']}"
    # Old servers send an empty list for none.
    assert signature_text({**NO_ARGUMENTS, "annotations": []}) == "()"


def test_self_is_not_shown_and_other_first_arguments_are() -> None:
    assert signature({**NO_ARGUMENTS, "args": ["self", "itself"]}) == "(itself)"
    assert signature({**NO_ARGUMENTS, "args": ["value"]}) == "(value)"


def test_what_a_terminal_obeys_is_spelled_out() -> None:
    assert visible(ESCAPES) == SEEN_ESCAPES
    assert visible("a\nb\tc\u2028\x85\r") == r"a\nb\tc\u2028\x85\r"
    assert visible("a\nb\tc", "\n\t") == "a\nb\tc"
    assert visible("5\xa0\u00b5m, \u6e2c\u5b9a, C:\\data") == "5\xa0\u00b5m, \u6e2c\u5b9a, C:\\data"


@pytest.mark.parametrize(
    "value",
    [
        ESCAPES,
        [ESCAPES * 20],
        {ESCAPES: {ESCAPES}},
        ESCAPES.encode(errors="surrogatepass"),
        np.str_(ESCAPES[:-1]),
        np.array([ESCAPES[:-1], "x"]),
        np.array([(1,)], dtype=[(ESCAPES[:-1], "i4")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_cannot_command_the_terminal(value: object) -> None:
    assert result_text(value).replace("\n", "").isprintable()


def test_results_are_shown_as_python_shows_them() -> None:
    long = "x " * 100
    assert result_text(5.0) == "5.0"
    assert result_text(long) == repr(long)
    assert result_text({"b": 1, "a": 2}) == "{'b': 1, 'a': 2}"
    assert result_text(np.arange(3)) == "array([0, 1, 2])"
    assert "\n" in result_text(list(range(100)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ((1, True, "a", 2.5), [1, True, "a", 2.5]),
        (float("nan"), "NaN"),
        ([float("inf"), -float("inf")], ["Infinity", "-Infinity"]),
        (1 - 2j, {"real": 1.0, "imag": -2.0}),
        ({"a": 1, 2: 3, (1, 2): 4}, {"a": 1, "2": 3, "(1, 2)": 4}),
        ({3, 1, 2}, [1, 2, 3]),
        (b"\x00\xff", {"base64": "AP8="}),
        (range(3), {"repr": "range(0, 3)"}),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([1j, np.nan]), [{"real": 0.0, "imag": 1.0}, {"real": "NaN", "imag": 0.0}]),
        (np.float64("nan"), "NaN"),
        (np.str_("a"), "a"),
        (np.bool_(True), True),
        (np.array(7), 7),
        (np.zeros((0, 3)), []),
        (np.array([(1, 2.5)], dtype=[("n", "i4"), ("x", "f8")]), [[1, 2.5]]),
        (np.longdouble(1), {"repr": repr(np.longdouble(1))}),
    ],
)
def test_every_value_has_a_place_in_json(value: object, expected: object) -> None:
    assert jsonable(value) == expected
    assert json.loads(json.dumps(jsonable(value), allow_nan=False)) == expected


def test_a_large_result_is_broken_into_lines_as_python_breaks_it() -> None:
    value = {"trace": list(range(12)), "name": "x" * 40}
    assert result_text(value, width=60) == (
        "{'trace': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],\n"
        " 'name': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}"
    )
