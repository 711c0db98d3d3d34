"""gRPC with messages of bytes, without protobuf, which would only add to what is measured.

It has neither arrays, which travel as bytes, nor dicts and tuples of Python.
"""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np

from benchmarks.rpc import values

OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
SERVICE = "Device"


class BytesDevice:
    """The driver, with bytes in and bytes out."""

    def __init__(self) -> None:
        self._device = values.Device()

    def echo(self, request: bytes, context: object) -> bytes:
        return _from_int(self._device.echo(_as_int(request)))

    def image(self, request: bytes, context: object) -> bytes:
        return self._device.image().tobytes()

    def discard(self, request: bytes, context: object) -> bytes:
        return _from_int(self._device.discard(_as_image(request)))

    def kept_image(self, request: bytes, context: object) -> bytes:
        return self._device.kept_image().tobytes()

    def both_ways(self, request: bytes, context: object) -> bytes:
        return self._device.both_ways(np.frombuffer(request, np.float64)).tobytes()


def serve(port: int) -> None:
    device = BytesDevice()
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(getattr(device, name))
        for name in ("echo", "image", "kept_image", "discard", "both_ways")
    }
    server = grpc.server(ThreadPoolExecutor(1), options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


class Calls:
    """The calls, with values made of bytes and bytes of values."""

    def __init__(self, port: int) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)
        self._echo = channel.unary_unary(f"/{SERVICE}/echo")
        self._image = channel.unary_unary(f"/{SERVICE}/image")
        self._discard = channel.unary_unary(f"/{SERVICE}/discard")
        self._kept_image = channel.unary_unary(f"/{SERVICE}/kept_image")
        self._both_ways = channel.unary_unary(f"/{SERVICE}/both_ways")

    def echo(self, value: int) -> int:
        return _as_int(self._echo(_from_int(value)))

    def image(self) -> values.Image:
        return _as_image(self._image(b""))

    def discard(self, image: values.Image) -> int:
        return _as_int(self._discard(image.tobytes()))

    def kept_image(self) -> values.Image:
        return _as_image(self._kept_image(b""))

    def both_ways(self, array: values.Array) -> values.Array:
        return np.frombuffer(self._both_ways(array.tobytes()), np.float64)


def connect(port: int) -> Calls:
    return Calls(port)


def _as_int(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _from_int(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _as_image(data: bytes) -> values.Image:
    return np.frombuffer(data, np.uint16).reshape(2048, 2048)
