"""The entries of a database, with types: what each of them says, and what holds if it does not."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ndsp.device_db._check import DeviceDBError, Problem
from ndsp.device_db._hosts import machine
from sipyco.tools import SimpleSSLConfig

__all__ = [
    "SSL_FILES",
    "Alias",
    "AuxiliaryTarget",
    "Controller",
    "Dummy",
    "Entry",
    "Local",
]

SSL_FILES = ("local_cert", "local_key", "peer_cert")
"""The keys of ``simple_ssl_config``."""

SSL_DIRECTORY = "ARTIQ_SSL_DIR"
"""The environment variable that these may refer to, in braces."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedEntry:
    """What all entries have. Two are equal if they have the same name and say the same.

    Attributes:
        name: Its name in the database.
        raw: The entry as it stands there, own keys included. Cannot be changed.
        source: The file or master that it is from.
    """

    name: str
    raw: Mapping[str, Any] = field(repr=False)
    source: str = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.name == other.name and _same(self.raw, other.raw)

    def __hash__(self) -> int:
        return hash((type(self), self.name))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    try:
        return one == other
    except ValueError:
        # An array among the laboratory's own keys, which cannot say whether it is equal.
        return repr(one) == repr(other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Controller(NamedEntry):
    """A program that offers a device, type ``controller``. Times are in seconds.

    Attributes:
        host: Name or address of the machine on which it runs.
        port: TCP port.
        command: What starts it, with places such as ``{port}``; None if nobody is to start it.
        target_name: Name of the device in the program; None for the only one there.
        best_effort: Whether experiments go on without it.
        depends_on: Names of the controllers that have to run before; no aliases.
        environment: Environment variables that its process has in addition.
        ping_timer: Time between two questions whether it is alive.
        ping_timeout: Time it has for the answer.
        term_timeout: Time it has to end after it was asked to.
        retry_timer: Time until it is started again after its first failure.
        retry_timer_backoff: Factor by which that time grows with each further failure.
        retry_timer_max: Longest that it grows to; None for no limit.
        busy_timeout: Time it may be busy with one call; None for any time.
        start_timeout: Time it has to answer for the first time; None for any time.
        drain_timeout: Time that calls have to end before it is ended; None for any time.
        restart_limit: Failures within ``restart_window`` after which it is not started any more;
            None for never.
        restart_window: See ``restart_limit``; None for all the time.
    """

    __module__ = "ndsp.device_db"

    host: str
    port: int
    command: str | None = None
    target_name: str | None = None
    best_effort: bool = False
    depends_on: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ping_timer: float = 30.0
    ping_timeout: float = 30.0
    term_timeout: float = 30.0
    retry_timer: float = 5.0
    retry_timer_backoff: float = 1.1
    retry_timer_max: float | None = 60.0
    busy_timeout: float | None = None
    start_timeout: float | None = 60.0
    drain_timeout: float | None = 30.0
    restart_limit: int | None = 10
    restart_window: float | None = 60.0

    @property
    def place(self) -> tuple[str, int]:
        """Machine and port: the same for two controllers that cannot run at the same time."""
        return machine(self.host), self.port

    @property
    def address(self) -> str:
        """Host and port for messages: ``localhost:3249``, ``[::1]:3249``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def ssl_config(self) -> SimpleSSLConfig | None:
        """The certificates of who connects to it, or None if it uses no TLS.

        Made when it is asked for: only who connects needs the environment variable
        ``ARTIQ_SSL_DIR``, if ``simple_ssl_config`` refers to it.

        Raises:
            DeviceDBError: The variable is not set.
        """
        files: Mapping[str, str] | None = self.raw.get("simple_ssl_config")
        if files is None:
            return None
        place = f"{{{SSL_DIRECTORY}}}"
        directory = os.environ.get(SSL_DIRECTORY, "")
        for key in SSL_FILES:
            if place in files[key] and not directory:
                text = (
                    f"cannot fill in {key!r}, {files[key]!r}: the environment variable "
                    f"{SSL_DIRECTORY} is not set; set it to the directory of the certificates"
                )
                raise DeviceDBError([Problem(self.source, self.name, "simple_ssl_config", text)])
        return SimpleSSLConfig(*(files[key].replace(place, directory) for key in SSL_FILES))


@dataclass(frozen=True, kw_only=True, eq=False)
class AuxiliaryTarget(NamedEntry):
    """Another device that a controller offers, type ``controller_aux_target``.

    Attributes:
        controller: Name of the entry of its controller, or an alias of it.
        target_name: Name of the device in the controller.
        best_effort: Whether experiments go on without it; None: as its controller says.
    """

    __module__ = "ndsp.device_db"

    controller: str
    target_name: str
    best_effort: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Local(NamedEntry):
    """An object that lives in the program that uses it, such as a mediator, type ``local``.

    Attributes:
        module: Full name of the module that has its class.
        class_name: Name of the class there.
        arguments: What it is made with, by name, besides the device manager.
    """

    __module__ = "ndsp.device_db"

    module: str
    class_name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dummy(NamedEntry):
    """A device that takes every call and does nothing, type ``dummy``."""

    __module__ = "ndsp.device_db"


@dataclass(frozen=True, kw_only=True, eq=False)
class Alias(NamedEntry):
    """Another name of an entry; a string in the database, so that its ``raw`` is empty.

    Attributes:
        target: The name that it stands for, which may be an alias, too.
    """

    __module__ = "ndsp.device_db"

    target: str

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, Alias) and self.target == other.target

    __hash__ = NamedEntry.__hash__


Entry: TypeAlias = Controller | AuxiliaryTarget | Local | Dummy | Alias
