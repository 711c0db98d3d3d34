import json
import os
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from sipyco.pyon import DecodeError, EncodeError, InvalidValueError, decode, encode

Syntax = Literal["python", "json"]
Point = namedtuple("Point", "x y")  # noqa: PYI024 - programs use this one


class Level(IntEnum):
    HIGH = 1


class Colour(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Float(float):
    pass


UNKNOWN = [
    (object(), "object", "register"),
    (frozenset({1}), "frozenset", "set"),
    (bytearray(b"a"), "bytearray", "bytes"),
    (memoryview(b"a"), "memoryview", "bytes"),
    (range(3), "range", "list"),
    ({}.keys(), "dict_keys", "list"),
    (Level.HIGH, "Level", ".value"),
    (Colour.RED, "Colour", ".value"),
    (Text("a"), "Text", "str"),
    (Float(1), "Float", "float"),
    (Point(1, 2), "Point", "tuple"),
    (defaultdict(int), "defaultdict", "dict"),
    (Decimal(1), "Decimal", "Fraction"),
    (np.array([None]), "ndarray", "object"),
    (np.array(["a"], dtype=np.dtypes.StringDType()), "ndarray", "astype"),
    (np.zeros(1, [("a", object)]), "ndarray", "object"),
    (np.zeros(1, [("a", object)])[0], "void", "object"),
    (np.zeros(1, [("a", int)]).view(np.recarray), "recarray", "asarray"),
    (np.ma.masked_array([1]), "MaskedArray", "filled"),
    (len, "builtin_function", "register"),
    (int, "type", "name"),
]


@pytest.mark.parametrize("syntax", ["python", "json"])
@pytest.mark.parametrize(("value", "named", "hint"), UNKNOWN, ids=lambda x: type(x).__name__)
def test_unknown_types_are_refused_with_advice(
    value: Any, named: str, hint: str, syntax: Syntax
) -> None:
    for pretty in (False, True):
        with pytest.raises(EncodeError) as caught:
            encode({"frames": [1, (value,)]}, pretty, syntax=syntax)
        error = caught.value
        assert error.path == ("frames", 1, 0)
        assert error.value_type is type(value)
        assert named in error.value_type.__name__
        assert hint in str(error)
        assert str(error).startswith('cannot encode value["frames"][1][0]: ')


def test_an_error_is_told_in_the_words_of_the_caller() -> None:
    with pytest.raises(EncodeError) as caught:
        encode({"args": ({"frames": [object()]},)})
    located = caught.value.located("result", 2)
    assert str(located).startswith('cannot encode result["frames"][0]: ')
    assert located.path == ("frames", 0)
    assert located.value_type is object
    assert isinstance(located, TypeError)
    again = pickle.loads(pickle.dumps(located))
    assert (str(again), again.path) == (str(located), located.path)


def test_parts_that_have_no_index_are_told_in_words() -> None:
    for value, path, words in (
        ({"a": {frozenset(): 1}}, ("a",), 'a key of value["a"]'),
        ({"a": {(1, frozenset()): 1}}, ("a",), 'a key of value["a"]'),
        ([{frozenset()}], (0,), "an element of value[0]"),
        (slice(1, object()), (), "a part of value"),
        (OrderedDict(a=object()), ("a",), 'value["a"]'),
        ({1.5: {None: object()}}, (1.5, None), "value[1.5][None]"),
    ):
        for syntax in ("python", "json"):
            with pytest.raises(EncodeError) as caught:
                encode(value, syntax=syntax)
            assert caught.value.path == path
            assert str(caught.value).startswith(f"cannot encode {words}: ")


@pytest.mark.parametrize("syntax", ["python", "json"])
def test_values_that_contain_themselves(syntax: Syntax) -> None:
    inner: list[Any] = [1]
    inner.append({"a": (inner,)})
    for value in (inner, {"x": inner}):
        for pretty in (False, True):
            with pytest.raises(ValueError, match="contains itself"):
                encode(value, pretty, syntax=syntax)
    shared = [1]
    assert decode(encode([shared, shared], syntax=syntax)) == [[1], [1]]


@pytest.mark.parametrize("syntax", ["python", "json"])
@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {1: x}])
def test_depth(syntax: Syntax, wrap: Any) -> None:
    value: Any = 0
    for _ in range(100):
        value = wrap(value)
    for pretty in (False, True):
        text = encode(value, pretty, syntax=syntax)
        assert decode(text) == decode(text, syntax=syntax) == value
    for _ in range(10**4):
        value = wrap(value)
    with pytest.raises(ValueError, match="nested too deep"):
        encode(value, syntax=syntax)


@pytest.mark.parametrize("syntax", ["python", "json"])
def test_integers_that_peers_refuse_are_not_written(syntax: Syntax) -> None:
    assert decode(encode(10**4299, syntax=syntax)) == 10**4299
    with pytest.raises(ValueError, match=r'value\["a"\]: .* 4300'):
        encode({"a": -(10**4300)}, syntax=syntax)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_text_may_be_bytes_of_utf_8(kind: Any) -> None:
    assert decode(kind('["é"]'.encode())) == ["é"]
    assert decode(kind("\ufeff('é', )".encode())) == ("é",)
    with pytest.raises(DecodeError, match="not UTF-8: byte 0xff") as caught:
        decode(kind(b'"\xc3\xa9\xff"'))
    assert caught.value.pos == 2


def test_memory_may_have_any_layout() -> None:
    assert decode(memoryview(b"[x1x]x")[::2]) == [1]
    assert decode(memoryview(b"[12]").cast("i")) == [12]


def test_both_spellings_are_recognised() -> None:
    assert decode('{"__jsonclass__":["tuple",[[1]]]}') == (1,)
    assert decode("{'__jsonclass__': [\"tuple\", [[1]]]}") == {"__jsonclass__": ["tuple", [[1]]]}
    # No JSON to its end, so what looks like a malformed special value is a dict.
    assert decode('[{"__jsonclass__": 5}, (1, )]') == [{"__jsonclass__": 5}, (1,)]
    with pytest.raises(InvalidValueError):
        decode('[{"__jsonclass__": 5}]')


def test_errors_are_those_of_json() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        decode("[1, 2")
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, DecodeError)
    assert (str(error), error.pos) == (str(caught.value), caught.value.pos)
    with pytest.raises(InvalidValueError) as invalid:
        decode('{"__jsonclass__":["x",[]]}')
    assert "line" not in str(pickle.loads(pickle.dumps(invalid.value)))


def test_sets_are_written_in_the_same_order_in_every_run() -> None:
    program = """
from sipyco.pyon import encode
import numpy as np
print(encode([{"b", "a", "c"}, {"x", 1, None, (2, "y")}, {np.int64(3), np.int64(2)}, {2, 1.5}]))
print(encode([{"b", "a", "c"}, {"x", 1, None, (2, "y")}, {b"b", b"a"}], syntax="json"))
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert '{"a", "b", "c"}' in outputs.pop()


def test_other_spellings_are_no_spelling() -> None:
    for call in (lambda: encode(1, syntax="xml"), lambda: decode("1", syntax="xml")):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"'xml'.*'python' or 'json'"):
            call()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("json", '{"__jsonclass__":["tuple",[[1]]]}'),
        ("python", "(1, )"),
        ("", "(1, )"),
        (None, "(1, )"),
    ],
)
def test_the_environment_chooses_the_default(setting: str | None, expected: str) -> None:
    assert run_with_setting(setting) == (0, expected + "\n", "")


def test_a_wrong_setting_is_told() -> None:
    status, _, errors = run_with_setting("yaml")
    assert status == 1
    assert "SIPYCO_SYNTAX is 'yaml'; it can be 'python' or 'json'" in errors


def test_a_wrong_setting_stops_only_those_who_rely_on_it(tmp_path: Path) -> None:
    program = f"""
from sipyco.pyon import *
print(decode("[1]"), decode("(1,)"), encode((1,), syntax="python"), encode([1], syntax="json"))
store_file({str(tmp_path / "x")!r}, [1], syntax="json")
print(load_file({str(tmp_path / "x")!r}))
for rely in (lambda: encode(1), lambda: store_file({str(tmp_path / "y")!r}, 1)):
    try:
        rely()
    except ValueError as error:
        print(error)
"""
    message = "the environment variable SIPYCO_SYNTAX is 'yaml'; it can be 'python' or 'json'\n"
    expected = "[1] (1,) (1, ) [1]\n[1]\n" + 2 * message
    assert run_with_setting("yaml", program) == (0, expected, "")
    assert not (tmp_path / "y").exists()


def run_with_setting(
    setting: str | None, program: str = "from sipyco.pyon import encode; print(encode((1,)))"
) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "SIPYCO_SYNTAX"}
    if setting is not None:
        environment["SIPYCO_SYNTAX"] = setting
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_pretty_python_syntax_sorts_and_nests() -> None:
    value = {"b": {"y": 1, "x": [{"q": 1, "p": ()}]}, "a": {"only": {2: 1, "1": 2}}}
    assert encode(value, True, syntax="python") == (
        '{\n    "a": {"only": {\n        2: 1,\n        "1": 2\n    }},\n'
        '    "b": {\n        "x": [{\n            "p": (),\n            "q": 1\n        }],\n'
        '        "y": 1\n    }\n}'
    )
