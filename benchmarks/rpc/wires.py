"""The forms of messages that are compared: each makes columns of its own."""

from collections.abc import Mapping

from sipyco._wire import rpc_server, subscription_client

WIRES: Mapping[str, tuple[str, ...]] = {"text": ("pyon_v2",), "fast": ("pyon_v2", "frames_v1")}
"""Names, and the features that a server offers: our clients choose the best.

From the oldest to the newest: goals that name no wire are those of the last one that is measured.
"""


def offer(wire: str) -> None:
    """Let all servers of this process offer what belongs to the wire, as older ones do."""
    rpc_server.FEATURES = WIRES[wire]


def ask(wire: str) -> None:
    """Let all subscribers of this process ask for what belongs to the wire, as older ones do."""
    subscription_client.ASKS_FOR_FRAMES = "frames_v1" in WIRES[wire]
