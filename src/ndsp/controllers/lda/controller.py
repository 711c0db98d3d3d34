"""The controller of the attenuator: what is served, and how it is started."""

from ndsp.controller import Controller
from ndsp.controllers.lda.driver import Lda
from ndsp.controllers.lda.simulation import Simulation

__all__ = ["CONTROLLER", "get_argparser", "main"]

CONTROLLER = Controller(
    Lda,
    name="lda",
    port=3253,
    simulation=Simulation,
    description="controller of a digital attenuator (LDA)",
)

get_argparser = CONTROLLER.get_argparser
main = CONTROLLER.run
