"""How an entry of the database becomes a device: a client, an object of a class, or a dummy."""

import copy
import importlib
import inspect
import socket
from typing import Any

from ndsp._spelling import did_you_mean
from ndsp.device_db import AuxiliaryTarget, Controller, Local
from sipyco.pc_rpc import AutoTarget, BestEffortClient, Client, IncompatibleServer

__all__ = ["DeviceError", "close_device", "connect", "make_local"]


class DeviceError(Exception):
    """A device cannot be had. Its ``__cause__`` is the error that says so, if there is one.

    Attributes:
        device: The name that was asked for, or the one at the end of its aliases.
    """

    __module__ = "ndsp.devices"

    def __init__(self, device: str, reason: str) -> None:
        self.device = device
        # Both arguments, from which the exception can be made again when it is copied.
        super().__init__(device, reason)

    def __str__(self) -> str:
        return f"cannot open device {self.device!r}: {self.args[1]}"


def connect(
    controller: Controller, entry: Controller | AuxiliaryTarget, timeout: float | None
) -> Client | BestEffortClient:
    """Connect to a controller, for the device of ``entry``, which may be another target of it.

    Raises:
        DeviceError: It cannot be reached, or lacks the target.
    """
    best_effort = controller.best_effort if entry.best_effort is None else entry.best_effort
    target = AutoTarget if entry.target_name is None else entry.target_name
    host, port = controller.host, controller.port
    try:
        ssl_config = controller.ssl_config
        if best_effort:
            return BestEffortClient(host, port, target, ssl_config=ssl_config)
        return Client(host, port, target, timeout, ssl_config)
    except (OSError, IncompatibleServer, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        if controller.address not in reason:
            reason = f"{controller.address}: {reason}"
        advice = _advice(exc, controller, entry)
        if advice:
            reason += f"{'' if reason.endswith('?') else ';'} {advice}"
        raise DeviceError(entry.name, reason) from exc


def _advice(error: Exception, controller: Controller, entry: Controller | AuxiliaryTarget) -> str:
    """Say what to do, where the error does not; may be empty."""
    if isinstance(error, IncompatibleServer):
        return (
            f"correct 'target_name' of {entry.name!r} or 'port' of {controller.name!r} "
            f"in {controller.source}"
        )
    if isinstance(error, socket.gaierror):
        return f"correct 'host' of {controller.name!r} in {controller.source}"
    if isinstance(error, ConnectionError | TimeoutError):
        if controller.command is None:
            return f"the entry of {controller.name!r} has no command: start it by other means"
        return f"the command of {controller.name!r} is {controller.command!r}"
    if isinstance(error, ValueError) and entry.target_name is None and "targets" in str(error):
        return f"write one of them as 'target_name' of {entry.name!r} into {entry.source}"
    return ""


def make_local(entry: Local, device_manager: object) -> Any:
    """Make the object of an entry ``local``: ``class(device_manager, **arguments)``.

    Raises:
        DeviceError: Its module cannot be imported or has no such class, or making it failed.
    """
    try:
        module = importlib.import_module(entry.module)
    except Exception as exc:
        reason = f"cannot import {entry.module!r} ('module' in {entry.source}): {told(exc)}"
        raise DeviceError(entry.name, reason) from exc
    try:
        made = getattr(module, entry.class_name)
    except AttributeError as exc:
        hint = did_you_mean(entry.class_name, vars(module))
        reason = f"{entry.module!r} has no {entry.class_name!r} ('class' in {entry.source}){hint}"
        raise DeviceError(entry.name, reason) from exc
    # A copy, since the object may keep and change what it is given.
    arguments = copy.deepcopy(dict(entry.arguments))
    try:
        return made(device_manager, **arguments)
    except Exception as exc:
        reason = f"{entry.module}.{entry.class_name} raised {told(exc)}"
        raise DeviceError(entry.name, reason) from exc


def told(error: Exception) -> str:
    """Spell an error in one line, as the last line of a traceback does."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def close_device(device: object) -> None:
    """Close a device: the connection of a client, or what has a method ``close`` of its own."""
    if isinstance(device, Client | BestEffortClient):
        device.close_rpc()
    # Found without __getattr__: a mediator that passes unknown names on to its client must not
    # close the driver in the controller.
    elif inspect.getattr_static(device, "close", None) is not None:
        device.close()  # type: ignore[attr-defined]
