"""From a driver to a network controller with its command line.

:class:`Controller` describes one; :func:`run_controller` describes and runs it.
"""

from ndsp.controller._controller import Controller, run_controller

__all__ = ["Controller", "run_controller"]
