"""An experiment with four devices, which knows them only by their names in the device database."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.progress import Progress

from ndsp import DeviceManager, HasEnvironment

REDUCE = """
import numpy as np

def spots(count):
    for frame in controller_driver.frames(count):
        row, column = np.unravel_index(frame.argmax(), frame.shape)
        yield int(row), int(column), int(frame.max())
"""
"""Runs beside the camera, so that three numbers travel instead of 8 MiB."""


class Experiment(HasEnvironment):
    """Attenuates, ramps a voltage, looks at the result, and takes pictures of it."""

    def build(self, *_args: Any, **_kwargs: Any) -> None:
        """Ask for the devices."""
        for name in ("hello", "attenuator", "psu", "camera", "camera_rexec"):
            self.setattr_device(name)
        self.hello: Any
        self.attenuator: Any
        self.psu: Any
        self.camera: Any
        self.camera_rexec: Any

    def run(self) -> None:
        """Do it, and say what is done."""
        self.hello.message("The experiment begins.")
        self.attenuator.set_attenuation(5)
        print(f"attenuation: {self.attenuator.get_attenuation()} dB")
        self.ramp(8.0)
        self.take_frames()
        self.reduce_frames()
        self.hello.message("The experiment is over.")

    def ramp(self, voltage: float) -> None:
        """Ramp a channel of the power supply, with a progress bar."""
        self.psu.set_output(1, True)
        with Progress() as progress:
            bar = progress.add_task("ramp", total=1.0)

            def show(fraction: float | None, text: str) -> None:
                progress.update(bar, completed=fraction or 0.0, description=text)

            reached = self.psu.rpc_options(on_progress=show).ramp_voltage(1, voltage, 8.0)
        print(f"channel 1: {reached:.3f} V")
        self.psu.outputs_off()

    def take_frames(self) -> None:
        """Have frames sent here as they are taken."""
        self.camera.set_exposure(0.001)
        begin = time.perf_counter()
        frames = list(self.camera.frames(4))
        seconds = time.perf_counter() - begin
        size = sum(frame.nbytes for frame in frames) / 1e6
        shape = " x ".join(map(str, frames[0].shape))
        print(
            f"{len(frames)} frames of {shape} {frames[0].dtype}: {size:.0f} MB in {seconds:.2f} s"
        )

    def reduce_frames(self) -> None:
        """Have frames reduced where they are taken."""
        self.camera_rexec.add_code(REDUCE)
        for row, column, counts in self.camera_rexec.call("spots", 3):
            print(f"brightest pixel: row {row}, column {column}, {counts} counts")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiment with the devices of a database."""
    parser = argparse.ArgumentParser(description="run an experiment with four devices")
    parser.add_argument("device_db", metavar="FILE", help="the device database")
    args = parser.parse_args(argv)
    with DeviceManager(args.device_db, timeout=20.0) as devices:
        Experiment(devices).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
