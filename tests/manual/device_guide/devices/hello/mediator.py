"""The mediator: what runs beside the experiment, over the methods that the controller offers."""

from typing import Any

__all__ = ["Greeter"]


class Greeter:
    """Greets people on the console.

    Args:
        dmgr: Gives devices by their names, as the environment of an experiment does.
        console: Name of the controller in the device database.
    """

    def __init__(self, dmgr: Any, console: str) -> None:
        self._console = dmgr.get(console)

    def greet(self, *names: str) -> int:
        """Greet each of them. Returns the number of characters that were shown."""
        return sum(self._console.message(f"Hello, {name}!") for name in names)
