"""Connections that notice when the other machine has disappeared without a word."""

from sipyco._io.sockets import async_open_connection, create_connection, set_keepalive

__all__ = ["async_open_connection", "create_connection", "set_keepalive"]
