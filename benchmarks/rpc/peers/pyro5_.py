"""Pyro5 with its serializer ``marshal``, the fastest for all of this; it has no arrays.

Arrays travel as bytes; shape and dtype are known to both sides.
"""

from typing import Any

import numpy as np
import Pyro5
import Pyro5.api

from benchmarks.rpc import values


@Pyro5.api.expose
class BytesDevice:
    """The driver, with bytes where it has arrays."""

    def __init__(self) -> None:
        self._device = values.Device()

    def echo(self, value: int) -> int:
        return self._device.echo(value)

    def image(self) -> bytes:
        return self._device.image().tobytes()

    def discard(self, image: bytes) -> int:
        return self._device.discard(_as_image(image))

    def kept_image(self) -> bytes:
        return self._device.kept_image().tobytes()

    def both_ways(self, array: bytes) -> bytes:
        return self._device.both_ways(np.frombuffer(array, np.float64)).tobytes()

    def channels(self) -> values.Channels:
        return self._device.channels()


def serve(port: int) -> None:
    with Pyro5.api.Daemon("127.0.0.1", port) as daemon:
        daemon.register(BytesDevice(), "device")
        daemon.requestLoop()


class Calls:
    """The calls, with arrays made of bytes and bytes of arrays."""

    def __init__(self, port: int) -> None:
        self._proxy: Any = Pyro5.api.Proxy(f"PYRO:device@127.0.0.1:{port}")
        self.echo = self._proxy.echo
        self.channels = self._proxy.channels

    def image(self) -> values.Image:
        return _as_image(self._proxy.image())

    def discard(self, image: values.Image) -> int:
        pixel: int = self._proxy.discard(image.tobytes())
        return pixel

    def kept_image(self) -> values.Image:
        return _as_image(self._proxy.kept_image())

    def both_ways(self, array: values.Array) -> values.Array:
        return np.frombuffer(self._proxy.both_ways(array.tobytes()), np.float64)


def connect(port: int) -> Calls:
    Pyro5.config.SERIALIZER = "marshal"
    return Calls(port)


def _as_image(data: bytes) -> values.Image:
    return np.frombuffer(data, np.uint16).reshape(2048, 2048)
