"""A client of the camera: sends an image, fetches one, and looks whether they are right."""

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from sipyco.common_args import tcp_port
from sipyco.pc_rpc import Client


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description="exchange images with the camera controller")
    parser.add_argument("-s", "--server", default="::1", help="its host (default: %(default)s)")
    parser.add_argument(
        "-p", "--port", type=tcp_port, default=3260, help="its TCP port (default: %(default)s)"
    )
    return parser


def describe(what: str, image: NDArray[np.uint16], seconds: float) -> None:
    """Print what was transferred and how long it took."""
    size = image.nbytes / 1e6
    print(f"{what}: {image.shape} {image.dtype}, {size:.1f} MB in {seconds * 1e3:.1f} ms")


def main() -> int:
    """Exchange the images; the exit status says whether they arrived unchanged."""
    args = get_argparser().parse_args()
    background = np.random.default_rng(1).integers(0, 200, (2048, 2048), np.uint16)
    with Client(args.server, args.port, "camera") as camera:
        start = time.perf_counter()
        camera.set_background(background)
        sent = time.perf_counter()
        image = camera.take_image()
        received = time.perf_counter()
    describe("background sent", background, sent - start)
    describe("image received ", image, received - sent)
    if not np.array_equal(image + background, np.full(image.shape, 2000, np.uint16)):
        print("the image does not fit the background that was sent", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
