import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ndsp.device_db import DeviceDBError, parse_device_db
from ndsp.devices import DeviceError, DeviceManager
from sipyco.pc_rpc import Client
from tests.ndsp.devices import mediators
from tests.ndsp.devices.mediators import EVENTS
from tests.serving import served


class Lamp:
    def __init__(self) -> None:
        self.closed = False

    def name(self) -> str:
        return "lamp"

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_events() -> Iterator[None]:
    EVENTS.clear()
    yield
    EVENTS.clear()


def local(name: str, kind: str = "Mediator", **arguments: Any) -> dict[str, Any]:
    if kind not in {"Keeper", "Forwarder"}:
        arguments["name"] = name
    return {
        "type": "local",
        "module": mediators.__name__,
        "class": kind,
        "arguments": arguments,
    }


def controller(port: int, **more: Any) -> dict[str, Any]:
    return {"type": "controller", "host": "127.0.0.1", "port": port, **more}


def test_a_device_is_opened_once_and_aliases_are_followed() -> None:
    with served({"lamp": Lamp()}) as port:
        database = {"lamp": controller(port), "light": "beam", "beam": "lamp"}
        with DeviceManager(database) as devices:
            lamp = devices.get_device("light")
            assert isinstance(lamp, Client)
            assert lamp.name() == "lamp"
            assert devices.get_device("lamp") is lamp
        with pytest.raises(ConnectionError):
            lamp.name()


def test_the_remote_method_close_is_not_called_at_the_end() -> None:
    lamp = Lamp()
    with served({"lamp": lamp}) as port:
        database = {"lamp": controller(port), "other": local("other", "Forwarder", to="lamp")}
        with DeviceManager(database) as devices:
            assert devices.get_device("other").name() == "lamp"
    assert not lamp.closed


def test_nothing_is_opened_before_it_is_asked_for() -> None:
    with DeviceManager({"a": local("a"), "b": local("b")}) as devices:
        assert EVENTS == []
        devices.get_device("b")
    assert EVENTS == ["made b", "closed b"]


def test_devices_are_closed_in_reverse_order() -> None:
    database = {"a": local("a"), "b": local("b", opens=("c",)), "c": local("c"), "d": local("d")}
    with DeviceManager(database) as devices:
        for name in ("a", "b", "d"):
            devices.get_device(name)
    assert EVENTS[:4] == ["made a", "made c", "made b", "made d"]
    assert EVENTS[4:] == ["closed d", "closed b", "closed c", "closed a"]


def test_a_close_that_raises_is_logged_and_the_others_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = {"a": local("a"), "b": local("b", "Broken"), "c": local("c")}
    with DeviceManager(database) as devices:
        for name in database:
            devices.get_device(name)
    assert EVENTS[3:] == ["closed c", "closed b", "closed a"]
    (record,) = caplog.records
    assert record.getMessage() == "closing device 'b' failed"
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "stuck"


def test_an_interruption_closes_the_others_all_the_same() -> None:
    devices = DeviceManager({"a": local("a"), "b": local("b", "Interrupted")})
    devices.get_device("a")
    devices.get_device("b")
    with pytest.raises(KeyboardInterrupt):
        devices.close_devices()
    assert EVENTS[2:] == ["closed b", "closed a"]


def test_a_device_can_be_opened_anew_after_it_was_closed() -> None:
    devices = DeviceManager({"a": local("a")})
    first = devices.get_device("a")
    devices.close_devices()
    devices.close_devices()
    assert devices.get_device("a") is not first
    devices.close_devices()
    assert EVENTS == ["made a", "closed a"] * 2


def test_a_mediator_that_asks_for_itself_is_told_the_circle() -> None:
    database = {
        "a": local("a", opens=("x",)),
        "x": "b",
        "b": local("b", opens=("a",)),
        "c": local("c", opens=("a",)),
    }
    with DeviceManager(database) as devices:
        with pytest.raises(DeviceError) as caught:
            devices.get_device("c")
        assert caught.value.device == "c"
        assert str(caught.value).endswith(
            "cannot open device 'a': it asks for itself while it is opened: a -> b -> a; "
            "ask for it later"
        )


def test_an_unknown_device_and_one_in_error_are_explained() -> None:
    database = {"lamp": controller(0), "oven": {"type": "dummy"}}
    with DeviceManager(parse_device_db(database, "db.py")) as devices:
        with pytest.raises(DeviceError) as caught:
            devices.get_device("ovne")
        assert caught.value.device == "ovne"
        assert str(caught.value) == (
            "cannot open device 'ovne': db.py: entry 'ovne': there is no such entry; "
            "did you mean 'oven'?"
        )
        with pytest.raises(DeviceError, match="entry 'lamp', key 'port': is 0; give"):
            devices.get_device("lamp")


def test_what_is_wrong_in_the_database_is_logged_and_the_rest_can_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "device_db.py"
    path.write_text("device_db = {'lamp': {'type': 'dumy'}, 'oven': {'type': 'dummy'}}")
    for given in (path, str(path)):
        caplog.clear()
        with DeviceManager(given) as devices:
            devices.get_device("oven").heat(1)
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{path}: entry 'lamp', key 'type': is 'dumy'; give")
        assert record.levelno == logging.WARNING


def test_a_file_without_a_database_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceDBError, match="cannot read this file"):
        DeviceManager(tmp_path / "device_db.py")


def test_nothing_in_the_database_is_changed() -> None:
    database = {"keeper": local("keeper", "Keeper", channels=[1]), "alias": "keeper"}
    with DeviceManager(database) as devices:
        assert devices.get_device("keeper").channels == [1, 0]
        assert devices.get_desc("alias")["arguments"] == {"channels": [1]}
        devices.get_desc("keeper")["arguments"]["channels"].append(2)
        devices.get_device_db()["keeper"]["arguments"]["channels"].append(3)
        devices.close_devices()
        assert devices.get_device("keeper").channels == [1, 0]
        assert devices.get_device_db() == database
    assert database["keeper"]["arguments"] == {"channels": [1]}  # type: ignore[index]


def test_a_description_of_nothing_is_an_error() -> None:
    with pytest.raises(DeviceError, match="no such entry"):
        DeviceManager({}).get_desc("lamp")


def test_a_virtual_device_is_given_instead_and_not_closed() -> None:
    fake = mediators.Mediator(DeviceManager({}), "fake")
    database = {"lamp": controller(1), "light": "lamp"}
    with DeviceManager(database, virtual_devices={"lamp": fake, "scheduler": fake}) as devices:
        assert devices.get_device("lamp") is fake
        assert devices.get_device("light") is fake
        assert devices.get_device("scheduler") is fake
    assert EVENTS == ["made fake"]


def test_a_device_that_several_threads_ask_for_is_opened_once() -> None:
    found = []
    start = threading.Barrier(8)
    with DeviceManager({"a": local("a", opens=("b",)), "b": local("b")}) as devices:

        def ask() -> None:
            start.wait()
            found.append(devices.get_device("a"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(map(id, found))) == 1
    assert EVENTS == ["made b", "made a", "closed a", "closed b"]
