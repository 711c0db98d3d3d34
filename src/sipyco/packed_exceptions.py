"""Exceptions as dictionaries that travel, and back."""

from sipyco._wire.remote_exceptions import (
    GenericRemoteException,
    current_exc_packed,
    raise_packed_exc,
)

__all__ = ["GenericRemoteException", "current_exc_packed", "raise_packed_exc"]
