from typing import Any

import pytest

from ndsp.devices import DeviceManager
from ndsp.environment import HasEnvironment
from tests.serving import served


class Hello:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, msg: str) -> None:
        self.messages.append(msg)


class Greet(HasEnvironment):
    hello: Any

    def build(self, who: str = "world", *, setter: str = "setattr_device") -> None:
        self.who = who
        getattr(self, setter)("hello")

    def run(self) -> None:
        self.hello.message(f"Hello {self.who}!")


@pytest.mark.parametrize("setter", ["setattr_device", "attr_device"])
def test_the_manuals_experiment_runs(setter: str) -> None:
    hello = Hello()
    with served({"hello": hello}) as port:
        database = {"hello": {"type": "controller", "host": "127.0.0.1", "port": port}}
        with DeviceManager(database) as devices:
            Greet(devices, setter=setter).run()
    assert hello.messages == ["Hello world!"]


@pytest.fixture
def devices() -> DeviceManager:
    return DeviceManager({"hello": {"type": "dummy"}, "other": {"type": "dummy"}})


def test_arguments_are_passed_on_to_build(devices: DeviceManager) -> None:
    assert Greet(devices, "lab").who == "lab"


def test_managers_may_come_as_artiq_has_them(devices: DeviceManager) -> None:
    greet = Greet((devices, None, None, {}))
    assert greet.hello is devices.get_device("hello")
    assert greet.get_device("other") is devices.get_device("other")
    assert greet.get_device_db() == devices.get_device_db()


def test_without_a_build_of_its_own_nothing_is_opened(devices: DeviceManager) -> None:
    assert HasEnvironment(devices).children == []


def test_children_use_the_same_devices_and_are_called_in_order(devices: DeviceManager) -> None:
    called = []

    class Step(HasEnvironment):
        def build(self, name: str) -> None:
            self.name = name
            self.setattr_device("hello")

        def prepare(self, how: str) -> None:
            called.append((self.name, how))

    class Sequence(HasEnvironment):
        def build(self) -> None:
            self.steps = [Step(self, "first"), HasEnvironment(self), Step(self, "second")]

    sequence = Sequence(devices)
    assert sequence.children == sequence.steps
    sequence.call_child_method("prepare", how="slowly")
    sequence.call_child_method("no_such_method")
    assert called == [("first", "slowly"), ("second", "slowly")]


def test_devices_are_kernel_invariants_of_the_object_alone(devices: DeviceManager) -> None:
    class Experiment(HasEnvironment):
        kernel_invariants = {"duration"}  # noqa: RUF012 - as programs have it

        def build(self, *names: str) -> None:
            for name in names:
                self.setattr_device(name)

    assert Experiment(devices, "hello", "other").kernel_invariants == {"duration", "hello", "other"}
    assert Experiment(devices).kernel_invariants == {"duration"}
    assert Experiment.kernel_invariants == {"duration"}


@pytest.mark.parametrize("wrong", [None, (), (None, None), {"hello": {"type": "dummy"}}])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="; give a DeviceManager"):
        HasEnvironment(wrong)
