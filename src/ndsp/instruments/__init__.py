"""Both ends of the connection to an instrument: for drivers, and for simulations.

Drivers have :class:`LineConnection` for instruments that answer line by line on a TCP socket, and
:class:`ScpiConnection` for those that speak SCPI, over PyVISA. Simulations derive from
:class:`LocalInstrument` or :class:`ScpiInstrument`, which answer on a local port.
"""

from ndsp.instruments._line_connection import LineConnection, parse_address
from ndsp.instruments._local_instrument import LocalInstrument
from ndsp.instruments._scpi_connection import ScpiConnection, resource_name
from ndsp.instruments._scpi_instrument import ScpiError, ScpiInstrument, channel_list, number

__all__ = [
    "LineConnection",
    "LocalInstrument",
    "ScpiConnection",
    "ScpiError",
    "ScpiInstrument",
    "channel_list",
    "number",
    "parse_address",
    "resource_name",
]
