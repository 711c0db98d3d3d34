"""The controller of the camera: what is served, and how it is started."""

from ndsp.controller import Controller
from ndsp.controllers.camera.driver import Camera
from ndsp.controllers.camera.simulation import Simulation

__all__ = ["CONTROLLER", "get_argparser", "main"]

CONTROLLER = Controller(
    Camera,
    name="camera",
    port=3278,
    simulation=Simulation,
    description="controller of a camera, 2048 by 2048 pixels",
    # Frames are large and results are small: code that makes the one of the other runs here.
    remote_exec=True,
)

get_argparser = CONTROLLER.get_argparser
main = CONTROLLER.run
