"""Everything that experiments use of this device directly: its mediator."""

from tests.manual.device_guide.devices.hello.mediator import Greeter

__all__ = ["Greeter"]
