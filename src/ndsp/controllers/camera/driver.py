"""The driver of the camera: the same code for the instrument and for its simulation."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ndsp.instruments import LineConnection
from sipyco.pc_rpc import current_call

__all__ = ["Camera"]


class Camera:
    """A camera on a TCP socket, 2048 by 2048 pixels of 16 bits.

    Commands and answers are lines: `ID?`, `SHAPE?`, `LIMITS?`, `EXPOSURE?` and `EXPOSURE <s>`,
    answered by values, by `OK` or by `ERROR <reason>`. `FRAME` is answered by `FRAME <bytes>` and
    so many bytes: the pixels, row by row from the top, two bytes each, the low one first.

    A camera that does not answer is disconnected: its late frame would be taken for the next one.
    The next call connects anew. The camera keeps its exposure time as long as it is switched on.

    Args:
        device: The camera, ``"HOST:PORT"``, such as ``"192.168.1.40:5030"``.
        timeout: Seconds to wait for it, beyond the exposure. A frame takes 30 ms to read out.

    Raises:
        ValueError: ``device`` is no such address, or what answers there is no such camera.
        ConnectionError: It cannot be reached. Nothing is left open, as after every error here.
        TimeoutError: It does not answer.
    """

    def __init__(self, device: str, timeout: float = 2.0) -> None:
        self._connection = LineConnection("the camera", device, timeout)
        try:
            self._identify(device)
            height, width = map(int, self._ask("SHAPE?").split())
            shortest, longest = map(float, self._ask("LIMITS?").split())
        except BaseException:
            self.close()
            raise
        self._shape = (height, width)
        self._limits = (shortest, longest)

    def get_shape(self) -> tuple[int, int]:
        """Return the height and the width of a frame, in pixels."""
        return self._shape

    def get_limits(self) -> tuple[float, float]:
        """Return the shortest and the longest exposure, in seconds, as the camera has told."""
        return self._limits

    def get_exposure(self) -> float:
        """Read the exposure time back from the camera.

        Returns:
            Exposure in seconds. The camera counts in microseconds.

        Raises:
            TimeoutError: No answer in time (2 s).
            ConnectionError: The camera is not there.
        """
        return float(self._ask("EXPOSURE?"))

    def set_exposure(self, exposure: float) -> None:
        """Change the exposure time of the frames that are taken from now on.

        Args:
            exposure: In seconds, within :meth:`get_limits` (10 us to 10 s), rounded by the camera
                to microseconds.

        Raises:
            ValueError: Out of range. Nothing was sent.
            TimeoutError: No answer in time (2 s). The old or the new value is in effect.
            ConnectionError: The camera is not there. Likewise.
        """
        shortest, longest = self._limits
        if not shortest <= exposure <= longest:
            raise ValueError(
                f"cannot expose for {exposure!r} s; this camera takes {shortest:g} to {longest:g} s"
            )
        self._ask(f"EXPOSURE {exposure:.6f}")

    def take_frame(self) -> NDArray[np.uint16]:
        """Expose once and read out. This takes the exposure time and some 30 ms.

        Returns:
            The frame in counts, 0 to 65535 (saturated): 2048 by 2048 pixels (:meth:`get_shape`),
            uint16, the first index from top to bottom. It belongs to the caller.

        Raises:
            TimeoutError: No frame within the exposure time and 2 s.
            ConnectionError: The camera is not there, or was lost in the middle of the frame.
        """
        # Asked for each time: somebody else may have connected, or switched it off and on.
        answer = self._ask("FRAME", more_time=self.get_exposure())
        frame = np.empty(self._shape, "<u2")
        if answer != f"FRAME {frame.nbytes}":
            # So many bytes of something else would follow.
            self._connection.disconnect()
            raise RuntimeError(
                f"the camera announced {answer!r} instead of 'FRAME {frame.nbytes}'; disconnected"
            )
        self._connection.receive_into(frame.data.cast("B"))
        return frame

    def frames(self, count: int) -> Iterator[NDArray[np.uint16]]:
        """Take frames one after the other; each is sent when it was taken.

        Between two frames others can call, and change the exposure. A client that takes frames
        slowly makes the camera wait: no frame is older than the four that travel ahead.

        Args:
            count: Number of frames, 1 or more. Leaving the loop earlier ends it.

        Yields:
            Frames as :meth:`take_frame` gives them.

        Raises:
            ValueError: ``count`` is less than 1. No frame was taken.
            TimeoutError: As for :meth:`take_frame`. Earlier frames have been given.
            ConnectionError: Likewise.
        """
        if count < 1:
            raise ValueError(f"cannot take {count!r} frames; take 1 or more")
        for taken in range(count):
            current_call().progress(taken / count, f"frame {taken + 1} of {count}")
            yield self.take_frame()
        current_call().progress(1.0, "done")

    def ping(self) -> bool:
        """Tell whether the camera answers.

        Raises:
            TimeoutError: It did not in time (2 s).
            ConnectionError: It is not there.
        """
        return self._ask("ID?").startswith("CAM")

    def close(self) -> None:
        """Disconnect from the camera. It keeps its exposure time, and exposes only when asked.

        Afterwards all other methods raise ConnectionError.
        """
        self._connection.close()

    def _identify(self, device: str) -> None:
        identity = self._ask("ID?")
        if not identity.startswith("CAM"):
            raise ValueError(f"{device} is no CAM camera; it calls itself {identity!r}")

    def _ask(self, command: str, more_time: float = 0.0) -> str:
        answer = self._connection.ask(command, more_time)
        if answer.startswith("ERROR"):
            reason = answer.removeprefix("ERROR ")
            raise RuntimeError(f"the camera refused {command!r}: {reason}")
        return answer
