from typing import Any

import numpy as np
import pytest

from sipyco.sync_struct import ModAction, process_mod


@pytest.mark.parametrize(
    ("mod", "expected"),
    [
        ({"action": "append", "path": ["l"], "x": 3}, {"l": [1, 2, 3]}),
        ({"action": "insert", "path": ["l"], "i": 0, "x": 0}, {"l": [0, 1, 2]}),
        ({"action": "pop", "path": ["l"], "i": -1}, {"l": [1]}),
        ({"action": "setitem", "path": ["l"], "key": 0, "value": 9}, {"l": [9, 2]}),
        ({"action": "setitem", "path": [], "key": "m", "value": None}, {"l": [1, 2], "m": None}),
        ({"action": "setitem", "path": ["l"], "key": slice(None), "value": [7]}, {"l": [7]}),
        ({"action": "delitem", "path": [], "key": "l"}, {}),
        ({"action": ModAction.append, "path": ("l",), "x": 3}, {"l": [1, 2, 3]}),
    ],
)
def test_a_mod_changes_the_structure_in_place(mod: dict[str, Any], expected: Any) -> None:
    structure = {"l": [1, 2]}
    process_mod(structure, mod)
    assert structure == expected


@pytest.mark.parametrize(
    ("mod", "error"),
    [
        ({"action": "init", "struct": {}}, ValueError),
        ({"action": "jump", "path": []}, ValueError),
        ({"action": "append", "path": ["m"], "x": 1}, KeyError),
        ({"action": "append", "path": ["l", 5], "x": 1}, IndexError),
        ({"action": "append", "path": ["l"]}, KeyError),
        ({"action": "setitem", "path": ["l"], "key": 0}, KeyError),
        ({"action": "pop", "path": ["l"], "i": 2}, IndexError),
        ({"path": []}, KeyError),
    ],
)
def test_a_mod_that_makes_no_sense_changes_nothing(
    mod: dict[str, Any], error: type[Exception]
) -> None:
    structure = {"l": [1, 2]}
    with pytest.raises(error):
        process_mod(structure, mod)
    assert structure == {"l": [1, 2]}


def test_keys_of_arrays_may_be_slices_and_tuples_of_them() -> None:
    structure = {"a": np.zeros((3, 3))}
    process_mod(
        structure, {"action": "setitem", "path": ["a"], "key": (slice(1, 3), 0), "value": 5.0}
    )
    assert structure["a"].tolist() == [[0, 0, 0], [5, 0, 0], [5, 0, 0]]


def test_the_actions_have_the_names_that_travel() -> None:
    names = ["append", "insert", "pop", "setitem", "delitem", "init"]
    assert [action.value for action in ModAction] == [action.name for action in ModAction] == names
