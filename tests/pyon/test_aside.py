"""Large arrays, whose base64 goes around the writers and readers of text."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipyco import pyon
from sipyco.pyon import _aside, _base64, _json, _python_reader
from sipyco.pyon._codec import encode_line
from tests.pyon.same import same
from tests.pyon.strategies import spoilt, values

ARRAY = np.arange(1 << 16, dtype=np.uint16)
SYNTAXES: list[pyon.Syntax] = ["python", "json"]
quick = settings(max_examples=200, deadline=None)


def put_aside(everything: bool) -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    patch.setattr(_aside, "MIN_SIZE", 1 if everything else 1 << 60)
    return patch


def outcome(text: str | bytes, *, everything: bool, syntax: pyon.Syntax | None) -> Any:
    patch = put_aside(everything)
    try:
        return pyon.decode(text, syntax=syntax)
    except pyon.DecodeError as error:
        return type(error), str(error), error.pos
    finally:
        patch.undo()


def spelled(value: Any, *, everything: bool, syntax: pyon.Syntax) -> str:
    patch = put_aside(everything)
    try:
        return pyon.encode(value, syntax=syntax)
    finally:
        patch.undo()


@quick
@given(values, st.sampled_from(SYNTAXES))
def test_texts_are_the_same_and_read_as_the_same(value: Any, syntax: pyon.Syntax) -> None:
    text = spelled(value, everything=False, syntax=syntax)
    assert spelled(value, everything=True, syntax=syntax) == text
    for chosen in (syntax, None):
        found = outcome(text, everything=True, syntax=chosen)
        assert same(found, outcome(text, everything=False, syntax=chosen))


@quick
@given(st.data())
def test_spoilt_texts_are_the_same_errors_at_the_same_places(data: Any) -> None:
    arrays = [ARRAY[:3], ARRAY[:1], {"a": ARRAY[:2]}]
    syntax = data.draw(st.sampled_from(SYNTAXES))
    text = data.draw(spoilt(st.just(spelled(arrays, everything=False, syntax=syntax))))
    expected = outcome(text, everything=False, syntax=None)
    found = outcome(text, everything=True, syntax=None)
    assert found == expected if type(expected) is tuple else same(found, expected)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_image_goes_around(syntax: pyon.Syntax, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"a": [ARRAY, (ARRAY[::2], "x")], "b": ARRAY.astype("f8")}
    line = b"".join(encode_line(value, syntax))
    assert line.decode() == spelled(value, everything=False, syntax=syntax) + "\n"
    module = _json if syntax == "json" else _python_reader
    inner, lengths = module.read, []

    def read(text: str, *args: Any) -> Any:
        lengths.append(len(text))
        return inner(text, *args)

    monkeypatch.setattr(module, "read", read)
    for text in (line, line.decode(), bytearray(line), memoryview(line)):
        found = pyon.decode(text, syntax=syntax)
        assert same(found, value)
        assert found["b"].flags.owndata
        assert found["b"].flags.writeable
    assert max(lengths) < 1000


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("text", ["=0=", "=1=", '"=0="', "nparray", '"nparray",[', "nparray("])
def test_texts_that_look_like_marks_stay_texts(text: str, syntax: pyon.Syntax) -> None:
    for value in (
        [text, ARRAY],
        [ARRAY, text],
        {text: ARRAY},
        [text, ARRAY, text, ARRAY[1:]],
        [text, "A" * 100_000, ARRAY],
        [text + "A" * 100_000],
    ):
        written = pyon.encode(value, syntax=syntax)
        assert written == spelled(value, everything=False, syntax=syntax)
        assert same(pyon.decode(written, syntax=syntax), value)


def test_a_mark_that_a_peer_sends_is_no_base64() -> None:
    data = pyon.encode(ARRAY, syntax="json").split('"')[-2]
    text = f"""[{{"__jsonclass__": ["nparray", [[65536], "<u2", "{data}"]]}},
        {{"__jsonclass__": ["nparray", [[65536], "<u2", "=0="]]}}]"""
    with pytest.raises(pyon.InvalidValueError):
        pyon.decode(text)


def test_what_follows_a_large_array_is_read_to_its_end() -> None:
    for syntax in SYNTAXES:
        text = pyon.encode(ARRAY, syntax=syntax)
        with pytest.raises(pyon.DecodeError) as raised:
            pyon.decode(text + " ]", syntax=syntax)
        assert raised.value.pos == len(text) + 1


class _Frame:
    """A type of a program, which keeps its array in a text of its own."""

    def __init__(self, array: Any) -> None:
        self.array = array


def test_registered_types_may_write_arrays_as_they_like() -> None:
    pyon.register(
        _Frame,
        name="aside.Frame",
        encode=lambda frame: (json.dumps(pyon.wrap(frame.array)), pyon.encode(frame.array)),
        decode=lambda described, text: _Frame([pyon.decode(described), pyon.decode(text)]),
    )
    try:
        for syntax in SYNTAXES:
            text = pyon.encode([ARRAY, _Frame(ARRAY)], syntax=syntax)
            plain, frame = pyon.decode(text, syntax=syntax)
            assert same([plain, *frame.array], [ARRAY] * 3)
    finally:
        pyon.deregister(_Frame, name="aside.Frame")


@given(st.binary(max_size=40), st.sampled_from([4, 8, 64]))
def test_base64_is_read_into_memory(data: bytes, chunk_size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_base64, "CHUNK_SIZE", chunk_size)
        text = memoryview(base64.b64encode(data))
        memory = bytearray(_base64.size_of(text))
        _base64.read_into(text, memoryview(memory))
        assert memory == data


@pytest.mark.parametrize(
    "text", [b"AAA", b"AA==AAAA", b"AAAA====", b"AA*A", b"A===", b"=", b"AAAAA"]
)
def test_what_is_no_base64_is_not_read_into_memory(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_base64, "CHUNK_SIZE", 4)
    view = memoryview(text)
    with pytest.raises(ValueError, match=r"."):
        _base64.read_into(view, memoryview(bytearray(_base64.size_of(view))))
