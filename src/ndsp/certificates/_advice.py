"""What to write into the configuration of each side, with the names of its files."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ndsp.certificates._roles import Role
from ndsp.certificates.laboratory import Issued

__all__ = ["advice", "command_line", "document", "ssl_config"]


def command_line(*arguments: str | Path) -> str:
    """Spell a command as the shell of this system reads it."""
    texts = [str(argument) for argument in arguments]
    return shlex.join(texts) if os.name == "posix" else subprocess.list2cmdline(texts)


def ssl_config(certificate: Path, key: Path, peer: Path) -> dict[str, str]:
    """Give the ``simple_ssl_config`` of an entry of a device database."""
    files = {"local_cert": certificate, "local_key": key, "peer_cert": peer}
    return {name: f"{{ARTIQ_SSL_DIR}}/{path.name}" for name, path in files.items()}


def document(issued: Issued, peer: Path) -> dict[str, Any]:
    """Describe for a program what to configure."""
    files = [str(issued.certificate), str(issued.key), str(peer)]
    return {
        "ssl": files,
        "simple_ssl_config": ssl_config(issued.certificate, issued.key, peer),
    }


def advice(issued: Issued, peer: Path) -> list[str]:
    """Say what to do with a new certificate, on the side whose it is and on the others."""
    own = (issued.certificate, issued.key, peer)
    lines = []
    if Role.SERVER in issued.facts.roles:
        host = issued.facts.hosts[0] if issued.facts.hosts else "HOST"
        lines += [
            f"on the machine of {issued.facts.name}, start the controller with",
            f"  {command_line('--ssl', *own)}",
            "on each client, with the files of the client for CLIENT",
            "  " + _rpctool(_stand_in("CLIENT", issued.certificate), peer, host),
        ]
    if Role.CLIENT in issued.facts.roles:
        lines += [
            f"where {issued.facts.name} works, call controllers with",
            "  " + _rpctool(own[:2], peer, "HOST"),
            "  or in the entry of a device database",
            f'  "simple_ssl_config": {_python(ssl_config(*own))}',
        ]
    return lines


def _rpctool(own: Sequence[Path], peer: Path, host: str) -> str:
    return command_line("sipyco_rpctool", "--ssl", *own, peer, host, "PORT", "list-methods")


def _stand_in(name: str, like: Path) -> tuple[Path, Path]:
    return like.with_name(f"{name}.pem"), like.with_name(f"{name}.key")


def _python(config: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in config.items()) + "}"
