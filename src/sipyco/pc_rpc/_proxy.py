"""What all clients share: remote methods as attributes, and the choice of a target."""

import functools
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

from sipyco._wire.rpc_client import Greeted
from sipyco.pc_rpc._options import OnProgress, RpcOptions, checked_options

__all__ = ["AutoTarget", "BlockingProxy", "Proxy", "TargetName", "choose_target", "describe_client"]


class AutoTarget:
    """As ``target_name`` of a client: take the only target that the server has."""

    __module__ = "sipyco.pc_rpc"


TargetName = str | type[AutoTarget] | None
"""The name of a target, the only one there is, or (None) none for now."""


def choose_target(wanted: TargetName, greeting: Greeted) -> str | None:
    """Find the name to select.

    Raises:
        TypeError: The wanted name is no name.
        ValueError: The only target was wanted, but the server has none or several.
    """
    if wanted is None or isinstance(wanted, str):
        return wanted
    if wanted is not AutoTarget:
        raise TypeError(f"target_name must be a str, AutoTarget or None, not {wanted!r}")
    if len(greeting.targets) != 1:
        # Programs parse this text.
        found = "multiple targets" if greeting.targets else "no targets"
        raise ValueError(f"Server has {found}: {' '.join(sorted(greeting.targets))}".rstrip(": "))
    return greeting.targets[0]


def describe_client(
    client: object, target: str | None, peer: str | None, *, is_connected: bool
) -> str:
    """Describe a client for people: ``<Client of 'shutter' at localhost:3287>``."""
    of = "" if target is None else f" of {target!r}"
    at = "" if peer is None else f" at {peer}"
    return f"<{type(client).__name__}{of}{at}{'' if is_connected else ', not connected'}>"


class Proxy:
    """Gives the methods of the remote target as attributes.

    Subclasses say which names there are and what happens when one is called.
    """

    def _rpc_methods(self) -> Collection[str] | None:
        """Return the names that can be called; None when any may be."""
        raise RuntimeError(f"{type(self).__name__} does not say which methods it has")

    def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call the remote method."""
        raise RuntimeError(f"{type(self).__name__} does not say how it calls {name}")

    def _rpc_invoke_with(
        self, options: RpcOptions, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call the remote method with options."""
        raise RuntimeError(f"{type(self).__name__} does not say how it calls {name} with {options}")

    def rpc_options(
        self, *, timeout: float | None = None, on_progress: OnProgress | None = None
    ) -> "ProxyWithOptions":
        """Return a view of this client whose calls have options.

        As in ``client.rpc_options(timeout=10).measure()``.

        Args:
            timeout: Seconds that a call may take as a whole, then it raises TimeoutError. The
                server is told: it cancels a coroutine, and other methods can ask for their
                deadline. The iteration of a stream counts as part of the call.
            on_progress: Called as ``on_progress(fraction, text)`` while the call runs, by the
                thread or the task that calls, with what the method tells by
                ``current_call().progress``. What it raises ends the call.

        Raises:
            TypeError: An option is not of its type.
            ValueError: The timeout is negative.
        """
        return ProxyWithOptions(self, checked_options(timeout, on_progress))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # Python itself asks for dunder names, as do copy and pickle, before __init__ has run.
        if name.startswith(("__", "_rpc_")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        methods = self._rpc_methods()
        if methods is not None and name not in methods:
            if name.startswith("_"):
                raise AttributeError(
                    f"the remote target has no method {name!r}, or keeps it private; give it a "
                    "public name, or start the server with allow_private=True"
                )
            import difflib  # noqa: PLC0415 - only for a name that is wrong

            similar = difflib.get_close_matches(name, methods, n=1)
            hint = f"; did you mean {similar[0]!r}?" if similar else ""
            # Python would add the same hint once more if it knew of this object.
            message = f"the remote target has no method {name!r}{hint}"
            raise AttributeError(message, name=name, obj=None)
        return self._rpc_method(name)

    def _rpc_method(self, name: str) -> Callable[..., Any]:
        """Return what calls the remote method."""
        return functools.partial(self._rpc_invoke, name)

    def __dir__(self) -> list[str]:
        """List the remote methods as well, for completion in interactive shells."""
        return sorted({*super().__dir__(), *(self._rpc_methods() or ())})


class ProxyWithOptions(Proxy):
    """A client as :meth:`Proxy.rpc_options` shows it: its remote methods, and nothing else."""

    def __init__(self, client: Proxy, options: RpcOptions) -> None:
        self._rpc_client = client
        self._rpc_options = options

    def __repr__(self) -> str:
        """Name the client, and the options that were given."""
        options = self._rpc_options._asdict().items()
        given = ", ".join(f"{name}={value!r}" for name, value in options if value is not None)
        return f"{self._rpc_client!r}.rpc_options({given})"

    def _rpc_methods(self) -> Collection[str] | None:
        return self._rpc_client._rpc_methods()

    def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return self._rpc_client._rpc_invoke_with(self._rpc_options, name, args, kwargs)


class BlockingProxy(Proxy):
    """A proxy for programs without an event loop, which ``with`` closes."""

    def close_rpc(self) -> None:
        """Close the connection."""
        raise RuntimeError(f"{type(self).__name__} does not say how it is closed")

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close_rpc()
