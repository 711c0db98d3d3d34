import enum
import json
import math
from collections import OrderedDict
from typing import Any

import pytest

from sipyco.pyon import DecodeError, EncodeError, InvalidValueError, decode, encode
from tests.pyon.same import same


class Level(enum.IntEnum):
    HIGH = 1


def read(text: str, **options: Any) -> Any:
    return decode(text, syntax="json", **options)


def test_plain_values_are_spelled_compactly() -> None:
    value = {"a": [1, 2.5, None, True, "é😀\x7f", -0.0, 2**70, math.inf, -math.inf]}
    text = encode(value, syntax="json")
    assert text == json.dumps(value, separators=(",", ":"))
    assert same(read(text), value)


@pytest.mark.parametrize(
    "text",
    [
        '{"__jsonclass__":1}',
        '{"__jsonclass__":["tuple"]}',
        '{"__jsonclass__":["tuple",[[1]],1]}',
        '{"__jsonclass__":["tuple",[[1]]],"a":1}',
        '{"a":1,"__jsonclass__":["tuple",[[1]]]}',
        '{"__jsonclass__":[1,[[1]]]}',
        '{"__jsonclass__":["tuple",{"a":1}]}',
        '{"__jsonclass__":["tuple",[1]]}',
        '{"__jsonclass__":["tuple",[]]}',
        '{"__jsonclass__":["tuple",[[1],[2]]]}',
        '{"__jsonclass__":["set",[[[1]]]]}',
        '{"__jsonclass__":["dict",[[[1]]]]}',
        '{"__jsonclass__":["dict",[[1]]]}',
        '{"__jsonclass__":["dict",[[[{},1]]]]}',
        '{"__jsonclass__":["complex",["1",2]]}',
        '{"__jsonclass__":["complex",[true,2]]}',
        '{"__jsonclass__":["bytes",["a"]]}',
        '{"__jsonclass__":["bytes",["AA\\n=="]]}',
        '{"__jsonclass__":["bytes",["é==="]]}',
        '{"__jsonclass__":["bytes",[1]]}',
        '{"__jsonclass__":["Fraction",[1,0]]}',
        '{"__jsonclass__":["Fraction",["1",2]]}',
        '{"__jsonclass__":["nonsense",[]]}',
        '{"\\u005f_jsonclass__":["nonsense",[]]}',
        "1" * 4301,
        "[" * 10**5,
    ],
)
def test_malformed_special_values_are_refused(text: str) -> None:
    for syntax in ("json", None):
        with pytest.raises(InvalidValueError):
            decode(text, syntax=syntax)


def test_a_single_argument_may_stand_for_the_list() -> None:
    assert read('{"__jsonclass__":["bytes","AAE="]}') == b"\0\1"


def test_the_key_is_recognised_however_it_is_escaped() -> None:
    assert read('{"\\u005f_jsonclass_\\u005F":["tuple",[[1]]]}') == (1,)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "(1, )", "None", "'a'", "[1] 2", '"\t"', "01"])
def test_other_text_is_no_json(text: str) -> None:
    with pytest.raises(DecodeError, match="not JSON") as caught:
        read(text)
    assert type(caught.value) is DecodeError


@pytest.mark.parametrize(
    "value", [(1,), {1: 2}, {None: 1}, {True: 1}, {1.5: 2}, b"a", {"a": b"a"}, OrderedDict(a=1)]
)
def test_what_json_would_change_is_wrapped(value: Any) -> None:
    text = encode(value, syntax="json")
    assert "__jsonclass__" in text
    assert same(read(text), value)


@pytest.mark.parametrize(
    "value",
    [
        Level.HIGH,
        [Level.HIGH],
        {Level.HIGH: 1},
        bytearray(b"a"),
        [memoryview(b"a")],
        {"a": object()},
    ],
)
def test_what_json_would_take_for_something_else_is_refused(value: Any) -> None:
    with pytest.raises(EncodeError):
        encode(value, syntax="json")


def test_options_of_dumps_are_taken() -> None:
    value = {"b": (1,), "a": "é"}
    assert encode(value, syntax="json", sort_keys=True).startswith('{"a":')
    assert encode(value, syntax="json", ensure_ascii=False).count("é") == 1
    assert encode([1, 2], syntax="json", indent=1) == "[\n 1,\n 2\n]"
    assert encode([1, 2], syntax="json", separators=(" , ", ":")) == "[1 , 2]"
    assert encode([1], True, syntax="json", indent=0) == "[\n1\n]"
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(math.inf, syntax="json", allow_nan=False)


@pytest.mark.parametrize(
    "option", [{"default": str}, {"cls": json.JSONEncoder}, {"skipkeys": True}]
)
def test_options_that_would_change_values_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"cannot encode with {next(iter(option))}"):
        encode([1], syntax="json", **option)


def test_options_have_no_effect_on_python_syntax() -> None:
    assert encode([1], syntax="python", indent=4, default=str) == "[1]"
    assert decode("(1, )", parse_int=str) == (1,)


def test_options_of_loads_are_taken() -> None:
    text = '{"b":{"__jsonclass__":["tuple",[[1.5]]]},"a":1}'
    assert read(text, parse_float=str) == {"b": ("1.5",), "a": 1}
    assert read(text, object_pairs_hook=list) == [("b", (1.5,)), ("a", 1)]
    assert read(text, object_hook=sorted) == ["a", "b"]
    with pytest.raises(ZeroDivisionError):
        read("NaN", parse_constant=lambda name: 1 / 0)
    with pytest.raises(TypeError, match="cls"):
        read("1", cls=json.JSONDecoder)


def test_halves_of_a_character_that_json_would_join_are_refused() -> None:
    with pytest.raises(ValueError, match=r'value\["a"\]\[0\].*two halves'):
        encode({"a": ["\ud83d\ude00"]}, syntax="json")
    for text in ("\ude00", "\ud83d", "\ude00\ud83d", "\ud83d."):
        assert read(encode(text, syntax="json")) == text
