import numpy as np
import pytest

from sipyco._rpctool.expressions import NotAnExpression, arguments, method_call


@pytest.mark.parametrize(
    ("words", "positional", "by_name"),
    [
        ([], (), {}),
        (["3 * 4 + 2", "True", "[1, 2]"], (14, True, [1, 2]), {}),
        (["-5", " 7 "], (-5, 7), {}),
        (['"hello"', "'x=1'"], ("hello", "x=1"), {}),
        (["1", "unit='V'", "wait = False"], (1,), {"unit": "V", "wait": False}),
        (["1==1", "2<=1", "2!=1"], (True, False, True), {}),
        (["len('abc')"], (3,), {}),
        (["(1, 2)", "{'a': 1j}"], ((1, 2), {"a": 1j}), {}),
    ],
)
def test_words_are_python_expressions(
    words: list[str], positional: tuple[object, ...], by_name: dict[str, object]
) -> None:
    assert arguments(words) == (positional, by_name)


def test_numpy_is_there_as_np_also_within_functions() -> None:
    ((array, numbers), _) = arguments(["np.array([1.0, 2.0])", "[np.int8(x) for x in (1, 2)]"])
    np.testing.assert_array_equal(array, [1.0, 2.0])
    assert numbers == [1, 2]
    assert type(numbers[0]) is np.int8


def test_a_lambda_with_a_default_is_no_keyword_argument() -> None:
    ((function,), by_name) = arguments(["lambda x=1: x"])
    assert (function(), by_name) == (1, {})


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("test", "'\"test\"'"),
        ("hello world", "'\"hello world\"'"),
        ("msg=hello", "'msg=\"hello\"'"),
        ("10.0.0.1", "'\"10.0.0.1\"'"),
        ("/dev/ttyUSB0", "'\"/dev/ttyUSB0\"'"),
        ("C:\\data", "'\"C:\\\\data\"'"),
        ("don't", "'\"don'\"'\"'t\"'"),
        ("", "'\"\"'"),
        ("x=", "'x=\"\"'"),
    ],
)
def test_a_word_that_is_no_expression_is_shown_quoted(word: str, quoted: str) -> None:
    with pytest.raises(NotAnExpression, match="is no Python expression") as error:
        arguments([word])
    assert str(error.value).endswith(f"a string needs quotes of its own: {quoted}")


def test_an_option_after_the_method_is_recognised() -> None:
    with pytest.raises(NotAnExpression, match="options go before the method"):
        arguments(["-v"])


def test_an_expression_that_raises_is_reported_with_what_it_raised() -> None:
    with pytest.raises(NotAnExpression, match="'1/0' cannot be evaluated: ZeroDivisionError: "):
        arguments(["1/0"])


def test_a_keyword_given_twice_is_refused() -> None:
    with pytest.raises(NotAnExpression, match="'x' was given twice"):
        arguments(["x=1", "x=2"])


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("ping()", ("ping", ((), {}))),
        (" move(1 + 1, axis='x') ", ("move", ((2,), {"axis": "x"}))),
        ("move(*[1, 2], **{'axis': 3})", ("move", ((1, 2), {"axis": 3}))),
        ("move(_ * 2)", ("move", ((42,), {}))),
        ("move(np.int16(3))", ("move", ((3,), {}))),
    ],
)
def test_a_line_is_the_call_of_a_method(line: str, called: object) -> None:
    assert method_call(line, last_result=21) == called


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ping", "call it: ping()"),
        ("move(1", "write method(arguments)"),
        ("3 + 4", "is not the call of a method"),
        ("x = 5", "write method(arguments)"),
        ("dev.ping()", "is not the call of a method"),
        ("import os", "write method(arguments)"),
        ("move(home)", "the arguments of 'move' cannot be evaluated: name 'home' is not defined"),
        ("move(1/0)", "cannot be evaluated: ZeroDivisionError: division by zero"),
        ("\0", "write method(arguments)"),
    ],
)
def test_other_lines_are_refused_with_what_to_write(line: str, complaint: str) -> None:
    with pytest.raises(NotAnExpression) as error:
        method_call(line)
    assert complaint in str(error.value)
