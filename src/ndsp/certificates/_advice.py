"""What to write into the configuration of each side, with the names of its files."""

import json
import os
import shlex
import subprocess
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


def advice(issued: Issued, peer: Path, client: str) -> list[str]:
    """Say what to do with a new certificate, on the side whose it is and on the others.

    Args:
        issued: The new one.
        peer: The certificate of the authority.
        client: The name of some client, for an example.
    """
    own = (issued.certificate, issued.key, peer)
    name = issued.facts.name
    secret = f"{issued.key.name} (secret)" if issued.has_new_key else "the same key as before"
    lines = [f"{name} needs {issued.certificate.name}, {secret} and {peer.name}"]
    if Role.SERVER in issued.facts.roles:
        host = issued.facts.hosts[0] if issued.facts.hosts else "HOST"
        theirs = (peer.with_name(f"{client}.pem"), peer.with_name(f"{client}.key"))
        lines += [
            f"start the controller on {name} with the option",
            f"  {command_line('--ssl', *own)}",
            "call it from a client with",
            f"  {_rpctool(*theirs, peer, host)}",
        ]
    if Role.CLIENT in issued.facts.roles:
        lines += [
            f"call a controller from {name} with",
            f"  {_rpctool(*own, 'HOST')}",
            "or write into its entry of the device database",
            f'  "simple_ssl_config": {json.dumps(ssl_config(*own))}',
        ]
    return lines


def _rpctool(certificate: Path, key: Path, peer: Path, host: str) -> str:
    files = (certificate, key, peer)
    return command_line("sipyco_rpctool", "--ssl", *files, host, "PORT", "list-methods")
