import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipyco import pyon
from sipyco.sync_struct import Notifier, process_mod, update_from_dict

ATOMS = st.none() | st.booleans() | st.integers(0, 3) | st.floats(width=16) | st.just((1, [2]))
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
    ),
    max_leaves=10,
)
STRUCTURES = st.dictionaries(st.text("abc", max_size=1), VALUES, max_size=3)


def mods_of(old: Any, new: Any, *, deep: bool = True) -> list[dict[str, Any]]:
    """Update, and check that here and at a subscriber it has become what it should."""
    notifier = Notifier(copy.deepcopy(old))
    subscribed = copy.deepcopy(old)
    mods: list[dict[str, Any]] = []
    notifier.publish = lambda mod: mods.append(copy.deepcopy(mod))
    update_from_dict(notifier, new, deep=deep)
    for mod in mods:
        process_mod(subscribed, mod)
    texts = [pyon.encode(value, pretty=True) for value in (notifier.raw_view, subscribed, new)]
    assert texts[0] == texts[1] == texts[2]
    update_from_dict(notifier, new, deep=deep)
    assert notifier.revision == len(mods)  # the second time there was nothing to do
    return mods


@settings(deadline=None, max_examples=200)
@given(STRUCTURES, STRUCTURES, st.booleans())
def test_any_structure_becomes_any_other_here_and_at_subscribers(
    old: Any, new: Any, deep: bool
) -> None:
    mods_of(old, new, deep=deep)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1), st.lists(st.integers(0, 3), min_size=1))
def test_of_a_list_no_more_is_sent_than_must_be(old: list[int], new: list[int]) -> None:
    before = list(range(len(old) + 1))
    distances = [before]
    for i, b in enumerate(new):
        row = [i + 1]
        for j, a in enumerate(old):
            row.append(min(row[j] + 1, before[j + 1] + 1, before[j] + (a != b)))
        before = row
        distances.append(row)
    mods = mods_of({"l": old}, {"l": new})
    sent = sum(
        len(mod["value"]) if isinstance(mod.get("key"), slice) and "value" in mod else 1
        for mod in mods
    )
    assert sent <= distances[-1][-1]


def test_by_default_only_the_top_level_is_looked_at() -> None:
    old = {"same": [1], "list": [1, 2], "gone": 1}
    mods = mods_of(old, {"same": [1], "list": [1, 3], "new": {}}, deep=False)
    assert mods == [
        {"action": "delitem", "path": [], "key": "gone"},
        {"action": "setitem", "path": [], "key": "list", "value": [1, 3]},
        {"action": "setitem", "path": [], "key": "new", "value": {}},
    ]


@pytest.mark.parametrize(
    ("old", "new", "mods"),
    [
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": 3}}}, [("setitem", ["a", "b"])]),
        ({"l": [1, 2, 3]}, {"l": [1, 9, 3]}, [("setitem", ["l"])]),
        ({"l": [1, 2, 3]}, {"l": [1, 2, 3, 4]}, [("append", ["l"])]),
        ({"l": [1, 2, 3]}, {"l": [0, 1, 2, 3]}, [("insert", ["l"])]),
        ({"l": [1, 2, 3]}, {"l": [1, 3]}, [("pop", ["l"])]),
        ({"l": [1, 2, 3, 4]}, {"l": [2, 3, 4, 5]}, [("append", ["l"]), ("pop", ["l"])]),
        ({"l": [1, 2, 3, 4]}, {"l": [1, 4]}, [("delitem", ["l"])]),
        ({"l": [1, 4]}, {"l": [1, 2, 3, 4]}, [("setitem", ["l"])]),
        ({"l": [{"a": 1, "b": 2}, 5]}, {"l": [{"a": 1, "b": 3}, 5]}, [("setitem", ["l", 0])]),
        ({"l": [[1, 2], [3]]}, {"l": [[1, 2, 3], [3]]}, [("append", ["l", 0])]),
        ({"l": [1]}, {"l": []}, [("setitem", [])]),
        ({"a": {"b": 1}}, {"a": [1]}, [("setitem", [])]),
        ({"a": {"b": 1}}, {"a": {}}, [("delitem", ["a"])]),
        ({"a": 1}, {"a": True}, [("setitem", [])]),
        ({"a": 0.0}, {"a": -0.0}, [("setitem", [])]),
        ({"a": (1, [2])}, {"a": (1, [2])}, []),
    ],
)
def test_deep_updates_change_the_smallest_part(
    old: Any, new: Any, mods: list[tuple[str, list[Any]]]
) -> None:
    assert [(mod["action"], mod["path"]) for mod in mods_of(old, new)] == mods


def test_of_long_lists_only_what_differs_is_sent() -> None:
    old = [{"n": n, "v": 0} for n in range(1000)]
    new = copy.deepcopy(old)
    new[0]["v"] = new[500]["v"] = new[999]["v"] = 1
    assert len(mods_of({"l": old}, {"l": new})) == 3
    (mod,) = mods_of({"l": old}, {"l": [*old[:200], *range(300), *old[700:]]})
    assert mod["key"] == slice(200, 700)


@pytest.mark.parametrize("deep", [False, True])
def test_arrays_and_nan_that_are_the_same_are_not_written(deep: bool) -> None:
    def make() -> dict[str, Any]:
        return {
            "a": np.array([1.0, math.nan]),
            "nan": float("nan"),
            "complex": complex(math.nan, 1),
            "l": [np.zeros(3), {"x": np.float64("nan")}],
        }

    assert mods_of(make(), make(), deep=deep) == []
    changed = make()
    changed["l"][0] = np.zeros(3, np.float32)
    (mod,) = mods_of(make(), changed, deep=deep)
    assert mod["path"] == (["l"] if deep else [])


@pytest.mark.parametrize("deep", [False, True])
def test_the_source_can_be_changed_and_used_again(deep: bool) -> None:
    notifier = Notifier({})
    source = {"a": {"b": [1]}}
    update_from_dict(notifier, source, deep=deep)
    source["a"]["b"].append(2)
    assert notifier.raw_view == {"a": {"b": [1]}}
    mods: list[Any] = []
    notifier.publish = mods.append
    update_from_dict(notifier, source, deep=deep)
    assert notifier.raw_view == source
    assert len(mods) == 1


def test_a_plain_dict_can_be_updated_too() -> None:
    target = {"a": {"b": [1, 2]}, "c": 1}
    update_from_dict(target, {"a": {"b": [1, 3]}}, deep=True)
    assert target == {"a": {"b": [1, 3]}}
