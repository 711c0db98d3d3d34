import contextlib
import re
from collections import OrderedDict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipyco.pyon import DecodeError, EncodeError, InvalidValueError, _packed, deregister, register
from sipyco.pyon._codec import pack
from sipyco.pyon._packed import Reader
from tests.pyon.same import same
from tests.pyon.strategies import values

quick = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


def unpack(data: bytes, buffers: list[memoryview]) -> Any:
    reader = Reader([buffer.nbytes for buffer in buffers])
    value = reader.read(data)
    for memory, buffer in zip(reader.memory, buffers, strict=True):
        assert memory is not None
        memory[:] = buffer
    reader.check()
    return value


@pytest.mark.parametrize("inline", [0, 10, 1 << 20])
@given(value=values)
@quick
def test_every_value_comes_back_as_it_was(
    inline: int, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_packed, "MAX_INLINE_SIZE", inline)
    assert same(unpack(*pack(value)), value)


@given(data=st.binary(max_size=30))
@settings(quick, max_examples=500)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@given(value=values, data=st.data())
@settings(quick, max_examples=300)
def test_spoilt_values_are_read_or_refused(value: Any, data: st.DataObject) -> None:
    packed, _ = pack(value)
    start = data.draw(st.integers(0, len(packed)))
    spoilt = data.draw(st.binary(max_size=3))
    end = data.draw(st.integers(start, min(len(packed), start + 3)))
    read_or_refused(packed[:start] + spoilt + packed[end:])


def read_or_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        Reader([8]).read(data)


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "\ud83d\ude00",
        {"\ud800": {"\udfff": 1}},
        {1: {(2, "a"): [{None: "\ud800"}]}},
        [({"a": ({3: np.arange(3)},)},)],
        2**63 - 1,
        2**64 - 1,
        2**64,
        -(2**63) - 1,
        10**4300 - 1,
        OrderedDict([((1,), {2})]),
        {np.int8(3): Fraction(1, 3)},
        slice((1,), 2**70),
    ],
    ids=lambda value: ascii(value)[:20] if type(value) is not int else f"{value.bit_length()} bits",
)
def test_what_messagepack_does_not_have_comes_back_as_it_was(value: Any) -> None:
    assert same(unpack(*pack(value)), value)


def test_one_hundred_levels_always_work() -> None:
    value: Any = 1
    for _ in range(50):
        value = [(value,)]
    assert unpack(*pack(value)) == value


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (bytearray(b"x"), ()),
        ([(1, [memoryview(b"x")])], (0, 1, 0)),
        ({"a": {"b": bytearray()}}, ("a", "b")),
        ({1: (bytearray(),)}, (1, 0)),
        (frozenset(), ()),
        ({"a": [object()]}, ("a", 0)),
        ({Text("k"): 1}, ()),
        ([{np.str_("k"): object()}], (0, "k")),
        (np.array([None]), ()),
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value)),  # the same in each run
)
def test_what_is_not_in_the_model_is_refused_with_its_place(value: Any, path: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        pack(value)
    assert caught.value.path == path


def test_what_has_no_end_or_too_many_digits_is_refused() -> None:
    circle: list[Any] = []
    circle.append((circle,))
    with pytest.raises(ValueError, match="contains itself"):
        pack(circle)
    with pytest.raises(ValueError, match="4300 decimal digits"):
        pack([10**4300])
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deep"):
        pack(deep)


def test_large_arrays_are_neither_copied_when_written_nor_when_read() -> None:
    array = np.arange(10_000, dtype=">u2").reshape(100, 100)
    data, (buffer,) = pack({"image": array, "small": np.arange(3)})
    assert len(data) < 100
    assert np.shares_memory(np.frombuffer(buffer, np.uint8), array)
    reader = Reader([buffer.nbytes])
    read = reader.read(data)["image"]
    (memory,) = reader.memory
    assert memory is not None
    assert np.shares_memory(np.frombuffer(memory, np.uint8), read)
    assert (read.flags.owndata, read.flags.writeable, read.flags.aligned) == (True, True, True)


def test_arrays_in_other_orders_are_written_in_c_order() -> None:
    array = np.asfortranarray(np.arange(10_000.0).reshape(100, 100))[::2]
    assert same(unpack(*pack(array)), np.ascontiguousarray(array))


def test_registered_types_are_carried() -> None:
    class Point:
        def __init__(self, *at: Any) -> None:
            self.at = at

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Point) and self.at == other.at

        __hash__ = None  # type: ignore[assignment]

    register(Point, name="Point", encode=lambda point: point.at, decode=Point)
    try:
        for point in (Point(1, (2, "\ud800")), Point({3: np.float32(4)}.popitem()[0])):
            assert unpack(*pack([point])) == [point]
    finally:
        deregister(Point, "Point")
    with pytest.raises(EncodeError):
        pack(Point())


@pytest.mark.parametrize(
    ("sizes", "change", "reason"),
    [
        ([], b"", "the buffer 0, which there is not"),
        ([9999], b"", "the data are 9999 bytes"),
        ([10_000, 5], b"", "buffer 1 belongs to no array"),
        ([10_000], b"twice", "two arrays refer to the buffer 0"),
    ],
)
def test_buffers_that_do_not_fit_are_refused_before_memory_is_taken(
    sizes: list[int], change: bytes, reason: str
) -> None:
    data, _ = pack(np.zeros(10_000, np.uint8))
    with pytest.raises(InvalidValueError, match=reason):
        Reader(sizes).read(b"\x92" + data + data if change else data)


def test_text_that_is_no_text_is_found_when_the_memory_has_come() -> None:
    array = np.zeros(5000, "U1")
    data, (buffer,) = pack(array)
    reader = Reader([buffer.nbytes])
    reader.read(data)
    (memory,) = reader.memory
    assert memory is not None
    memory[:] = b"\xff" * buffer.nbytes
    with pytest.raises(InvalidValueError, match="no Unicode character"):
        reader.check()


def test_lengths_are_not_believed() -> None:
    # Arrays, maps and texts of four thousand million elements, and an extension.
    for start in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"):
        with pytest.raises(DecodeError):
            Reader().read(start + b"\xc0" * 100)
    with pytest.raises(DecodeError):
        Reader().read(b"\xc9\xff\xff\xff\xff\x01\x90")


@pytest.mark.parametrize(
    "data",
    [
        b"\xc7\x02\x01\xa1a",  # a tuple of the text "a"
        b"\xd4\x07\xc0",  # an extension that does not exist
        b"\xc7\x09\x04\x92\xa5tuple\x91\x90",  # a tuple, as others are written
        b"\xc7\x03\x04\x92\xa0\x90",  # the type ""
        b"\xc7\x02\x01\x92\xc0",  # half a MessagePack
        b"\xc7\x02\x03\xff\xff",  # no text
        b"\xc8\x10\x00\x02" + b"\x7f" * 4096,  # too many digits
        b"\xc7\x07\x05\x93\x91\xff\xa2u1\x00",  # less than no elements
    ],
)
def test_extensions_that_hold_something_else_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidValueError):
        Reader([8]).read(data)
