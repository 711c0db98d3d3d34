"""A server that answers whatever a test wants, once for each request."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202egnp.exe\ud800"
"""What a terminal obeys, turns around or cannot show."""

SEEN_ESCAPES = r"\x1b]0;owned\x07\x1b[31mred\x9b2J\u202egnp.exe\ud800"


@contextmanager
def answering(
    *answers: str, target: str = "dev", description: str | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one target with the method ``move``; gives the port and the requests that came."""
    greeting = {"targets": [target], "description": description, "features": ["pyon_v2"]}
    requests: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as stream:
            for answer in (json.dumps(greeting), '["move"]', *answers):
                requests.append(stream.readline())
                if not requests[-1]:
                    return
                stream.write(answer.encode() + b"\n")
            stream.readline()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield str(listener.getsockname()[1]), requests
        thread.join()


def returned(value: Any) -> str:
    """Spell the answer of a method that returned a value of JSON."""
    return json.dumps({"status": "ok", "ret": value})


def method_list(name: str = "move", docstring: object = None, **argspec: Any) -> dict[str, Any]:
    """Describe a target with one method, as it travels."""
    spec = {"args": ["self"], "varargs": None, "varkw": None, "defaults": None, **argspec}
    documentation = {"__jsonclass__": ["tuple", [[spec, docstring]]]}
    return {"docstring": docstring, "methods": {name: documentation}}
