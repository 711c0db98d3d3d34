"""The base of experiments, which ask for devices by name; ARTIQ's class of this name is no base."""

from typing import Any

__all__ = ["HasEnvironment"]


class HasEnvironment:
    """Has devices as attributes, and children that use the same devices.

    An experiment derives from it and defines ``build``, in which it asks for its devices::

        class Greet(HasEnvironment):
            def build(self):
                self.setattr_device("hello")

            def run(self):
                self.hello.message("Hello world!")

        with DeviceManager("device_db.py") as devices:
            Greet(devices).run()

    The method names and what they do are those of ARTIQ's class, as far as devices are concerned,
    so that such an experiment runs here without ARTIQ, and there with its own base class.

    Args:
        managers_or_parent: A ``DeviceManager``, or anything else with its methods; a tuple with
            one in the first place, as ARTIQ has them; or another object with an environment,
            whose devices are used, and which gets this one as a child.
        args: Passed on to :meth:`build`, like ``kwargs``.
        kwargs: See ``args``.

    Raises:
        TypeError: ``managers_or_parent`` is nothing of this kind.
    """

    def __init__(self, managers_or_parent: Any, /, *args: Any, **kwargs: Any) -> None:
        self.children: list[HasEnvironment] = []
        self.__device_manager: Any
        if isinstance(managers_or_parent, HasEnvironment):
            self.__device_manager = managers_or_parent.__device_manager
            managers_or_parent.register_child(self)
        else:
            first = managers_or_parent
            if isinstance(first, tuple):
                first = first[0] if first else None
            # Not by `get`, which a dict has, too.
            if not callable(getattr(first, "get_device_db", None)):
                raise TypeError(
                    f"cannot take devices from {managers_or_parent!r}; give a DeviceManager, or "
                    "another object with an environment"
                )
            self.__device_manager = first
        self.build(*args, **kwargs)

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Ask for devices, make children. To be defined by those who derive from this class."""

    def register_child(self, child: "HasEnvironment") -> None:
        """Note a child; done by its ``__init__``."""
        self.children.append(child)

    def call_child_method(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Call a method of every child that has it, in the order in which they were made."""
        for child in self.children:
            if hasattr(child, method):
                getattr(child, method)(*args, **kwargs)

    def get_device_db(self) -> dict[str, Any]:
        """Give the device database as it stands in its source; a copy."""
        database: dict[str, Any] = self.__device_manager.get_device_db()
        return database

    def get_device(self, key: str) -> Any:
        """Give the device of this name.

        Raises:
            DeviceError: There is none, or it cannot be opened.
        """
        return self.__device_manager.get(key)

    def setattr_device(self, key: str) -> None:
        """Make a device an attribute of this object, of the same name.

        The name is added to ``kernel_invariants``, the set of attributes that do not change while
        code runs on ARTIQ's core device.

        Raises:
            DeviceError: As for :meth:`get_device`.
        """
        setattr(self, key, self.get_device(key))
        self.kernel_invariants = {*getattr(self, "kernel_invariants", ()), key}

    def attr_device(self, key: str) -> None:
        """Do what :meth:`setattr_device` does; the name that it had in old programs."""
        self.setattr_device(key)
