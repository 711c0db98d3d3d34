"""The target that executes code."""

import weakref
from typing import Any

from sipyco.remote_exec._sources import Sources

__all__ = ["RemoteExecServer"]


class RemoteExecServer:
    """The target that executes what clients send, in a namespace of its own.

    Each connection has an instance of its own (give the server a factory). The namespace begins
    with all values of ``initial_namespace``, and with that dictionary itself under the name
    ``controller_initial_namespace``. What code puts into it, connections made later find in their
    namespaces.

    Args:
        initial_namespace: The values that namespaces begin with. By convention the driver is
            among them as ``controller_driver``.
    """

    __module__ = "sipyco.remote_exec"

    def __init__(self, initial_namespace: dict[str, Any]) -> None:
        self._namespace = {
            # Otherwise Python takes the name of the module "builtins", and what the code defines
            # claims to be from there.
            "__name__": "remote_code",
            **initial_namespace,
            "controller_initial_namespace": initial_namespace,
        }
        self._sources = Sources()
        weakref.finalize(self, self._sources.forget)

    def add_code(self, code: str) -> None:
        """Execute code in the namespace, usually to define functions there.

        Args:
            code: Python source, any number of lines.

        Raises:
            SyntaxError: It is no valid Python. Nothing was executed.

        Whatever else the code raises is raised too; what it did before that remains done.
        """
        filename = self._sources.keep(code)
        try:
            compiled = compile(code, filename, "exec", dont_inherit=True)
        except SyntaxError as exc:
            # Only this text reaches the client.
            line = f": {exc.text.strip()!r}" if exc.text else ""
            raise SyntaxError(f"{exc}{line}") from None
        exec(compiled, self._namespace)  # noqa: S102  what this class is for

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the namespace and return its value. A coroutine is awaited.

        Args:
            function: The name of the function.
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Raises:
            NameError: There is no such name.
        """
        if function not in self._namespace:
            raise NameError(
                f"this connection has no function {function!r}; define it with add_code() first"
            )
        return self._namespace[function](*args, **kwargs)
