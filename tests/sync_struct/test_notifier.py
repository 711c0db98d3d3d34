import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipyco import pyon
from sipyco.sync_struct import Notifier, Publisher, process_mod

ATOMS = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)
STRUCTURES = st.dictionaries(st.text("abc", max_size=1), VALUES, max_size=3)

Operation = Callable[[Any], Any]


def told(notifier: Notifier) -> list[dict[str, Any]]:
    """Collect the mods of a Notifier as they are when they are published."""
    mods: list[dict[str, Any]] = []
    notifier.publish = lambda mod: mods.append(copy.deepcopy(mod))
    return mods


def containers(structure: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all lists and dicts."""
    found = [path]
    items = structure.items() if isinstance(structure, dict) else enumerate(structure)
    for key, value in items:
        if isinstance(value, list | dict):
            found += containers(value, (*path, key))
    return found


def at(structure: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        structure = structure[step]
    return structure


def set_item(key: Any, value: Any) -> Operation:
    return lambda container: container.__setitem__(key, copy.deepcopy(value))


def delete_item(key: Any) -> Operation:
    return lambda container: container.__delitem__(key)


def method(name: str, *args: Any, **kwargs: Any) -> Operation:
    return lambda container: getattr(container, name)(*copy.deepcopy(args), **kwargs)


def add_to_item(key: Any, value: Any) -> Operation:
    def operation(container: Any) -> None:
        container[key] += value

    return operation


def multiply_item(key: Any, value: int) -> Operation:
    def operation(container: Any) -> None:
        container[key] *= value

    return operation


def merge_into_item(key: Any, value: Any) -> Operation:
    def operation(container: Any) -> None:
        container[key] |= value

    return operation


INDICES = st.integers(-3, 3)
SLICES = st.slices(4)
KEYS = st.text("abc", max_size=1)

ON_ITEMS = st.one_of(
    st.builds(set_item, KEYS | INDICES, VALUES),
    st.builds(delete_item, KEYS | INDICES | SLICES),
    st.builds(add_to_item, KEYS | INDICES, st.integers(-3, 3) | st.lists(ATOMS, max_size=2)),
    st.builds(multiply_item, KEYS | INDICES, st.integers(0, 2)),
    st.builds(merge_into_item, KEYS | INDICES, STRUCTURES),
)
ON_LISTS = st.one_of(
    st.builds(set_item, SLICES, st.lists(VALUES, max_size=3)),
    st.builds(method, st.just("append"), VALUES),
    st.builds(method, st.just("insert"), INDICES, VALUES),
    st.builds(method, st.just("pop")),
    st.builds(method, st.just("pop"), INDICES),
    st.builds(method, st.just("extend"), st.lists(VALUES, max_size=3)),
    st.builds(method, st.just("remove"), ATOMS),
    st.builds(method, st.just("clear")),
    st.builds(method, st.just("reverse")),
    st.just(lambda container: container.sort(key=repr)),
)
ON_DICTS = st.one_of(
    st.builds(method, st.just("update"), STRUCTURES),
    st.builds(method, st.just("pop"), KEYS),
    st.builds(method, st.just("pop"), KEYS, ATOMS),
    st.builds(method, st.just("setdefault"), KEYS, VALUES),
    st.builds(method, st.just("popitem")),
    st.builds(method, st.just("clear")),
)


def outcome(operation: Operation, container: Any) -> type[Exception] | None:
    try:
        operation(container)
    except Exception as exc:
        return type(exc)
    return None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_sequence_of_changes_means_what_it_means_in_python_here_and_at_subscribers(
    data: st.DataObject,
) -> None:
    plain = data.draw(STRUCTURES)
    notifier = Notifier(copy.deepcopy(plain))
    subscribed = copy.deepcopy(plain)
    mods = told(notifier)
    for _ in range(data.draw(st.integers(1, 8))):
        path = data.draw(st.sampled_from(containers(plain)))
        kind = ON_LISTS if isinstance(at(plain, path), list) else ON_DICTS
        operation = data.draw(ON_ITEMS | kind)
        before = copy.deepcopy(notifier.raw_view)
        expected = outcome(operation, at(plain, path))
        # A place is indexed like in Python; a bool for an error would be one, too.
        assert outcome(operation, at(notifier, path)) is expected
        if expected is not None:
            assert mods == []
            assert notifier.raw_view == before
            plain = copy.deepcopy(before)  # Python's own `+=` on items may have changed something
        for mod in mods:
            process_mod(subscribed, pyon.decode(pyon.encode(mod)))
        mods.clear()
        assert notifier.raw_view == plain == subscribed
        # `*=` leaves one list in two places in Python, and two lists in a structure that travels.
        plain = pyon.decode(pyon.encode(plain))
        assert pyon.encode(subscribed) == pyon.encode(notifier.raw_view)  # in order and type, too


def test_the_example_of_the_manual_works() -> None:
    n = Notifier([])
    n.append([])
    n[0].append(42)
    assert n.raw_view == [[42]]
    assert n.read is n.raw_view


def test_the_raw_view_is_the_structure_itself() -> None:
    structure = {"a": [1]}
    notifier = Notifier(structure)
    assert notifier.raw_view is structure
    assert notifier["a"].raw_view is structure["a"]


def test_a_notifier_without_anybody_who_listens_changes_its_structure() -> None:
    notifier = Notifier({"a": [1]})
    assert notifier.publish is None
    notifier["a"].append(2)
    assert notifier.raw_view == {"a": [1, 2]}


def test_publish_can_be_assigned_and_taken_away_at_any_time() -> None:
    notifier = Notifier([])
    mods: list[Any] = []
    notifier.publish = mods.append
    notifier.append(1)
    notifier.publish = None
    notifier.append(2)
    assert mods == [{"action": "append", "path": [], "x": 1}]
    assert notifier.raw_view == [1, 2]


def test_changes_are_published_as_primitive_mods() -> None:
    notifier = Notifier({"l": [3, 1, 2], "d": {"a": 1}})
    mods = told(notifier)
    notifier["l"].extend([5, 6])
    notifier["l"].remove(1)
    notifier["d"].update({"b": 2}, c=3)
    notifier["d"].pop("a")
    notifier["l"].sort()
    notifier["d"].clear()
    assert [(mod["action"], mod["path"]) for mod in mods] == [
        *[("append", ["l"])] * 2,
        ("pop", ["l"]),
        *[("setitem", ["d"])] * 2,
        ("delitem", ["d"]),
        *[("setitem", ["l"])] * 2,
        *[("delitem", ["d"])] * 2,
    ]
    assert notifier.raw_view == {"l": [2, 3, 5, 6], "d": {}}


def test_what_a_method_cannot_publish_raises_and_changes_nothing() -> None:
    notifier = Notifier({"s": {1}, "a": np.zeros(3), "d": {}})
    mods = told(notifier)
    for name, attribute in (("s", "add"), ("a", "fill"), ("a", "resize"), ("d", "fromkeys")):
        with pytest.raises(AttributeError, match=f"no {attribute!r}.*raw_view"):
            getattr(notifier[name], attribute)
    with pytest.raises(AttributeError, match="'nothing'"):
        notifier["d"].nothing()
    with pytest.raises(AttributeError):
        notifier["a"].append(1)
    assert mods == []


def test_a_change_that_fails_is_not_published() -> None:
    notifier = Notifier({"l": [1], "t": (1, 2), "a": np.zeros(3)})
    mods = told(notifier)
    failures: list[Operation] = [
        lambda n: n["l"].pop(5),
        lambda n: n["l"].__setitem__(3, 1),
        lambda n: n["l"].remove(9),
        lambda n: n["l"].__setitem__(slice(0, 1), 5),
        lambda n: n.__delitem__("nothing"),
        lambda n: n["t"].__setitem__(0, 1),
        lambda n: n["a"].__setitem__(slice(0, 2), [1, 2, 3]),
        lambda n: n["a"].__setitem__((0, 1), 5),
        lambda n: n["nothing"].append(1),
        lambda n: n["l"].extend(5),
        lambda n: n["l"].sort(key=lambda x: x.nothing),
        lambda n: n["t"].append(1),
    ]
    for operation in failures:
        with pytest.raises((LookupError, ValueError, TypeError, AttributeError)):
            operation(notifier)
    assert mods == []
    assert notifier.revision == 0
    assert pyon.encode(notifier.raw_view) == pyon.encode({"l": [1], "t": (1, 2), "a": np.zeros(3)})


class Unknown:
    """PYON cannot spell it."""


@pytest.mark.parametrize(
    "operation",
    [
        set_item("l", Unknown()),
        lambda n: n["l"].append(Unknown()),
        lambda n: n["l"].insert(0, {"deep": [Unknown()]}),
        lambda n: n["l"].extend([1, Unknown()]),
        lambda n: n["l"].__setitem__(slice(None), [Unknown()]),
        lambda n: n["d"]["e"].update({"a": 1, "b": Unknown()}),
        lambda n: n["d"]["e"].__setitem__(Unknown(), 1),
        lambda n: n["d"].setdefault("new", Unknown()),
        add_to_item("l", [1, Unknown()]),
        merge_into_item("d", {"a": 1, "b": Unknown()}),
        lambda n: n["a"].__setitem__(..., 1),
    ],
)
def test_a_value_that_cannot_be_encoded_changes_nothing(operation: Operation) -> None:
    structure = {"l": [1], "d": {"e": {}}, "a": np.zeros(2)}
    notifier = Notifier(structure)
    Publisher({"data": notifier})
    with pytest.raises(TypeError):
        operation(notifier)
    assert pyon.encode(structure) == pyon.encode({"l": [1], "d": {"e": {}}, "a": np.zeros(2)})
    assert notifier.revision == 0


def test_arrays_are_changed_by_slices_and_tuples_of_indices() -> None:
    notifier = Notifier({"arr": np.zeros((3, 4)), "line": np.arange(5)})
    subscribed = copy.deepcopy(notifier.raw_view)
    mods = told(notifier)
    notifier["line"][1:3] = np.array([7, 8])
    notifier["line"][::2] = 0
    notifier["line"][1:3] += 1
    notifier["line"] *= 2
    notifier["arr"][0, 1] = 5
    notifier["arr"][1:3, ::2] = [[1, 2], [3, 4]]
    notifier["arr"][0][1:3] = 9
    notifier["arr"][0, 0] += 1
    notifier["arr"][np.array([True, False, False])] += 1
    for mod in mods:
        process_mod(subscribed, pyon.decode(pyon.encode(mod)))
    assert len(mods) == 9
    for name in ("arr", "line"):
        assert np.array_equal(subscribed[name], notifier.raw_view[name])
    assert notifier["arr"].raw_view.tolist() == [[2, 10, 10, 1], [1, 0, 2, 0], [3, 0, 4, 0]]


def test_fields_of_structured_arrays_are_changed_at_both_ends() -> None:
    notifier = Notifier({"table": np.zeros(2, [("x", "<i4"), ("y", "<f8")])})
    subscribed = copy.deepcopy(notifier.raw_view)
    mods = told(notifier)
    notifier["table"][1]["x"] = 5
    notifier["table"]["y"][0] = 2.5
    for mod in mods:
        process_mod(subscribed, pyon.decode(pyon.encode(mod)))
    assert subscribed["table"].tolist() == notifier["table"].raw_view.tolist() == [(0, 2.5), (5, 0)]


def test_augmented_assignments_publish_one_change() -> None:
    notifier = Notifier({"i": 7, "f": 1.0, "s": {1}, "t": (1,), "text": "a", "m": np.eye(2)})
    mods = told(notifier)
    notifier["i"] += 1
    notifier["i"] -= 2
    notifier["i"] *= 3
    notifier["i"] //= 2
    notifier["i"] %= 5
    notifier["i"] <<= 3
    notifier["i"] >>= 1
    notifier["i"] |= 1
    notifier["i"] &= 0xFF
    notifier["i"] ^= 2
    notifier["i"] **= 2
    notifier["f"] /= 4
    notifier["s"] |= {2}
    notifier["t"] += (2,)
    notifier["text"] += "b"
    notifier["m"] @= np.eye(2) * 2
    assert [mod["action"] for mod in mods] == ["setitem"] * 16
    assert pyon.encode(notifier.raw_view) == pyon.encode(
        {
            "i": (((((7 + 1 - 2) * 3 // 2) % 5 << 3 >> 1) | 1) & 0xFF ^ 2) ** 2,
            "f": 0.25,
            "s": {1, 2},
            "t": (1, 2),
            "text": "ab",
            "m": np.eye(2) * 2,
        }
    )


def test_augmented_assignment_through_a_variable_is_published() -> None:
    notifier = Notifier({"count": 1})
    mods = told(notifier)
    count = notifier["count"]
    count += 1
    assert notifier.raw_view == {"count": 2}
    assert count.raw_view == 2
    assert len(mods) == 1


def test_a_structure_as_a_whole_cannot_be_replaced() -> None:
    array = np.zeros(2)
    notifier = whole = Notifier(array)
    with pytest.raises(TypeError, match="as a whole"):
        notifier += 1
    assert notifier is whole
    assert array.tolist() == [0, 0]


def test_a_whole_list_is_changed_in_place() -> None:
    structure = [1]
    notifier = whole = Notifier(structure)
    notifier += [2]
    notifier *= 2
    assert notifier is whole
    assert structure == [1, 2, 1, 2]


def test_a_notifier_that_is_assigned_is_copied() -> None:
    notifier = Notifier({"a": [1], "b": None, "l": []})
    mods = told(notifier)
    notifier["b"] = notifier["a"]
    notifier["l"].append(notifier["a"])
    notifier["l"].extend(notifier["a"])
    notifier["a"].append(2)
    notifier.update({"c": notifier["a"]})
    assert notifier.raw_view == {"a": [1, 2], "b": [1], "l": [[1], 1], "c": [1, 2]}
    subscribed = {"a": [1], "b": None, "l": []}
    for mod in mods:
        process_mod(subscribed, mod)
    assert subscribed == notifier.raw_view


def test_a_notifier_is_a_place_whatever_is_there() -> None:
    notifier = Notifier({"a": [1]})
    subscribed = {"a": [1]}
    mods = told(notifier)
    place = notifier["a"]
    notifier["a"] = [5]
    place.append(6)
    assert place.raw_view == [5, 6]
    for mod in mods:
        process_mod(subscribed, mod)
    assert subscribed == notifier.raw_view == {"a": [5, 6]}
    del notifier["a"]
    with pytest.raises(KeyError):
        place.append(7)


def test_reading_needs_no_raw_view() -> None:
    notifier = Notifier({"l": [1, [2]], "d": {}})
    assert len(notifier) == 2
    assert "l" in notifier
    assert list(notifier) == ["l", "d"]
    assert [element.raw_view for element in notifier["l"]] == [1, [2]]
    assert repr(notifier) == "Notifier({'l': [1, [2]], 'd': {}})"
    with pytest.raises(KeyError):
        notifier["nothing"]


def test_what_iteration_gives_is_published_when_changed() -> None:
    notifier = Notifier([[1], [2]])
    mods = told(notifier)
    for element in notifier:
        element.append(0)
    assert [mod["path"] for mod in mods] == [[0], [1]]


def test_what_setdefault_gives_is_published_when_changed() -> None:
    notifier = Notifier({})
    mods = told(notifier)
    notifier.setdefault("l", []).append(1)
    assert notifier.raw_view == {"l": [1]}
    assert [mod["action"] for mod in mods] == ["setitem", "append"]


@pytest.mark.parametrize("structure", [{}, [], 0, None, False])
def test_a_notifier_is_true_whatever_it_wraps(structure: Any) -> None:
    assert Notifier(structure)


def test_an_iterator_is_read_once_for_a_slice() -> None:
    notifier = Notifier([1])
    mods = told(notifier)
    notifier[:] = (x for x in (1, 2))
    assert notifier.raw_view == mods[0]["value"] == [1, 2]


def test_counting_in_many_threads_counts_right() -> None:
    notifier = Notifier({"count": 0})
    mods = told(notifier)

    def count() -> None:
        for _ in range(300):
            notifier["count"] += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notifier.raw_view == {"count": 1200}
    assert [mod["value"] for mod in mods] == list(range(1, 1201))


def test_a_value_that_is_set_twice_is_two() -> None:
    shared = [0]
    notifier = Notifier({"twice": [shared, shared], "array": np.zeros(2)})
    subscribed = copy.deepcopy(notifier.raw_view)
    mods = told(notifier)
    notifier["a"] = shared
    notifier["b"] = shared
    notifier["a"].append(1)
    notifier["twice"][0].append(2)
    notifier["twice"] *= 2
    notifier["twice"][3].append(3)
    notifier["copy"] = notifier.raw_view["twice"]
    notifier["copy"][0].append(4)
    shared.append(5)
    for mod in mods:
        process_mod(subscribed, pyon.decode(pyon.encode(mod)))
    del subscribed["array"], notifier["array"]
    assert notifier.raw_view == {
        "a": [0, 1],
        "b": [0],
        "twice": [[0, 2], [0], [0, 2], [0, 3]],
        "copy": [[0, 2, 4], [0], [0, 2], [0, 3]],
    }


def test_what_contains_itself_is_refused() -> None:
    notifier = Notifier({"a": []})
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="contains itself"):
        notifier["a"].append(circle)
    notifier["all"] = notifier.raw_view
    assert notifier.raw_view == {"a": [], "all": {"a": []}}


def test_an_assignment_to_an_array_that_fails_half_way_changes_nothing() -> None:
    notifier = Notifier({"a": np.zeros(2)})
    mods = told(notifier)
    with pytest.raises(ValueError, match="could not convert"):
        notifier["a"][:] = [1, "x"]
    assert (notifier["a"].raw_view.tolist(), mods) == ([0, 0], [])


def test_augmented_assignments_to_slices_of_lists_are_those_of_python() -> None:
    notifier = Notifier({"l": [1, 2, 3]})
    mods = told(notifier)
    notifier["l"][0:2] += [9]
    notifier["l"][:1] *= 2
    assert notifier["l"] == [1, 1, 2, 9, 3]
    assert [mod["action"] for mod in mods] == ["setitem", "setitem"]
    with pytest.raises(TypeError, match="a slice of a list is a copy"):
        notifier["l"][0:2].append(5)


def test_arrays_keep_their_dtype_in_augmented_assignments() -> None:
    notifier = Notifier({"f": np.ones(2, np.float32), "i": np.ones(2, np.int32)})
    notifier["f"] += np.ones(2)
    assert notifier["f"].raw_view.dtype == np.float32
    with pytest.raises(TypeError, match="Cannot cast"):
        notifier["i"] += 0.5
    assert notifier["i"].raw_view.tolist() == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n["d"].sort(),
        lambda n: n["array"].reverse(),
        lambda n: n["l"].update({0: 5, 9: 1}),
    ],
)
def test_methods_of_other_types_are_refused(change: Callable[[Notifier], None]) -> None:
    notifier = Notifier({"d": {"b": 1}, "array": np.zeros((2, 2)), "l": [1]})
    mods = told(notifier)
    with pytest.raises(AttributeError, match="could be published"):
        change(notifier)
    assert mods == []


def test_nan_is_no_key() -> None:
    notifier = Notifier({})
    with pytest.raises(ValueError, match="nan is no key"):
        notifier[float("nan")] = 1


def test_a_notifier_equals_what_it_wraps() -> None:
    notifier = Notifier({"a": 5})
    assert notifier["a"] == 5
    assert notifier["a"] != 6
    assert notifier["a"] != notifier["a"]


def test_a_part_is_taken_while_other_threads_change_it() -> None:
    notifier = Notifier({"a": {}, "b": {}})
    goes_on = True

    def change() -> None:
        number = 0
        while goes_on:
            notifier["a"][number % 50] = number
            notifier["a"].pop((number + 25) % 50, None)
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            notifier["b"] = notifier["a"]
            notifier["b"].update(notifier["a"])
    finally:
        goes_on = False
        thread.join()


def test_any_name_may_be_updated_by_keyword() -> None:
    notifier = Notifier({})
    notifier.update({"a": 1}, self=2)
    assert notifier == {"a": 1, "self": 2}
