"""RPyC: what is not simple is copied with ``obtain``, which pickles.

It is tuned: out of the box it compresses everything over 3000 bytes, with which an image of noise
takes six times as long, and copies what is left after each 64 kB: 20 s for 64 MiB both ways.
"""

from typing import Any

import rpyc
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream
from rpyc.utils.classic import obtain
from rpyc.utils.server import ThreadedServer

from benchmarks.rpc import values

CONFIG = {"allow_pickle": True, "allow_public_attrs": True, "sync_request_timeout": 60}


class DeviceService(rpyc.Service):  # type: ignore[misc]  # nothing is known of its types
    """The driver, which copies the arrays that it is given."""

    def __init__(self) -> None:
        self._device = values.Device()

    def exposed_echo(self, value: int) -> int:
        return self._device.echo(value)

    def exposed_image(self) -> values.Image:
        return self._device.image()

    def exposed_discard(self, image: values.Image) -> int:
        return self._device.discard(obtain(image))

    def exposed_kept_image(self) -> values.Image:
        return self._device.kept_image()

    def exposed_both_ways(self, array: values.Array) -> values.Array:
        return self._device.both_ways(obtain(array))

    def exposed_channels(self) -> values.Channels:
        return self._device.channels()


def _tune() -> None:
    Channel.COMPRESSION_THRESHOLD = 1 << 40
    SocketStream.MAX_IO_CHUNK = values.ARRAY_SIZE * 2


def serve(port: int) -> None:
    _tune()
    ThreadedServer(DeviceService(), hostname="127.0.0.1", port=port, protocol_config=CONFIG).start()


class Calls:
    """The calls, with results copied."""

    def __init__(self, port: int) -> None:
        self._connection = rpyc.connect("127.0.0.1", port, config=CONFIG)
        root: Any = self._connection.root
        self.echo = root.echo
        self.discard = root.discard
        self._root = root

    def image(self) -> values.Image:
        image: values.Image = obtain(self._root.image())
        return image

    def kept_image(self) -> values.Image:
        image: values.Image = obtain(self._root.kept_image())
        return image

    def both_ways(self, array: values.Array) -> values.Array:
        answer: values.Array = obtain(self._root.both_ways(array))
        return answer

    def channels(self) -> values.Channels:
        channels: values.Channels = obtain(self._root.channels())
        return channels


def connect(port: int) -> Calls:
    _tune()
    return Calls(port)
