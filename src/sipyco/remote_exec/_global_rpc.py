"""A client that the code on a server can use, made from afar."""

import builtins
import keyword
from typing import Any

__all__ = ["connect_global_rpc"]

DATASET_TARGETS = ("master_dataset_db", "dataset_db")
"""The dataset database of ARTIQ: its name in the manual, and the one that newer versions use."""


def connect_global_rpc(
    controller_rexec: Any,
    host: str | None = None,
    port: int = 3251,
    target: str = DATASET_TARGETS[0],
    name: str = "dataset_db",
) -> None:
    """Give the code on a server an RPC client, which all connections share.

    With the default arguments it reaches the dataset database of the ARTIQ master that calls this.
    If there is a global of that name already it is left as it is, unless it is a client that has
    lost its connection: that is replaced.

    Args:
        controller_rexec: A :class:`sipyco.pc_rpc.Client` of a ``_rexec`` target, of any version.
        host: Where the new client connects to; None for this end of the connection of
            ``controller_rexec``, as seen from the server.
        port: TCP port there.
        target: Name of the target there. For the default, ``"dataset_db"`` is tried, too, which
            is how newer versions of ARTIQ call it.
        name: Of the global.

    Raises:
        GenericRemoteException: The target does not exist (IncompatibleServer on the server).
        OSError: The server could not connect, and has no such global now.
        ValueError: ``name`` cannot be that of a global, or is that of a builtin.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or hasattr(builtins, name):
        raise ValueError(
            f"{name!r} is no name for a global; give an identifier that Python itself does not use"
        )
    if host is None:
        host = controller_rexec.get_local_host()
    targets = list(DATASET_TARGETS) if target == DATASET_TARGETS[0] else [target]
    controller_rexec.add_code(_CONNECT)
    controller_rexec.call("_sipyco_connect_global_rpc", host, port, targets, name)


# Works on every version of the library. What it is to do comes as arguments, which need no quoting.
_CONNECT = """
def _sipyco_connect_global_rpc(host, port, targets, name):
    import json

    from sipyco.pc_rpc import Client, IncompatibleServer

    def is_lost(client):
        try:
            client.get_rpc_method_list()
        except (OSError, EOFError, SyntaxError, json.JSONDecodeError):
            # As which a lost connection shows, from version to version. Anything else came from
            # a server that is alive, and cannot describe itself.
            return True
        return False

    shared = controller_initial_namespace
    own = globals().get(name)
    if isinstance(own, Client) and own is not shared.get(name) and is_lost(own):
        # It was lost, and another connection has had it replaced.
        del globals()[name]
    if isinstance(shared.get(name), Client) and is_lost(shared[name]):
        lost = shared.pop(name)
        lost.close_rpc()
        if globals().get(name) is lost:
            del globals()[name]
    if name in shared:
        globals().setdefault(name, shared[name])
    elif name not in globals():
        for target in targets:
            try:
                client = Client(host, port, target)
            except IncompatibleServer:
                if target == targets[-1]:
                    raise
            else:
                break
        shared[name] = globals()[name] = client
"""
