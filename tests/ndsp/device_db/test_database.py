import pytest

from ndsp.device_db import DeviceDBError
from tests.ndsp.device_db.databases import controller, parse


def test_aliases_are_followed() -> None:
    database = parse(a="b", b="c", c=controller())
    assert database.resolve("a") is database["c"]


def test_an_unknown_name_is_explained() -> None:
    database = parse(lamp=controller(0), oven=controller())
    with pytest.raises(DeviceDBError, match="entry 'lamp', key 'port': is 0"):
        database.resolve("lamp")
    with pytest.raises(DeviceDBError, match="no such entry; did you mean 'oven'") as caught:
        database.resolve("ovne")
    assert caught.value.problems[0].entry == "ovne"


def test_two_databases_with_equal_entries_are_equal() -> None:
    assert parse(lamp=controller()) == parse(lamp=controller())
    assert parse(lamp=controller()) != parse(lamp=controller(3301))


def test_a_database_is_shown_in_short() -> None:
    assert repr(parse(a=controller(), b="c")) == "<DeviceDB of device_db.py: 1 entries, 1 problems>"
