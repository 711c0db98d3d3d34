from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipyco.pyon import DecodeError, decode, encode
from sipyco.pyon import _python_reader as reader
from sipyco.pyon import _python_shortcut as shortcut
from tests.pyon.same import same
from tests.pyon.strategies import pieces, spoilt, values

Syntax = Literal["python", "json"]

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("syntax", ["python", "json"])
@given(value=values)
@quick
def test_every_value_comes_back_as_it_was(syntax: Syntax, pretty: bool, value: Any) -> None:
    text = encode(value, pretty, syntax=syntax)
    assert text.isascii()
    assert pretty or "\n" not in text
    ordered = not (pretty and syntax == "python")
    assert same(decode(text, syntax=syntax), value, ordered=ordered)
    assert same(decode(text.encode()), value, ordered=ordered)
    assert encode(value, pretty, syntax=syntax) == text


@given(value=values)
@quick
def test_shortcut_reads_what_the_parser_reads(value: Any) -> None:
    text = encode(value, syntax="python")
    short = shortcut.read(text)
    assert short is shortcut.ELSEWHERE or same(short, value)
    assert same(reader.parse(text), value)


def outcome(read: Any, text: str) -> Any:
    """The value, or DecodeError; anything else raised is a failure of the test."""
    try:
        return read(text)
    except DecodeError:
        return DecodeError


python_texts = values.map(lambda value: encode(value, syntax="python"))
json_texts = values.map(lambda value: encode(value, syntax="json"))
soups = st.lists(pieces, max_size=8).map("".join)


@given(text=spoilt(python_texts | json_texts | soups) | st.text(max_size=8))
@settings(quick, max_examples=300)
def test_any_text_is_decoded_or_refused(text: str) -> None:
    python = outcome(lambda t: decode(t, syntax="python"), text)
    json = outcome(lambda t: decode(t, syntax="json"), text)
    either = outcome(decode, text)
    assert same(python, outcome(reader.parse, text.removeprefix("\ufeff")))
    if json is DecodeError:
        # A malformed special value in JSON is refused even though Python syntax has a dict there.
        assert either is DecodeError or same(either, python)
    else:
        assert same(either, json)
    short = shortcut.read(text)
    if short is not shortcut.ELSEWHERE:
        assert same(short, reader.parse(text))


@given(data=st.binary(max_size=20))
@quick
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    for given_data in (data, bytearray(data), memoryview(data)):
        outcome(decode, given_data)  # type: ignore[arg-type]
