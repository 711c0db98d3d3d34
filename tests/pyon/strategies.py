"""Values of the whole data model, for hypothesis."""

from collections import OrderedDict
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

TYPES = [
    *("?", "b", "h", "i", "l", "q", "B", "H", "I", "L", "Q", "e", "f", "d", "F", "D"),
    *(">i4", ">f8", ">c16", ">u2", ">q", "S0", "S3", "U0", "U2", ">U3", "V4"),
    *("M8[D]", "M8[25s]", "m8[ns]", "m8", ">M8[us]"),
]

structures = st.sampled_from(
    [
        np.dtype([("a", "<i4"), ("b", "<f8")]),
        np.dtype([("ä b", ">u2", (2, 3)), ("t", "M8[us]"), ("s", "S0")]),
        np.dtype([("outer", [("x", "?"), ("y", "U1")]), ("q", "q")]),
        np.dtype({"names": ["a"], "formats": ["<i2"], "offsets": [3], "itemsize": 9}),
        np.dtype({"names": ["b", "a"], "formats": ["u1", ("f4", (2,))], "offsets": [8, 0]}),
        np.dtype([("a", "i1"), ("b", "i8")], align=True),
        np.dtype([(("title", "n"), "<i4")]),
        np.dtype([("in", np.dtype([("a", "i1"), ("b", "i8")], align=True), (2,))]),
    ]
)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    dtype: Any = np.dtype(draw(st.sampled_from(TYPES)))
    if draw(st.integers(0, 3)) == 0:
        dtype = draw(structures)
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    size = int(np.prod(shape)) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    if dtype.kind in "UV":
        data = bytes(size)  # Any bytes would be no characters.
    array: Any = np.ndarray(shape, dtype, buffer=bytearray(data)).copy()
    return array.T if draw(st.booleans()) else array


@st.composite
def scalars(draw: st.DrawFn) -> Any:
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    if dtype.kind == "U":
        return np.str_(draw(st.text(max_size=4)))
    if dtype.kind == "S":
        return np.bytes_(draw(st.binary(max_size=4)))
    data = draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    return np.ndarray((1,), dtype, buffer=bytearray(data)).copy()[0]


special_text = st.sampled_from(
    ["__jsonclass__", "(", ")", "\\ud83d", "\u2028\x7f\x00/\\/'\"", "😀", "nan", "np(", "#", "\\"]
)
texts = st.text(max_size=8) | special_text
floats = st.floats() | st.sampled_from([0.0, -0.0, float("inf"), float("-inf"), float("nan")])
numbers = (
    st.integers()
    | st.integers(-(10**60), 10**60)
    | floats
    | st.builds(complex, floats, floats)
    | st.fractions()
)
plain_leaves = st.none() | st.booleans() | numbers | texts | st.binary(max_size=8)
# Times of different units raise when a dict compares them and they are too far apart.
hashable_scalars = scalars().filter(lambda x: x.dtype.kind not in "mMV")
hashables = st.recursive(
    plain_leaves | hashable_scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
slices = st.builds(slice, plain_leaves, plain_leaves, plain_leaves)

values: st.SearchStrategy[Any] = st.recursive(
    plain_leaves | scalars() | arrays() | slices,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(texts, inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.lists(st.tuples(hashables, inner), max_size=3).map(OrderedDict)
        | st.sets(hashables, max_size=3)
    ),
    max_leaves=12,
)
"""Anything that PYON carries, except for halves of characters."""

pieces = st.sampled_from(
    [
        *"()[]{},:+-*'\"\\#.= \n\t\x00\x85_0129ejxnéb",
        *("nan", "inf", "null", "None", "True", "NaN", "Infinity", "-Infinity", "infj", "1e999j"),
        *('"__jsonclass__"', '{"__jsonclass__":[', '"tuple",[[', "slice(", "Fraction(1,2)"),
        *(
            '{"(":[',
            '],")":0}',
            '],"":',
            '"("',
            '")"',
            "\\u0028",
            "\\/",
            "(1]",
            "[2)",
            ",)",
            "{*()}",
        ),
        *(
            'nparray((1, ), "<i4", b"AQAAAA==")',
            'npscalar("|O", b"AA==")',
            "npscalar(",
            "nparray((",
        ),
        *(
            'b"AA=="',
            '"<f8"',
            "'''",
            '"""',
            'rb"',
            "\\N{BEL}",
            "\\ud83d\\ude00",
            "0x",
            "1_0",
            "# c\n",
        ),
        *("OrderedDict([(1, 2)])", "lambda", "for", " if ", "f''", "\r\n", "\ufeff", "\ud800"),
    ]
)
"""What texts are spoilt with."""


@st.composite
def spoilt(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Texts with pieces cut out, put in and exchanged."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 3)))
        text = text[:start] + draw(pieces | st.just("")) + text[end:]
    return text
