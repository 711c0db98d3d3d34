"""The fixture ``device_manager``."""

import pytest

from ndsp.testing import ControllerFactory, DeviceManagerFactory, TlsPair
from tests.ndsp.testing.devices import CONTROLLERS


def test_a_running_controller_is_an_entry(
    controller: ControllerFactory, device_manager: DeviceManagerFactory
) -> None:
    running = controller(CONTROLLERS["Lamp"])
    devices = device_manager({"lamp": running, "light": "lamp", "nothing": {"type": "dummy"}})
    assert devices.get_device("lamp").where() == "simulation"
    assert devices.get_device("light") is devices.get_device("lamp")
    assert devices.get_device("nothing").anything() is None


def test_an_entry_may_say_more(
    controller: ControllerFactory, device_manager: DeviceManagerFactory, tls_pair: TlsPair
) -> None:
    running = controller(CONTROLLERS["Lamp"], tls=tls_pair)
    entry = running.entry(target_name="lamp", best_effort=True)
    assert (entry["host"], entry["port"]) == (running.host, running.port)
    lamp = device_manager({"lamp": entry}).get_device("lamp")
    assert type(lamp).__name__ == "BestEffortClient"
    assert lamp.where() == "simulation"


class Mediator:
    """Tells when it is closed."""

    closed: list[str] = []  # noqa: RUF012 - outlives the test

    def __init__(self, manager: object, name: str) -> None:
        self.name = name

    def close(self) -> None:
        self.closed.append(self.name)


@pytest.fixture
def after() -> object:
    yield
    assert Mediator.closed == ["second", "first"]


def test_devices_are_closed_after_the_test(
    after: object, device_manager: DeviceManagerFactory
) -> None:
    entry = {"type": "local", "module": __name__, "class": "Mediator"}
    for name in ("first", "second"):
        device_manager({"it": entry | {"arguments": {"name": name}}}).get_device("it")
    assert Mediator.closed == []
