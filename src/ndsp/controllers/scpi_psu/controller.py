"""The controller of the power supply: what is served, and how it is started."""

from ndsp.controller import Controller
from ndsp.controllers.scpi_psu.driver import ScpiPsu
from ndsp.controllers.scpi_psu.simulation import Simulation

__all__ = ["CONTROLLER", "get_argparser", "main"]

CONTROLLER = Controller(
    ScpiPsu,
    name="scpi_psu",
    port=3277,
    simulation=Simulation,
    description="controller of a power supply with two outputs (SCPI, by PyVISA)",
    # A ramp may take minutes, and the outputs must be switched off at any time.
    allow_parallel=True,
)

get_argparser = CONTROLLER.get_argparser
main = CONTROLLER.run
