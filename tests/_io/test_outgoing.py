"""What is handed to transports at a time."""

import asyncio

from sipyco._io.outgoing import BATCH_SIZE, MAX_BATCHES, MAX_JOINED_SIZE, write_batches


class Reader(asyncio.Transport):
    """The transport of a peer that reads as fast as is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


class Writer:
    can_write = True


def test_others_have_their_turn_however_fast_the_peer_reads() -> None:
    transport = Reader()

    assert write_batches(Writer(), transport, lambda size: [bytes(size)])
    assert sum(map(len, transport.written)) == MAX_BATCHES * BATCH_SIZE


def test_what_fits_into_a_batch_is_all() -> None:
    transport = Reader()
    waiting = [b"one", b"two"]

    def take(_: int) -> list[bytes | memoryview]:
        taken: list[bytes | memoryview] = list(waiting)
        waiting.clear()
        return taken

    assert not write_batches(Writer(), transport, take)
    assert transport.written == [b"onetwo"]


def test_a_peer_that_does_not_read_is_given_nothing() -> None:
    writer, transport = Writer(), Reader()
    writer.can_write = False

    assert not write_batches(writer, transport, lambda size: [bytes(size)])
    assert transport.written == []


def test_small_parts_are_joined_and_large_ones_are_not() -> None:
    transport = Reader()
    large = bytes(MAX_JOINED_SIZE + 1)
    parts: list[bytes | memoryview] = [b"a", b"b", memoryview(large), b"c", b"d"]

    write_batches(Writer(), transport, lambda _: parts)

    assert transport.written == [b"ab", large, b"cd"]
