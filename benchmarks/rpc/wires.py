"""The forms of messages that are compared: each makes columns of its own."""

from collections.abc import Mapping
from typing import Any

WIRES: Mapping[str, Mapping[str, Any]] = {"text": {}}
"""Names, and the keyword arguments of ``Client`` and ``connect_rpc`` that choose them.

From the oldest to the newest: goals that name no wire are those of the last one that is measured.
"""
