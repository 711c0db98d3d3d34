"""How long a call takes, as multiples of a bare socket that moves as many bytes.

Server and client are separate processes, pinned to separate cores where the system can. Every
figure is a median of one run on one machine: compare the ratios.
"""

import asyncio
import functools
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import uvloop

from sipyco.pc_rpc import Client, Server

ROUNDS = 7
IMAGE = np.zeros((2048, 2048), dtype=np.uint16)


class Device:
    """What is served."""

    def echo(self, value: Any) -> Any:
        return value

    def image(self) -> Any:
        return IMAGE


def main() -> None:
    """Print the table."""
    small = len(b'{"action":"call","name":"echo","args":[1]}')
    calls: dict[str, float] = {}
    images: dict[str, float] = {}
    for kind, text in (("blocking", "bare blocking socket"), ("asyncio", "bare asyncio echo")):
        with server(kind) as port, socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            calls[text] = median(functools.partial(exchange, sock, small, small), 1000)
            if kind == "blocking":
                images[text] = median(functools.partial(exchange, sock, 16, IMAGE.nbytes), 3)
    for kind, text in (("uvloop", "sipyco, uvloop"), ("plain", "sipyco, plain asyncio")):
        with server(kind) as port, Client("127.0.0.1", port) as client:
            calls[text] = median(functools.partial(client.echo, 1), 1000)
            images[text] = median(client.image, 3)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print_table("a small call", calls, 1e6, "us")
    print_table("an image of 8 MiB returned", images, 1e3, "ms")


def print_table(title: str, rows: dict[str, float], scale: float, unit: str) -> None:
    """Print one workload, with ratios to its first row."""
    floor = next(iter(rows.values()))
    print(f"\n{title:32}{unit:>10}{'ratio':>10}")
    for name, seconds in rows.items():
        print(f"{name:32}{seconds * scale:10.1f}{seconds / floor:10.1f}")


def median(operation: Callable[[], object], count: int) -> float:
    """Return the median over rounds of the mean time of one operation, in seconds."""
    operation()
    figures = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(count):
            operation()
        figures.append((time.perf_counter() - begun) / count)
    return statistics.median(figures)


def exchange(sock: socket.socket, ask: int, answer: int) -> None:
    """Send some bytes, of which the first eight say how many are to come back, and read those."""
    sock.sendall(answer.to_bytes(8, "big") + bytes(ask - 8))
    left = answer
    while left:
        left -= len(sock.recv(min(left, 1 << 20)))


@contextmanager
def server(kind: str) -> Iterator[int]:
    """Start a server in another process and tell its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, kind], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def pin(core: int) -> None:
    """Stay on one core, where the system knows how."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def serve(kind: str) -> None:
    """Be one of the servers, until terminated."""
    pin(1)
    if kind == "blocking":
        serve_blocking()
    elif kind == "asyncio":
        asyncio.run(serve_asyncio())
    else:
        factory = uvloop.new_event_loop if kind == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve_device())


async def serve_device() -> None:
    """Be the server that is measured."""
    server = Server({"device": Device()})
    await server.start("127.0.0.1", 0)
    assert server.server is not None
    print(server.server.sockets[0].getsockname()[1], flush=True)
    await server.wait_terminate()


def serve_blocking() -> None:
    """Answer with as many bytes as are asked for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        payload = memoryview(bytes(IMAGE.nbytes))
        while request := connection.recv(1 << 16):
            connection.sendall(payload[: int.from_bytes(request[:8], "big")])


async def serve_asyncio() -> None:
    """The same for small answers, as the simplest protocol on asyncio."""

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(data)

    listener = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(sys.argv[1])
    else:
        pin(0)
        main()
