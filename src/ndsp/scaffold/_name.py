"""Which names a package of one's own can have, and its class."""

import builtins
import importlib.metadata
import keyword
import re
import sys
from collections.abc import Collection

__all__ = ["class_name", "installed_packages", "package_name"]

LONGEST = 28
"""Characters. Lines of the templates would have to be broken otherwise for longer names."""

_FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

EXAMPLE = "give lower-case letters, digits and underscores, such as 'my_laser'"

OTHERS_IN_THE_SOURCES = {"Any", "Client", "Controller", "Iterator", "Path", "Protocol"}
OTHERS_IN_THE_SOURCES |= {
    "ControllerFactory",
    "DeviceManager",
    "GenericRemoteException",
    "IncompatibleServer",
}
OTHERS_IN_THE_SOURCES |= {"Sequence", "SimpleSSLConfig"}
OTHERS_IN_THE_SOURCES |= {"LineConnection", "LocalInstrument", "Simulation"}
"""Classes that the files use, which the class of the driver must not hide."""

# Windows takes them for devices, with any extension and in any directory.
DEVICES_OF_WINDOWS = {"aux", "con", "nul", "prn"}
DEVICES_OF_WINDOWS |= {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}


def package_name(asked: str, taken: Collection[str] = ()) -> str:
    """Check the name of a new package.

    Args:
        asked: The name. Hyphens become underscores, as in names of distributions.
        taken: Further names that cannot be had: :func:`installed_packages`.

    Returns:
        The name of the package, an identifier of 28 characters at most.

    Raises:
        ValueError: It cannot have this name. The text says why, and what would be right.
    """
    name = asked.replace("-", "_")
    what = f"cannot name a package {asked!r}"
    if not _FORM.fullmatch(name):
        raise ValueError(f"{what}; {EXAMPLE}")
    if len(name) > LONGEST:
        raise ValueError(f"{what}: it has {len(name)} characters; give {LONGEST} at most")
    if why := _obstacle(name, taken):
        raise ValueError(f"{what}: {why}; choose another name")
    return name


def class_name(name: str) -> str:
    """Give the name of the driver's class: ``MyLaser`` for ``my_laser``."""
    return "".join(word.capitalize() for word in name.split("_"))


def installed_packages() -> set[str]:
    """Look up what can be imported here besides the standard library."""
    return set(importlib.metadata.packages_distributions())


def _obstacle(name: str, taken: Collection[str]) -> str | None:
    driver = class_name(name)
    obstacles = {
        "Python has this word as a keyword": keyword.iskeyword(name),
        "Python's standard library has a module of this name": name in sys.stdlib_module_names,
        "a package of this name is installed, which it would hide": name in taken,
        "Windows has a device of this name": name in DEVICES_OF_WINDOWS,
        "pytest would take it for a test": name.startswith("test") or name == "conftest",
        f"its class would be {driver!r}, which is the name of another class": (
            driver in OTHERS_IN_THE_SOURCES or hasattr(builtins, driver)
        ),
    }
    return next((why for why, is_so in obstacles.items() if is_so), None)
