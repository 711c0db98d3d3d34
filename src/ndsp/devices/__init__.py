"""Devices by their names: made of a device database when they are asked for, closed at the end."""

from ndsp.devices._manager import DeviceManager
from ndsp.devices._opening import DeviceError

__all__ = ["DeviceError", "DeviceManager"]
