"""zerorpc: msgpack over ZeroMQ. It has no arrays, which travel as bytes, and no tuples."""

from typing import Any

import numpy as np
import zerorpc

from benchmarks.rpc import values


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


def serve(port: int) -> None:
    server = zerorpc.Server(BytesDevice())
    server.bind(f"tcp://127.0.0.1:{port}")
    server.run()


class Calls:
    """The calls, with arrays made of bytes and bytes of arrays. No channels: they have tuples."""

    def __init__(self, port: int) -> None:
        self._client: Any = zerorpc.Client(f"tcp://127.0.0.1:{port}", timeout=60)
        self.echo = self._client.echo

    def image(self) -> values.Image:
        return _as_image(self._client.image())

    def discard(self, image: values.Image) -> int:
        pixel: int = self._client.discard(image.tobytes())
        return pixel

    def kept_image(self) -> values.Image:
        return _as_image(self._client.kept_image())

    def both_ways(self, array: values.Array) -> values.Array:
        return np.frombuffer(self._client.both_ways(array.tobytes()), np.float64)


def connect(port: int) -> Calls:
    return Calls(port)


def _as_image(data: bytes) -> values.Image:
    return np.frombuffer(data, np.uint16).reshape(2048, 2048)
