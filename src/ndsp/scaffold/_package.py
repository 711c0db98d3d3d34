"""The files of a package of one's own: which there are, and what they say."""

import importlib.resources
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from ndsp.ports import users_of
from ndsp.scaffold._name import class_name
from ndsp.scaffold._template import fill
from sipyco import __version__

__all__ = ["Package", "default_port", "package_files", "toolkit_version"]

ALWAYS = (
    ".gitignore",
    "README.md",
    "device_db.py",
    "pyproject.toml",
    "src/<<name>>/__init__.py",
    "src/<<name>>/controller.py",
    "src/<<name>>/driver.py",
    "src/<<name>>/py.typed",
    "src/<<name>>/simulation.py",
    "tests/test_controller.py",
    "tests/test_driver.py",
)
WITH_CLIENT = ("src/<<name>>/client.py", "tests/test_client.py")
WITH_MEDIATOR = ("src/<<name>>/mediator.py", "tests/test_mediator.py")

PORTS = [port for port in range(3200, 3300) if not users_of(port)]
"""Default ports to choose from: beside those of other controllers, and nobody's."""


@dataclass(frozen=True)
class Package:
    """What is to be written.

    Attributes:
        name: As :func:`package_name` gives it.
        port: Default TCP port of the controller, 1 to 65535.
        has_client: Write a command-line client, ``aqcli_NAME``.
        has_mediator: Write a mediator class, with its entry in the device database.
    """

    name: str
    port: int
    has_client: bool = False
    has_mediator: bool = False


def default_port(name: str) -> int:
    """Choose the default port of a controller: always the same one for a name."""
    # Not at random: who writes the package once more, to compare, shall find no difference.
    return PORTS[zlib.crc32(name.encode()) % len(PORTS)]


def toolkit_version() -> str:
    """Give the version of the toolkit that a package needs: this one."""
    # What comes behind a plus is of a build, and not for comparing versions.
    return __version__.partition("+")[0]


def package_files(package: Package) -> dict[str, str]:
    """Give the files of a package.

    Returns:
        Their texts by their paths, which are relative to the directory of the package and have
        slashes. Lines end with a newline character.
    """
    values = {
        "name": package.name,
        "class": class_name(package.name),
        "port": str(package.port),
        "version": toolkit_version(),
    }
    conditions = {"client": package.has_client, "mediator": package.has_mediator}
    paths = [*ALWAYS]
    paths += WITH_CLIENT if package.has_client else ()
    paths += WITH_MEDIATOR if package.has_mediator else ()
    return {
        fill(path, values, conditions): fill(_template(path), values, conditions)
        for path in sorted(paths)
    }


def _template(path: str) -> str:
    # Not .py: they are no Python yet, for tools that read every such file.
    name = f"{PurePosixPath(path).name.removeprefix('.')}.template"
    return (importlib.resources.files("ndsp.scaffold") / "templates" / name).read_text("utf-8")
