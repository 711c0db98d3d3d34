"""Code that a client sends runs beside the driver, so that large amounts of data stay there.

Whoever can select such a target does with the server's machine what the server's user may do.
"""

from sipyco.remote_exec._global_rpc import connect_global_rpc
from sipyco.remote_exec._server import RemoteExecServer
from sipyco.remote_exec._server_loop import simple_rexec_server_loop

__all__ = ["RemoteExecServer", "connect_global_rpc", "simple_rexec_server_loop"]
