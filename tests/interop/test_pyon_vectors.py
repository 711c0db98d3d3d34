"""What SiPyCo 1.9 and 1.10 wrote is read, and what we write they can read."""

import base64
import json
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings

from sipyco.pyon import EncodeError, decode, encode
from tests.pyon.same import same
from tests.pyon.strategies import values

VECTORS = json.loads((Path(__file__).parent / "pyon_vectors.json").read_text())
NAMES = {"np": np, "Fraction": Fraction, "OrderedDict": OrderedDict}

# What these read as, or say with a loss, is told in docs/reference/compatibility_pyon.md.
LOST_BY_V1 = {
    "set()": {},
    'np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")])': np.frombuffer(
        base64.b64decode("AQAAAAAAAAAAAARA"), "V12"
    ),
}
LOST_BY_V2 = {
    **LOST_BY_V1,
    "set()": set(),
    'OrderedDict([("z", 1), ("a", 2)])': {"z": 1, "a": 2},
    'OrderedDict([(1, "x"), ((2, 3), "y")])': {1: "x", (2, 3): "y"},
    "OrderedDict()": {},
    "np.float64(0.1)": 0.1,
    'np.str_("text")': "text",
    '{"mixed": [(1, np.float64(2.5)), {"arr": np.zeros(2)}], "s": {1}}': {
        "mixed": [(1, 2.5), {"arr": np.zeros(2)}],
        "s": {1},
    },
}
# Others lose nothing, but are evaluated to something else, or not at all, by their own readers.
WRITTEN_BETTER = {
    'complex("nan+infj")': "(nan+1e999j)",
    '"\\u269b \\u00e9 \\U0001f600"': '"\\u269b \\u00e9 \\U0001f600"',
}


def value_of(vector: dict[str, Any]) -> Any:
    return eval(vector["expr"], dict(NAMES))


def named(vector: dict[str, Any]) -> str:
    return str(vector["expr"])


def base64_array(shape: Any, dtype: Any, data: bytes) -> Any:
    return np.frombuffer(base64.b64decode(data), dtype=dtype).reshape(shape)


def base64_scalar(dtype: Any, data: bytes) -> Any:
    return np.frombuffer(base64.b64decode(data), dtype=dtype)[0]


def read_as_older_peers_do(text: str) -> Any:
    """Evaluate, with exactly the names that 1.9 has."""
    return eval(
        text,
        {
            "__builtins__": {},
            "null": None,
            "true": True,
            "false": False,
            "inf": float("inf"),
            "nan": float("nan"),
            "slice": slice,
            "Fraction": Fraction,
            "OrderedDict": OrderedDict,
            "nparray": base64_array,
            "npscalar": base64_scalar,
        },
    )


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_what_they_wrote_is_read(vector: dict[str, Any]) -> None:
    value = value_of(vector)
    for version, syntax, lost in (("v1", "python", LOST_BY_V1), ("v2", "json", LOST_BY_V2)):
        expected = lost.get(vector["expr"], value)
        for text in (vector[version], vector[f"{version}_pretty"]):
            if text is None:
                continue
            for chosen in (None, syntax):
                read = decode(text, syntax=chosen)  # type: ignore[arg-type]
                assert same(read, expected, ordered=text == vector[version])


@pytest.mark.parametrize("vector", VECTORS, ids=named)
@pytest.mark.parametrize("pretty", [False, True])
def test_what_they_wrote_without_loss_is_written_the_same(
    vector: dict[str, Any], pretty: bool
) -> None:
    value, expr = value_of(vector), vector["expr"]
    if vector["v1_error"] == "TypeError" == vector["v2_error"] or "object" in expr:
        for syntax in ("python", "json"):
            with pytest.raises(EncodeError):
                encode(value, syntax=syntax)
        return
    suffix = "_pretty" if pretty else ""
    v1, v2 = vector[f"v1{suffix}"], vector[f"v2{suffix}"]
    if v1 is not None and expr not in LOST_BY_V1:
        assert encode(value, pretty, syntax="python") == WRITTEN_BETTER.get(expr, v1)
    if v2 is not None and expr not in LOST_BY_V2:
        assert encode(value, pretty, syntax="json") == v2


def loses_nothing_in_1_9(value: Any) -> bool:
    """Tell whether 1.9 has means to read the value; else the page on compatibility names it."""
    if isinstance(value, (np.ndarray, np.generic)):
        # np.frombuffer refuses elements of no bytes and drops NULs at the end of scalar text.
        unreadable = value.dtype.itemsize == 0
        if isinstance(value, (str, bytes)):
            return not unreadable and value[-1:] not in ("\0", b"\0")
        return not unreadable
    if isinstance(value, complex):
        # Its arithmetic turns some negative zeros into positive ones.
        zeros = [str(part) for part in (value.real, value.imag) if part == 0]
        return "-0.0" not in zeros and (value.real != 0 or not value.imag < 0)
    if isinstance(value, (dict, set)) and "nan" in repr(tuple(value)):
        return False  # Every nan is the same object there, so two keys can become one.
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(value, dict):
        value = (*value.keys(), *value.values())
    if isinstance(value, (list, tuple, set)):
        return all(map(loses_nothing_in_1_9, value))
    return True


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_older_peers_read_what_we_write(vector: dict[str, Any]) -> None:
    if vector["v1_error"] is None:
        value = value_of(vector)
        assert same(read_as_older_peers_do(encode(value, syntax="python")), value)


@given(value=values.filter(loses_nothing_in_1_9))
@example({"__jsonclass__": ["tuple", [[1]]]})
@example(set())
@example([complex(1.5, float("nan")), complex(float("inf"), float("-inf"))])
@example([complex(0.0, float("nan")), complex(2.0, float("-inf")), complex("nan+nanj")])
@example("\ud83d\ude00 \U0001f600 \udc00")
@example([np.longlong(5), np.ulonglong(6), np.arange(3, dtype="q"), np.bool_(True)])
@example([np.str_("ab\u00e9"), np.bytes_(b"a"), np.datetime64("2020-01-01")])
@example(np.timedelta64(1, "s"))
@example(np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")])[0])
@example(np.zeros(2, np.dtype({"names": ["a"], "formats": ["<i2"], "offsets": [3], "itemsize": 9})))
@example(np.array(["2020-01-01"], dtype="datetime64[D]"))
@settings(max_examples=80, deadline=None)
def test_older_peers_lose_nothing(value: Any) -> None:
    assert same(read_as_older_peers_do(encode(value, syntax="python")), value)


def test_older_peers_read_an_equal_number_where_zeros_lose_their_sign() -> None:
    for value in (complex(-0.0, 1), complex(1, -0.0), complex(-0.0, -0.0), complex(0.0, -0.0), -2j):
        assert read_as_older_peers_do(encode(value, syntax="python")) == value
        assert same(decode(encode(value, syntax="python")), value)


def test_a_dict_with_the_reserved_key_is_not_taken_for_json() -> None:
    value = {"__jsonclass__": ["tuple", [[1]]]}
    text = encode(value, syntax="python")
    assert text == "{'__jsonclass__': [\"tuple\", [[1]]]}"
    assert decode(text) == value
    assert decode(encode(value, syntax="json")) == value
