"""The toolkit that turns a driver class into a network device, on top of ``sipyco``."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndsp.controller import Controller, run_controller
    from ndsp.devices import DeviceError, DeviceManager
    from ndsp.environment import HasEnvironment

__all__ = ["Controller", "DeviceError", "DeviceManager", "HasEnvironment", "run_controller"]

_HOMES = {
    "Controller": "ndsp.controller",
    "DeviceError": "ndsp.devices",
    "DeviceManager": "ndsp.devices",
    "HasEnvironment": "ndsp.environment",
    "run_controller": "ndsp.controller",
}


def __getattr__(name: str) -> Any:
    # Not before somebody asks: ndsp.testing, which every run of pytest loads, is to be light.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
