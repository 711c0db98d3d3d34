"""The floor: a blocking socket that moves as many bytes and means nothing by them.

A request begins with two numbers: the bytes that follow, and those that are to come back. Both
sides receive into memory that is there already.
"""

import functools
import pickle
import socket

from benchmarks.rpc import values

HEADER = 16
SMALL = len(b'{"action":"call","name":"echo","args":[1]}\n')
"""Bytes of a small request, and of its answer."""


def header(follows: int, comes_back: int) -> bytes:
    return follows.to_bytes(8, "big") + comes_back.to_bytes(8, "big")


def lengths(request: memoryview) -> tuple[int, int]:
    """Read a header."""
    return int.from_bytes(request[:8], "big"), int.from_bytes(request[8:HEADER], "big")


def serve(port: int) -> None:
    """Serve one connection after the other."""
    memory = memoryview(bytearray(HEADER + values.ARRAY_SIZE))
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while _answer(connection, memory):
                    pass


def _answer(connection: socket.socket, memory: memoryview) -> bool:
    received = connection.recv_into(memory)
    if received < HEADER:
        return False
    follows, comes_back = lengths(memory)
    while received < HEADER + follows:
        received += connection.recv_into(memory[received : HEADER + follows])
    connection.sendall(memory[:comes_back])
    return True


class Socket:
    """What returns is what would be expected of a device; it is not what was received."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = header(SMALL - HEADER, SMALL) + bytes(SMALL - HEADER)
        self._answer = memoryview(bytearray(SMALL))

    @functools.cached_property
    def _memory(self) -> memoryview:
        return memoryview(bytearray(values.ARRAY_SIZE))

    def echo(self, value: int) -> int:
        self._socket.sendall(self._request)
        self._receive(self._answer)
        return value

    def image(self) -> values.Image:
        self._socket.sendall(header(0, values.IMAGE_SIZE))
        self._receive(self._memory[: values.IMAGE_SIZE])
        return values.image()

    def discard(self, image: values.Image) -> int:
        self._send(image, 1)
        self._receive(self._answer[:1])
        return int(image[-1, -1])

    def kept_image(self) -> values.Image:
        return self.image()

    def both_ways(self, array: values.Array) -> values.Array:
        self._send(array, array.nbytes)
        self._receive(self._memory[: array.nbytes])
        return array

    def _send(self, array: values.Image | values.Array, comes_back: int) -> None:
        self._socket.sendall(header(array.nbytes, comes_back))
        self._socket.sendall(array.data.cast("B"))

    def _receive(self, memory: memoryview) -> None:
        received = 0
        while received < len(memory):
            received += self._socket.recv_into(memory[received:])


class Floor(Socket):
    """The floor of structures is pickle alone: writing and reading in one process, no socket."""

    def channels(self) -> values.Channels:
        channels: values.Channels = pickle.loads(pickle.dumps(values.channels()))
        return channels


def connect(port: int) -> Floor:
    return Floor(port)
