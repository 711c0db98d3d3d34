import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest

from sipyco import pyon
from sipyco.pyon import EncodeError, InvalidValueError, decode, deregister, encode, register, wrap


class Frame:
    def __init__(self, number: int, *rest: Any) -> None:
        self.number = number
        self.rest = rest

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]


class Label(Frame):
    pass


@pytest.fixture
def frame() -> Any:
    register(Frame, name="mylab.Frame", encode=lambda x: [x.number, *x.rest], decode=Frame)
    yield Frame
    deregister(Frame, "mylab.Frame")


@pytest.mark.parametrize("syntax", ["python", "json"])
def test_a_registered_type_comes_back(frame: Any, syntax: Literal["python", "json"]) -> None:
    value = [Frame(1, (2, {3})), {"a": Frame(2)}]
    text = encode(value, syntax=syntax)
    assert decode(text) == value
    assert decode(text, syntax=syntax) == value


def test_spellings_of_a_registered_type(frame: Any) -> None:
    assert encode(Frame(1, "a"), syntax="python") == 'mylab.Frame(1, "a")'
    assert encode(Frame(1), syntax="json") == '{"__jsonclass__":["mylab.Frame",[1]]}'


@pytest.mark.parametrize("syntax", ["python", "json"])
def test_a_text_is_one_argument(syntax: Literal["python", "json"]) -> None:
    register(Frame, name="F", encode=lambda x: "ab", decode=lambda *args: args)
    try:
        assert decode(encode(Frame(1), syntax=syntax)) == ("ab",)
        assert decode('{"__jsonclass__":["F","ab"]}') == ("ab",)
    finally:
        deregister(Frame, "F")


def test_what_a_callback_raises_makes_the_value_invalid() -> None:
    register(Frame, name="F", encode=lambda x: [], decode=lambda: 1 / 0)
    try:
        for text in ("F()", "F(1)", '{"__jsonclass__":["F",[]]}'):
            with pytest.raises(InvalidValueError, match="cannot build this F"):
                decode(text)
    finally:
        deregister(Frame, "F")


def test_a_callback_must_give_a_list() -> None:
    register(Frame, name="F", encode=lambda x: {1: 2}, decode=Frame)  # type: ignore[arg-type, return-value]
    try:
        for syntax in ("python", "json"):
            with pytest.raises(TypeError, match="list or tuple"):
                encode(Frame(1), syntax=syntax)
    finally:
        deregister(Frame, "F")


def test_names_and_types_are_registered_once(frame: Any) -> None:
    for types, name in ((Frame, "other"), (Label, "mylab.Frame"), (Label, "tuple"), (int, "i")):
        with pytest.raises(AssertionError, match="cannot register"):
            register(types, name=name, encode=list, decode=list)
    for value_type in (tuple, np.ndarray, np.float64):
        with pytest.raises(AssertionError, match="has a spelling already"):
            register([Label, value_type], name="F", encode=list, decode=list)
    assert isinstance(encode(Frame(1)), str)
    with pytest.raises(EncodeError):
        encode(Label(1))


def test_several_types_share_a_name() -> None:
    register([Frame, Label], name="F", encode=lambda x: [x.number], decode=Frame)
    assert decode(encode([Label(3)])) == [Frame(3)]
    with pytest.raises(KeyError):
        deregister([Frame, int], "F")
    with pytest.raises(KeyError):
        deregister(Frame, "tuple")
    deregister([Frame, Label], "F")
    with pytest.raises(InvalidValueError):
        decode("F(3)")


def test_a_type_may_be_listed_twice() -> None:
    register([Frame, Frame], name="F", encode=lambda x: [x.number], decode=Frame)
    deregister([Frame, Frame], "F")
    register(Frame, name="F", encode=lambda x: [x.number], decode=Frame)
    deregister(Frame, "F")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"types": [Frame, 1]}, "1 is no type"),
        ({"types": "abc"}, "'a' is no type"),
        ({"types": 5}, "5 is no type"),
        ({"name": 5}, "the name is of type int"),
        ({"encode": None}, "encode is no function, but None"),
        ({"decode": "x"}, "decode is no function, but 'x'"),
    ],
)
def test_what_cannot_work_is_refused_at_once(wrong: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {"types": Frame, "name": "F", "encode": list, "decode": Frame}
    with pytest.raises(TypeError, match=reason):
        register(**given | wrong)
    register(**given)
    with pytest.raises(TypeError, match="1 is no type"):
        deregister([Frame, 1], "F")  # type: ignore[list-item]
    deregister(Frame, "F")


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_register_at_the_same_time() -> None:
    start = threading.Barrier(4)

    def work(number: int) -> None:
        mine = type(f"Mine{number}", (), {})
        name = f"mine{number}"
        start.wait()
        for _ in range(1000):
            register(mine, name=name, encode=lambda x: [], decode=mine)
            assert type(decode(encode(mine()))) is mine
            deregister(mine, name)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))


@pytest.mark.usefixtures("hasty_threads")
def test_one_of_many_threads_gets_a_name() -> None:
    start = threading.Barrier(4)

    def work(number: int) -> bool:
        mine = type(f"Mine{number}", (), {})
        start.wait()
        try:
            register(mine, name="F", encode=lambda x: [], decode=mine)
        except AssertionError:
            got = False
        else:
            got = True
        start.wait()
        if got:
            deregister(mine, "F")
        return got

    with ThreadPoolExecutor(4) as threads:
        for _ in range(300):
            assert sum(threads.map(work, range(4))) == 1


@pytest.mark.parametrize("name", ["my-frame", "nan", "None", "a..b", "é", "1a", ""])
def test_a_name_that_python_syntax_cannot_say(name: str) -> None:
    register(Frame, name=name, encode=lambda x: [x.number], decode=Frame)
    try:
        assert decode(encode(Frame(1), syntax="json")) == Frame(1)
        with pytest.raises(EncodeError, match=f"{name!r}, which is no name"):
            encode([Frame(1)], syntax="python")
    finally:
        deregister(Frame, name)


def test_wrap_gives_what_json_can_spell() -> None:
    assert wrap((1, (2,))) == {
        "__jsonclass__": ["tuple", [[1, {"__jsonclass__": ["tuple", [[2]]]}]]]
    }
    assert wrap(np.int8(9)) == {"__jsonclass__": ["npscalar", ["|i1", "CQ=="]]}
    assert wrap({1: 2}) == {"__jsonclass__": ["dict", [[[1, 2]]]]}
    for value in (1, "a", None, [1], {"a": 1}, {"a": (1,)}, object(), frozenset()):
        with pytest.raises(TypeError):
            wrap(value)


def test_names_of_scalars_are_names_in_numpy() -> None:
    for name in pyon._numpy_scalar:
        scalar = getattr(np, name)
        value = scalar("2020") if name == "datetime64" else np.zeros(1, scalar)[0]
        assert type(decode(encode(value))) is scalar


def test_numpy_is_imported_when_it_is_needed() -> None:
    program = """
import sys
from sipyco.pyon import encode, decode
decode(encode([(1, {2}, 3j)])); decode('{"__jsonclass__":["tuple",[[1]]]}')
try: encode(object())
except TypeError: pass
assert "numpy" not in sys.modules
decode('nparray((1, ), "|i1", b"AA==")')
assert "numpy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_public_names_say_where_they_live() -> None:
    assert all(
        getattr(pyon, name).__module__ == "sipyco.pyon" for name in pyon.__all__ if name != "Syntax"
    )
