"""A simulated power supply, and its driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ndsp.controllers.scpi_psu.driver import ScpiPsu
from ndsp.controllers.scpi_psu.simulation import Simulation
from tests.ndsp.controllers.clocks import Clock


@dataclass
class Bench:
    """What stands on the table.

    Attributes:
        clock: The time of the simulation, which stands still.
        simulation: The instrument; 10 ohms at output 1, 100 ohms at output 2.
        device: Its address.
        supply: Its driver.
    """

    clock: Clock
    simulation: Simulation
    device: str
    supply: ScpiPsu


@contextmanager
def bench(timeout: float = 5.0) -> Iterator[Bench]:
    """Set it up, and clear the table afterwards."""
    clock = Clock()
    simulation = Simulation((10.0, 100.0), clock)
    with simulation as device:
        supply = ScpiPsu(device, timeout)
        try:
            yield Bench(clock, simulation, device, supply)
        finally:
            supply.close()
