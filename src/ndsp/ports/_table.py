"""The table of default ports. A new controller takes a free one, and gets a line here."""

from dataclasses import dataclass

__all__ = ["KNOWN_PORTS", "KnownPorts", "markdown", "users_of"]


@dataclass(frozen=True)
class KnownPorts:
    """Ports that a program listens on by default.

    Attributes:
        first: The lowest port.
        last: The highest port; that of most programs is the same.
        name: The program.
        origin: Who has assigned the ports: ``"ARTIQ"``, ``"ndsp"`` or ``"manual"``.
        is_infrastructure: Whether it runs beside controllers of any kind, so that a controller on
            its port gets in its way. Otherwise it is a controller itself.
    """

    first: int
    last: int
    name: str
    origin: str
    is_infrastructure: bool = False

    @property
    def ports(self) -> str:
        """The ports as a text: ``3249``, ``3259-3270``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _infrastructure(port: int, name: str, origin: str = "ARTIQ") -> KnownPorts:
    return KnownPorts(port, port, name, origin, is_infrastructure=True)


def _controller(port: int, name: str, origin: str = "ARTIQ", last: int = 0) -> KnownPorts:
    return KnownPorts(port, last or port, name, origin)


# ARTIQ: as its manual is remembered to list them; look there before relying on a number. Those that
# nobody was sure of are left out.
KNOWN_PORTS = (
    _infrastructure(1066, "master (logging)"),
    _infrastructure(1067, "master (broadcasts)"),
    _infrastructure(1380, "core device (management)"),
    _infrastructure(1381, "core device (main)"),
    KnownPorts(1385, 1386, "core device (analyzer proxy)", "ARTIQ", is_infrastructure=True),
    _infrastructure(3247, "controller manager (status)", "ndsp"),
    _infrastructure(3248, "InfluxDB bridge"),
    _infrastructure(3249, "controller manager (control)"),
    _controller(3249, "hello, the example of the manual", "manual"),
    _infrastructure(3250, "master (notifications)"),
    _infrastructure(3251, "master (control)"),
    _controller(3252, "PDQ2"),
    _controller(3253, "LDA"),
    _controller(3254, "Novatech 409B"),
    _controller(3255, "Thorlabs T-Cube"),
    _controller(3256, "Korad KA3005P"),
    _controller(3257, "Newfocus 8742"),
    _controller(3258, "PICam"),
    _controller(3259, "PTB drivers", last=3270),
    _controller(3271, "HUT2"),
    _controller(3272, "TOPTICA Laser SDK"),
    _controller(3277, "scpi_psu", "ndsp"),
    _controller(3278, "camera", "ndsp"),
    _controller(3279, "hello of the bundled database", "ndsp"),
)
"""Sorted by port."""


def users_of(port: int) -> list[KnownPorts]:
    """Give the programs that listen on a port by default."""
    return [known for known in KNOWN_PORTS if known.first <= port <= known.last]


def markdown() -> str:
    """Spell the table for the reference."""
    rows = [f"| {known.ports} | {known.name} | {known.origin} |" for known in KNOWN_PORTS]
    return "\n".join(["| port | program | assigned by |", "|---|---|---|", *rows])
