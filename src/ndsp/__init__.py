"""The toolkit that turns a driver class into a network device, on top of ``sipyco``."""

from ndsp.controller import Controller, run_controller

__all__ = ["Controller", "run_controller"]
