"""What entries of type ``local`` are made of in tests; imported by name, as from a database."""

from typing import Any

from ndsp.devices import DeviceManager

EVENTS: list[str] = []
"""What has happened to mediators, in order; each test empties it."""


class Mediator:
    """Opens other devices on creation, and notes that it is made and closed."""

    def __init__(self, device_manager: DeviceManager, name: str, opens: tuple[str, ...] = ()):
        self.name = name
        self.device_manager = device_manager
        self.others = [device_manager.get_device(other) for other in opens]
        EVENTS.append(f"made {name}")

    def close(self) -> None:
        EVENTS.append(f"closed {self.name}")


class Keeper:
    """Keeps and changes what it is given."""

    def __init__(self, device_manager: DeviceManager, channels: list[int]):
        self.channels = channels
        channels.append(0)


class Broken(Mediator):
    """Cannot be closed."""

    def close(self) -> None:
        super().close()
        raise ValueError("stuck")


class Interrupted(Mediator):
    """Ctrl-C is pressed while it is closed."""

    def close(self) -> None:
        super().close()
        raise KeyboardInterrupt


class Forwarder:
    """Passes on to its client what it does not know."""

    def __init__(self, device_manager: DeviceManager, to: str):
        self.client = device_manager.get_device(to)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)
