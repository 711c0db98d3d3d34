"""The driver's end of a connection to an instrument that speaks SCPI, over PyVISA."""

import re
from typing import TYPE_CHECKING

from ndsp.instruments._line_connection import parse_address

if TYPE_CHECKING:
    from pyvisa import ResourceManager
    from pyvisa.resources import MessageBasedResource

__all__ = ["ScpiConnection", "resource_name"]

MAX_ERRORS = 30
"""Errors that are read from the queue of an instrument; it holds some twenty."""

# A response, if there is one, and then that of SYST:ERR?, whose text may contain anything.
_ANSWER = re.compile(r'(?:([^"]*);)?([+-]?\d+),"(.*)"')


def resource_name(device: str) -> str:
    """Give the name of an instrument as VISA has it.

    Args:
        device: Such a name, ``"TCPIP::192.168.1.30::5025::SOCKET"``, or ``"HOST:PORT"``.

    Raises:
        ValueError: It is neither.
    """
    if "::" in device:
        return device
    try:
        host, port = parse_address(device)
    except ValueError:
        raise ValueError(
            f"{device!r} is neither HOST:PORT nor a VISA resource name; write for example "
            "192.168.1.30:5025 or TCPIP::192.168.1.30::5025::SOCKET"
        ) from None
    return f"TCPIP::{host}::{port}::SOCKET"


class ScpiConnection:
    """Sends SCPI to an instrument, and asks after each command whether it was refused.

    It connects when the first command is sent. It never takes a late answer for that to another
    command: after each failure it disconnects, and the next command connects anew. If another
    instrument answers then, that one is not used. Not for several threads at a time.

    Args:
        instrument: What it is, for error messages: ``"the power supply"``.
        device: As for :func:`resource_name`.
        timeout: Seconds that each answer may take, and the connection.

    Attributes:
        is_closed: For good, by :meth:`close`.

    Raises:
        ValueError: The device or the timeout is none. Nothing was opened.
    """

    def __init__(self, instrument: str, device: str, timeout: float) -> None:
        if not 0 < timeout < float("inf"):
            raise ValueError(f"cannot wait {timeout!r} s for {instrument}; give more than 0 s")
        self._resource_name = resource_name(device)
        self._name = f"{instrument} at {device}"
        self._timeout = timeout
        self.is_closed = False
        self._identity: str | None = None
        self._manager: ResourceManager | None = None
        self._resource: MessageBasedResource | None = None

    def identify(self) -> str:
        """Ask the instrument who it is.

        Returns:
            Maker, model, serial number and version, separated by commas.

        Raises:
            OSError: As for :meth:`command`.
        """
        return self._exchange("*IDN?")

    def command(self, line: str) -> None:
        """Send a command, and look whether it was carried out.

        Args:
            line: The command, or several, separated by ``;:``.

        Raises:
            RuntimeError: It was refused; the text has the numbers and texts of the instrument's
                errors. Its queue of errors is empty then.
            TimeoutError: No answer in time. It may have been carried out. Disconnected.
            ConnectionError: The instrument cannot be reached or has hung up, or is another one
                than before. Likewise. Or the connection was closed.
        """
        self._checked(line)

    def query(self, line: str) -> str:
        """Send a query, and return what was answered.

        Raises:
            RuntimeError: As for :meth:`command`, or nothing was answered.
            OSError: As for :meth:`command`.
        """
        response = self._checked(line)
        if response is None:
            raise RuntimeError(f"{self._name} has no response to {line!r}; is it a query?")
        return response

    def close(self) -> None:
        """Disconnect for good. May be called again."""
        self.is_closed = True
        self._disconnect()

    def _checked(self, line: str) -> str | None:
        # In one line, so that nobody else's command and its error can come in between.
        answer = self._exchange(f"{line};:SYST:ERR?")
        found = _ANSWER.fullmatch(answer)
        if found is None:
            self._disconnect()
            raise RuntimeError(f"{self._name} answered {line!r} by {answer!r}, which is no SCPI")
        response, number, text = found.groups()
        if int(number):
            errors = "; ".join([f"error {number}, {text!r}", *self._more_errors()])
            raise RuntimeError(f"{self._name} refused {line!r}: {errors}")
        return None if response is None else str(response)

    def _more_errors(self) -> list[str]:
        errors: list[str] = []
        for _ in range(MAX_ERRORS):
            number, _, text = self._exchange("SYST:ERR?").partition(",")
            if not int(number):
                break
            text = text.strip('"')
            errors.append(f"error {number}, {text!r}")
        return errors

    def _exchange(self, line: str) -> str:
        if self.is_closed:
            raise ConnectionError(f"the connection to {self._name} was closed")
        if self._resource is None:
            self._connect()
        return self._ask(line)

    def _connect(self) -> None:
        try:
            # Only now, as it takes a quarter of a second that nobody wants to wait for --help.
            from pyvisa import ResourceManager  # noqa: PLC0415
        except ImportError as error:
            raise OSError('PyVISA is not installed; run: pip install "sipyco[ndsp]"') from error
        milliseconds = max(1, round(1000 * self._timeout))
        try:
            self._manager = ResourceManager("@py")
            self._resource = self._manager.open_resource(  # type: ignore[assignment]  # any kind
                self._resource_name,
                open_timeout=milliseconds,
                timeout=milliseconds,
                read_termination="\n",
                write_termination="\n",
            )
        except Exception as error:  # PyVISA-py raises Exception itself for a failed connection
            self._disconnect()
            raise ConnectionError(f"cannot connect to {self._name}: {error}") from error
        # Errors of others, who used it before, are not ours.
        identity = self._ask("*CLS;*IDN?")
        if self._identity not in {None, identity}:
            self._disconnect()
            raise ConnectionError(
                f"{self._name} was {self._identity!r} and is {identity!r} now; start anew to use it"
            )
        self._identity = identity

    def _ask(self, line: str) -> str:
        from pyvisa.constants import StatusCode  # noqa: PLC0415
        from pyvisa.errors import VisaIOError  # noqa: PLC0415 - as above

        assert self._resource is not None
        try:
            return self._resource.query(line).strip()
        except VisaIOError as error:
            self._disconnect()
            if error.error_code != StatusCode.error_timeout:
                raise ConnectionResetError(f"{self._name} was lost at {line!r}: {error}") from error
            # PyVISA-py waits for an instrument that has hung up, too.
            raise TimeoutError(
                f"{self._name} has not answered {line!r} within {self._timeout:g} s, or has hung "
                "up; disconnected"
            ) from error
        except OSError as error:
            self._disconnect()
            reason = error.strerror or error
            raise ConnectionResetError(
                f"{self._name} was lost at {line!r}: {reason}; is it switched on?"
            ) from error

    def _disconnect(self) -> None:
        resource, manager = self._resource, self._manager
        self._resource = self._manager = None
        if resource is not None:
            resource.close()
        if manager is not None:
            manager.close()
