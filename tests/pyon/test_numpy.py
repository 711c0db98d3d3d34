import base64
from typing import Any

import numpy as np
import pytest

from sipyco.pyon import InvalidValueError, decode, encode
from tests.pyon.same import same


@pytest.mark.parametrize("syntax", ["python", "json"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
@pytest.mark.parametrize("dtype", ["<f8", ">i2", "?", "S3", "<U2", "M8[s]", "i4,f8"])
def test_arrays_own_writable_aligned_memory_in_c_order(
    syntax: Any, shape: tuple[int, ...], dtype: str
) -> None:
    array = np.zeros(shape, dtype).T
    read = decode(encode(array, syntax=syntax))
    assert same(read, array)
    flags = read.flags
    assert flags.writeable
    assert flags.owndata
    assert flags.c_contiguous
    assert flags.aligned


def test_any_layout_of_memory_is_sent_in_c_order() -> None:
    base = np.arange(24, dtype=">u2").reshape(2, 3, 4)
    for view in (base.T, base[:, ::-1], base[..., 1], np.asfortranarray(base), base[1:, 1:, 1:]):
        assert same(decode(encode(view)), np.ascontiguousarray(view))
    read_only = np.frombuffer(b"ab", "u1")
    assert same(decode(encode(read_only)), read_only)


def test_gaps_do_not_carry_what_the_memory_held() -> None:
    padded = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    nested = np.dtype([("x", padded, (2,)), ("y", "u1")])
    for dtype in (padded, nested):
        for fill in (0xFF, 0):
            array = np.frombuffer(bytes([fill]) * dtype.itemsize, dtype).copy()
            for field in dtype.names or ():
                array[field] = np.zeros((), dtype[field])
            texts = {encode(array), encode(array[0])}
            assert not any("//" in text for text in texts)
    double = np.frombuffer(b"\xff" * 64, np.longdouble).copy()
    double[:] = 1
    assert len({encode(x) for x in double}) == 1


def test_types_that_share_a_code_are_told_apart() -> None:
    for value in (np.longlong(1), np.ulonglong(2), np.arange(2, dtype="q"), np.int64(3)):
        for syntax in ("python", "json"):
            assert same(decode(encode(value, syntax=syntax)), value)


@pytest.mark.parametrize("text", ["", "a\0", "\0\0", "é😀", "\ud800"])
def test_scalar_text_is_kept_to_its_last_character(text: str) -> None:
    for syntax in ("python", "json"):
        assert same(decode(encode(np.str_(text), syntax=syntax)), np.str_(text))
        data = text.encode("utf-8", "surrogatepass")
        assert same(decode(encode(np.bytes_(data), syntax=syntax)), np.bytes_(data))


def spelled(shape: str, dtype: str, data: bytes) -> str:
    return f'nparray({shape}, {dtype}, b"{base64.b64encode(data).decode()}")'


EIGHT = bytes(8)
HOSTILE = [
    spelled("(1000000000000, )", '"<f8"', EIGHT),
    spelled("(-1, )", '"<f8"', EIGHT),
    spelled("(-1, -1)", '"<f8"', EIGHT),
    spelled("(1.0, )", '"<f8"', EIGHT),
    spelled("(true, )", '"<f8"', EIGHT),
    spelled("1", '"<f8"', EIGHT),
    spelled("(2, )", '"<f8"', EIGHT),
    spelled("(" + "1, " * 65 + ")", '"<f8"', EIGHT),
    spelled("(0, 100000000000000000000000000000)", '"<f8"', b""),
    spelled("(0, " + "4294967296, " * 9 + ")", '"<f8"', b""),
    spelled("(1000000, 1000000)", '"V0"', b""),
    spelled("(65537, )", "[]", b""),
    spelled("(65537, )", '{"names": [], "formats": []}', b""),
    *[
        spelled("(1, )", dtype, EIGHT)
        for dtype in (
            *('"|O"', '"O"', '"object"', '"|O8"', '"T"', '"f9"', '"<f8,<f8"', '"nonsense"', '""'),
            *('"int"', '"m8[x]"', '"M8[0s]"', '"M8[9999999999s]"', '"V99999999999"', '"S-1"'),
            *('"(2,)f4"', '"{}"', '"f8 "', '"\\n<f8"', "8", "None", "1.5", "b'<f8'", "('<f8', 1)"),
            *('[("a", "|O")]', '[("a", [("b", "O")])]', '[("a", "<f4"), ("a", "<f4")]', "[1]"),
            *('[("a", "<f4", -1)]', '[("a", "<f4", (1000000, 1000000))]', '[(1, "<f8")]'),
            *('[("a", "<f4", 1.5)]', '[("a", )]', '[(("a", 1), "<f8")]', "[[]]"),
            *('{"names": ["a"]}', '{"names": ["a"], "formats": ["O"]}', '{"a": ("<f8", 0)}'),
            '{"names": ["a"], "formats": ["<f8"], "offsets": [-8]}',
            '{"names": ["a"], "formats": ["<f8"], "offsets": [8], "itemsize": 8}',
            '{"names": ["a"], "formats": ["<f8"], "offsets": [1' + "0" * 40 + "]}",
            '{"names": ["a"], "formats": ["<f8"], "itemsize": 4}',
            '{"names": ["a"], "formats": [], "itemsize": 8}',
            '{"names": ["a"], "formats": ["<f8"], "aligned": 1}',
            '{"names": ["a"], "formats": ["<f8"], "titles": [1]}',
            '{"names": "a", "formats": "d"}',
            '[("a", ' * 20 + '"<f8"' + ")]" * 20,
        )
    ],
    'nparray((1, ), "<f8", b"AAAAAAAAAA=")',
    'nparray((1, ), "<f8", b"AAAAAAAAAAA")',
    'nparray((1, ), "<f8", b"AAAA AAAAAAA=")',
    'nparray((1, ), "<f8", [0])',
    'nparray((1, ), "<f8")',
    'nparray((1, ), "<U2", b"/////////38=")',
    'nparray((1, ), [("a", ">U2")], b"/////////38=")',
    'npscalar("<f8", b"AA==")',
    'npscalar("<f8", b"")',
    'npscalar("|O", b"AAAAAAAAAAA=")',
    'npscalar("<U1", b"/////w==")',
    'npscalar("<U2", b"AAA=")',
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: str(text)[:50])
def test_hostile_arrays_are_refused(text: str) -> None:
    for syntax in ("python", None):
        with pytest.raises(InvalidValueError):
            decode(text, syntax=syntax)


@pytest.mark.parametrize(
    "dtype",
    [
        *(
            "<M8[D]",
            "<M8",
            "<m8[25s]",
            ">M8[as]",
            "<M8[generic]",
            "float64",
            "uint8",
            "bool",
            "=f4",
        ),
        *("q", ">q", "f", "|V3", "|S0", "<U0", "|V0", "<f2", ">c16", "|b1"),
    ],
)
def test_types_that_are_understood(dtype: str) -> None:
    size = np.dtype(dtype).itemsize * 2
    array = decode(spelled("(2, )", f'"{dtype}"', bytes(size)))
    assert array.dtype == np.dtype(dtype)
    assert array.shape == (2,)


def test_structures_from_others_are_read() -> None:
    # Lists instead of tuples: clear enough, though no writer of ours makes them.
    text = '{"__jsonclass__":["nparray",[[1],[["a","<i4"],["b","<f4",[1]]],"AAAAAAAAAAA="]]}'
    assert decode(text).dtype == np.dtype([("a", "<i4"), ("b", "<f4", (1,))])
    # The way of 1.x: the names of the fields are gone, the bytes are not.
    assert decode('npscalar("|V2", b"AAA=")') == np.void(b"\0\0")
