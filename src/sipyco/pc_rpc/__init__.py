"""Remote procedure calls: the methods of an object are called from another program.

Clients are :class:`Client`, :class:`AsyncioClient` and :class:`BestEffortClient`; servers are
:func:`simple_server_loop` and :class:`Server`. What travels is described in ``sipyco.pyon``.
"""

from sipyco._wire.errors import ConnectionLost, IncompatibleServer, MessageTooLargeError
from sipyco._wire.remote_exceptions import (
    GenericRemoteException,
    current_exc_packed,
    raise_packed_exc,
)
from sipyco.pc_rpc._abandon import rpc_method
from sipyco.pc_rpc._asyncio_client import AsyncioClient
from sipyco.pc_rpc._best_effort_client import BestEffortClient
from sipyco.pc_rpc._client import Client
from sipyco.pc_rpc._current_call import current_call
from sipyco.pc_rpc._proxy import AutoTarget
from sipyco.pc_rpc._server import Server
from sipyco.pc_rpc._server_loop import simple_server_loop
from sipyco.pc_rpc._stream import RemoteStream

__all__ = [
    "AsyncioClient",
    "AutoTarget",
    "BestEffortClient",
    "Client",
    "ConnectionLost",
    "GenericRemoteException",
    "IncompatibleServer",
    "MessageTooLargeError",
    "RemoteStream",
    "Server",
    "current_call",
    "current_exc_packed",
    "raise_packed_exc",
    "rpc_method",
    "simple_server_loop",
]
