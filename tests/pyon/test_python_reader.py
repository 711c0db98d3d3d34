import ast
import math
import time
from collections import OrderedDict
from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipyco.pyon import DecodeError, InvalidValueError, decode
from tests.pyon.same import same


def read(text: str) -> Any:
    return decode(text, syntax="python")


@pytest.mark.parametrize(
    "text",
    [
        *("None", "True", "False", "0", "00", "1_000", "0x_fF", "0o17", "0B1_1", "-0", "+1"),
        *("1.", ".5", "1e5", "1_0.0_1e-1_0", "01.5", "1E400", "1j", "01j", ".5J", "1e3j"),
        *("(1+2j)", "1-2j", "-1+2j", "( 1 + 2j )"),
        *("''", '""', "'\"'", '"\'"', "'''a\n'b'''", '"""a"b\r\nc"""', "u'a'", "r'\\n'", "R'\\''"),
        *(
            "'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"'",
            "'\\101\\7\\1234'",
            "'\\x41'",
            "'\\u0041\\U0001f600'",
        ),
        *(
            "'a\\\nb'",
            "'\\N{DEGREE SIGN}'",
            "'\\N{latin small letter a}'",
            "'é😀\u2028'",
        ),
        *("b''", "b'\\x00\\xff\\101\\n'", "B'a'", "rb'\\x'", "Rb'\\''", "b'''\n'''", "bR'a'"),
        *("'a' \"b\" r'\\c'", "('a'\n'b' # c\n)", "b'a' b'b'"),
        *("()", "(1)", "(1,)", "(1, 2)", "(1, 2,)", "((), [])", "[]", "[1,]", "{}", "{1: 2,}"),
        *("{1}", "{1, 2,}", "{(1, 2): {'a': 1}}", "{'a': 1, 'a': 2}", "{1: 'a', True: 'b'}"),
        *("# c\n1 # d", "[ # c\n1,\n\t2\f]", "[1, \\\n2]", "\t1\n\n", "[1\r\n,\r2]"),
    ],
)
def test_reads_what_python_reads(text: str) -> None:
    assert same(read(text), ast.literal_eval(text.lstrip()))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_escapes_unknown_to_python_are_kept_as_python_keeps_them() -> None:
    assert read(r"'\d\/\ \8'") == "\\d\\/\\ \\8"
    assert read(r"b'\d\u0041\N{x}\8'") == b"\\d\\u0041\\N{x}\\8"
    assert read(r"'\777'") == "\u01ff"
    assert read(r"b'\777'") == b"\xff"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("null", None), ("true", True), ("false", False), ("inf", math.inf), ("-inf", -math.inf)],
        *[("nan", math.nan), ("-nan", math.nan), ("infj", complex(0, math.inf))],
        *[("(nan+infj)", complex(math.nan, math.inf)), ("(1.5+nanj)", complex(1.5, math.nan))],
        *[
            ("(-0-0j)", complex(-0.0, -0.0)),
            ("-0j", complex(0.0, -0.0)),
            ("(-0+1j)", complex(-0.0, 1)),
        ],
        *[("--1", 1), ("+-+1.5", -1.5), ("1.5+-2j", 1.5 - 2j)],
        *[("(1.5+1e999j-1e999j)", complex(1.5, math.nan)), ("{*()}", set()), ("{ * ( ) }", set())],
        *[("slice(3)", slice(3)), ("slice(1, None, 'a',)", slice(1, None, "a"))],
        *[("Fraction(3, 6)", Fraction(1, 2)), ("Fraction(2)", Fraction(2))],
        *[("OrderedDict()", OrderedDict()), ("OrderedDict([['a', 1]])", OrderedDict(a=1))],
        *[
            ("'\\ud83d\\ude00'", "😀"),
            ("'\\ud83d' '\\ude00'", "\ud83d\ude00"),
            ("'\\ude00'", "\ude00"),
        ],
        *[('{"__jsonclass__": ["tuple", [[1]]]}', {"__jsonclass__": ["tuple", [[1]]]})],
        ("'\\/'", "\\/"),
    ],
)
def test_reads_what_pyon_adds(text: str, value: Any) -> None:
    assert same(read(text), value)


@pytest.mark.parametrize(
    ("text", "construct", "position"),
    [
        ("().a", "attribute access", 2),
        ("[os.path]", "attribute access", 3),
        ("'a'.join([])", "attribute access", 3),
        ("slice.stop", "attribute access", 5),
        ("[1][0]", "a subscript", 3),
        ("(1)(2)", "a call", 3),
        ("[x for x in y]", "unknown name 'x'", 1),
        ("[1 for x in y]", "a comprehension", 3),
        ("{1: 2 for x in y}", "a comprehension", 6),
        ("1 + 2", "arithmetic", 2),
        ("1j + 2", "arithmetic", 3),
        ("2 ** 9", "arithmetic", 2),
        ("1 | 2", "an operator", 2),
        ("~1", "an operator", 0),
        ("1 < 2", "a comparison", 2),
        ("1 in [1]", "a comparison", 2),
        ("1 is not 1", "a comparison", 2),
        ("1 and 2", "a boolean operator", 2),
        ("not 1", "a boolean operator", 0),
        ("lambda: 0", "a lambda", 0),
        ("1 if 2 else 3", "a conditional expression", 2),
        ("f'{1}'", "an f-string", 0),
        ("Rf'{1}'", "an f-string", 0),
        ("ur'a'", "such a prefix", 0),
        ("slice(stop=1)", "a keyword argument", 10),
        ("slice(*[1])", "a star", 6),
        ("[*()]", "a star", 1),
        ("{**{}}", "a star", 1),
        ("{*(1,)}", "a star", 1),
        ("(a := 1)", "unknown name 'a'", 1),
        ("x = 1", "an assignment", 2),
        ("1; 2", "a second statement", 1),
        ("import os", "a statement", 0),
        ("await 1", "a coroutine", 0),
        ("...", "an ellipsis", 0),
        ("NaN", "unknown name 'NaN'", 0),
        ("tuple", "unknown name 'tuple'", 0),
        ("tuple([1])", "notation of its own", 0),
        ("slice", "is a type", 0),
        ("-True", "a number after a sign", 1),
        ("017", "zeros", 0),
        ("1__0", "runs into", 0),
        ("0xg", "runs into", 0),
        ("1if", "runs into", 0),
        ("'a", "no closing '", 0),
        ("'''a''", "no closing '''", 0),
        ("'a\nb'", "no closing '", 0),
        ("'a' b'b'", "cannot be joined", 0),
        ("b'é'", "ASCII", 2),
        ("'ab\\x4'", "\\x takes two", 3),
        ("'\\u12'", "\\u takes four", 1),
        ("'\\U00110000'", "no character", 1),
        ("'\\N{nonsense}'", "no character named", 1),
        ("'\\N{\ud800}'", r"no character named '\ud800'", 1),
        (f"'\\N{{{'A' * 100}}}'", "AA...'", 1),
        ("'\\N'", "\\N takes", 1),
        ("b'\\x'", "\\x takes", 2),
        ("", "the end of the text", 0),
        ("# only this", "the end of the text", 11),
        ("[1 2]", "expected ',' or ']'", 3),
        ("{1: 2, 3}", "expected ':'", 8),
        ("{1, 2: 3}", "expected ',' or '}'", 5),
        ("(,)", "expected a value", 1),
        ("(1,,)", "expected a value", 3),
        ("1 2", "expected the end of the text", 2),
        ("a\0b", "NUL", 1),
    ],
)
def test_says_what_is_wrong_and_where(text: str, construct: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read(text)
    assert construct in caught.value.msg
    assert caught.value.pos == position
    assert f"line 1 column {position + 1} (char {position})" in str(caught.value)
    assert type(caught.value) is DecodeError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense(1)", "unknown type name 'nonsense'"),
        ("__import__('os')", "unknown type name '__import__'"),
        ("slice()", "slice"),
        ("Fraction(1, 0)", "Fraction(1, 0)"),
        ("Fraction('1e1000000000')", "two integers"),
        ("Fraction(1.5)", "two integers"),
        ("Fraction(True, 1)", "two integers"),
        ("OrderedDict([1])", "pairs"),
        ("OrderedDict([(1, 2, 3)])", "pairs"),
        ("OrderedDict([([], 2)])", "unhashable"),
        ("OrderedDict(1)", "list"),
        ("{[1]: 2}", "unhashable"),
        ("{1: 2, {}: 3}", "unhashable"),
        ("{1, {*()}}", "unhashable"),
        ('{npscalar("<m8", b"AAAAAAAAAAA="): 1}', "hash"),
        ("1" * 4301, "4300"),
        ("-" + "1" * 4301 + "+1j", "4300"),
        ("9" * 4000 + "+1j", "too large"),
        ("[" * 10**5, "nested too deep"),
        ("(" * 10**5, "nested too deep"),
        ("{1:" * 10**5, "nested too deep"),
        ("slice(" * 10**5, "nested too deep"),
    ],
)
def test_refuses_values_that_cannot_exist(text: str, reason: str) -> None:
    for syntax in ("python", None):
        with pytest.raises(InvalidValueError) as caught:
            decode(text, syntax=syntax)
        assert reason in caught.value.msg


def test_nothing_is_taken_for_json() -> None:
    for text in ("NaN", "Infinity", "-Infinity", "[NaN]"):
        with pytest.raises(DecodeError):
            read(text)


@pytest.mark.parametrize("nest", ["[{}]", "({}, )", "{{1: {}}}", "{{'a': {}}}", "slice({}, 1, 2)"])
def test_a_hundred_levels_work(nest: str) -> None:
    text = "0"
    for _ in range(100):
        text = nest.format(text)
    read(text)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 10**6,
        "1" * 10**6 + ".5",
        "0." + "0" * 10**6 + "1",
        "1e" + "9" * 10**6,
        "-" * 10**5 + "1",
        "'" + "\\x41" * 10**5 + "'",
        "(" + "'" * 10**5,
        '("' * 10**5,
        "(" + "a" * 10**6 + "'",
        "#" * 10**6,
        " " * 10**6 + "'",
        "n" * 10**6 + "(",
        "1+" + "1j+" * 10**4 + "1j",
        "0x" + "f" * 10**6,
        "'\\N{" * 10**5,
        '"' + "\\" * 10**6,
    ],
    ids=lambda text: str(text[:6]),
)
def test_time_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    start = time.monotonic()
    for syntax in ("python", "json", None):
        with suppress(DecodeError):
            decode(text, syntax=syntax)
    assert time.monotonic() - start < 10  # The square would take hours.


literals = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(literals)
@settings(max_examples=60, deadline=None)
def test_repr_is_read_back(value: Any) -> None:
    assert same(read(repr(value)), value)
