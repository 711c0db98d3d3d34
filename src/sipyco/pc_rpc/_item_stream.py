"""Giving a client the items of a generator, as fast as it takes them."""

import contextlib
from typing import TYPE_CHECKING

from sipyco._wire.rpc_protocol import Spelled
from sipyco.pc_rpc._runner import AnyGenerator, Runner
from sipyco.pc_rpc._running_call import RunningCall

if TYPE_CHECKING:
    from sipyco.pc_rpc._connection import Connection

__all__ = ["give_items"]


async def give_items(
    connection: "Connection",
    request: int,
    call: RunningCall,
    items: AnyGenerator,
    runner: Runner,
) -> Spelled | None:
    """Send items until there are no more, and close the generator.

    Each is made when the client has allowed it and has read what was sent before; the turn of a
    server without parallel calls is taken only while one is made.

    Returns:
        The failure that ends the stream: an item could not be spelled. None at its end.

    Raises:
        TypeError: The client cannot be given items.
        BaseException: What the generator raises.
    """
    frames = connection.session.frames
    try:
        if frames is None:
            raise TypeError(
                f"{call.current.method}() gives items one by one (it is a generator), which needs "
                "a client that knows how to take them, as those of SiPyCo 2 do"
            )
        frames.begin_stream(request)
        connection.flush()
        while not call.current.cancelled:
            await call.wait_for_credit()
            await connection.until_writable()
            item = await runner.make_item(call, items, connection.session.spell_item)
            if item is None:
                return None
            message, is_item = item
            if not is_item:
                return message
            call.credit -= 1
            if not call.current.cancelled:
                frames.send_item(request, message)
                connection.flush()
        return None
    finally:
        # A generator in a thread that was left to itself cannot be closed.
        with contextlib.suppress(ValueError):
            await runner.close_generator(call, items)
