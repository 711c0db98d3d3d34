"""The toolkit that turns a driver class into a network device, on top of ``sipyco``."""

from ndsp.controller import Controller, run_controller
from ndsp.devices import DeviceError, DeviceManager
from ndsp.environment import HasEnvironment

__all__ = ["Controller", "DeviceError", "DeviceManager", "HasEnvironment", "run_controller"]
