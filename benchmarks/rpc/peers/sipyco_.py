"""This library: a blocking Client against simple_server_loop."""

import asyncio

from benchmarks.rpc.loops import new_loop
from benchmarks.rpc.values import Device
from benchmarks.rpc.wires import offer
from sipyco.pc_rpc import Client, simple_server_loop


class AsyncioDevice(Device):
    """What is called from tasks."""

    async def wait(self) -> None:
        """As an instrument that needs 50 ms."""
        await asyncio.sleep(0.05)


def serve(port: int, *, loop: str, wire: str, allow_parallel: bool = False) -> None:
    offer(wire)
    simple_server_loop(
        {"device": AsyncioDevice()},
        "127.0.0.1",
        port,
        allow_parallel=allow_parallel,
        loop=new_loop(loop),
    )


def connect(port: int, *, loop: str, wire: str) -> Client:
    return Client("127.0.0.1", port)
