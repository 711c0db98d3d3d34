"""The controller of the console: what is served, and how it is started."""

from ndsp.controller import Controller
from ndsp.controllers.hello.driver import Hello

__all__ = ["CONTROLLER", "get_argparser", "main"]

# Without a simulation: a console is there wherever this runs. `--simulation` changes nothing.
CONTROLLER = Controller(
    Hello,
    name="hello",
    port=3249,
    description="write messages to the console of this controller",
)

get_argparser = CONTROLLER.get_argparser
main = CONTROLLER.run
