"""A controller whose method calls carry images in both directions."""

import argparse

import numpy as np
from numpy.typing import NDArray

from sipyco.common_args import bind_address_from_args, simple_network_args
from sipyco.pc_rpc import simple_server_loop

SHAPE = (2048, 2048)
BRIGHTNESS = 2000


class Camera:
    """A camera, simulated: it looks at an evenly lit wall of 2000 counts."""

    def __init__(self) -> None:
        self._background = np.zeros(SHAPE, np.uint16)

    def set_background(self, background: NDArray[np.uint16]) -> None:
        """Choose the image that is subtracted from every frame.

        Args:
            background: In counts, 2048 by 2048 pixels, uint16, no pixel above 2000.

        Raises:
            ValueError: Another shape or data type. The old background stays.
        """
        if background.shape != SHAPE or background.dtype != np.uint16:
            got = f"{background.shape} of {background.dtype}"
            msg = f"cannot use a background of {got}; pass {SHAPE} of uint16"
            raise ValueError(msg)
        self._background = background

    def take_image(self) -> NDArray[np.uint16]:
        """Expose, read out and subtract the background.

        Returns:
            The frame in counts, 2048 by 2048 pixels, uint16.
        """
        return np.full(SHAPE, BRIGHTNESS, np.uint16) - self._background


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description="controller of a simulated camera")
    simple_network_args(parser, 3260)
    return parser


def main() -> None:
    """Serve until Ctrl-C, SIGTERM or a client's request to terminate."""
    args = get_argparser().parse_args()
    simple_server_loop({"camera": Camera()}, bind_address_from_args(args), args.port)


if __name__ == "__main__":
    main()
