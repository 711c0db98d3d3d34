"""Which names a package of one's own can have, and its class."""

import builtins
import importlib.util
import keyword
import re
import sys

__all__ = ["class_name", "package_name"]

LONGEST = 28
"""Characters. Lines of the templates would have to be broken otherwise for longer names."""

_FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

EXAMPLE = "give lower-case letters, digits and underscores, such as 'my_laser'"

OTHERS_IN_THE_SOURCES = {
    *("Any", "Client", "Controller", "ControllerFactory", "DeviceManager", "Iterator", "Path"),
    *("GenericRemoteException", "IncompatibleServer", "LineConnection", "LocalInstrument"),
    *("Sequence", "Simulation"),
}
"""Classes that the files use, which the class of the driver must not hide."""

# Windows takes them for devices, with any extension and in any directory.
DEVICES_OF_WINDOWS = {"aux", "con", "nul", "prn"}
DEVICES_OF_WINDOWS |= {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}


def package_name(asked: str) -> str:
    """Check the name of a new package.

    Args:
        asked: The name. Hyphens become underscores, as in names of distributions.

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
    if why := _obstacle(name):
        raise ValueError(f"{what}: {why}; choose another name")
    return name


def class_name(name: str) -> str:
    """Give the name of the driver's class: ``MyLaser`` for ``my_laser``."""
    return "".join(word.capitalize() for word in name.split("_"))


def _obstacle(name: str) -> str | None:
    driver = class_name(name)
    obstacles = {
        "Python has this word as a keyword": keyword.iskeyword(name),
        "Python's standard library has a module of this name": name in sys.stdlib_module_names,
        "a package of this name is installed, which it would hide": _is_installed(name),
        "there is something else of this name in its directory": name in {"device_db", "src"},
        "Windows has a device of this name": name in DEVICES_OF_WINDOWS,
        "pytest would take it for a test": name.startswith("test") or name == "conftest",
        f"its class would be {driver!r}, which is the name of another class": (
            driver in OTHERS_IN_THE_SOURCES or hasattr(builtins, driver)
        ),
    }
    return next((why for why, is_so in obstacles.items() if is_so), None)


def _is_installed(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    # Without an origin: a directory of this name without an __init__.py, most likely the very one
    # that cannot be written into.
    return spec is not None and spec.origin is not None
