"""What to write into the configuration of each side, with the names of its files."""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ndsp.certificates._roles import Role
from ndsp.certificates.laboratory import Issued

__all__ = ["CLIENT_FILES", "advice", "command_line", "document", "ssl_config"]

CLIENT_FILES = ("client.pem", "client.key")
"""What the files of each client are called where they are used through a device database."""


def command_line(*arguments: str | Path) -> str:
    """Spell a command as the shell of this system reads it."""
    texts = [str(argument) for argument in arguments]
    return shlex.join(texts) if os.name == "posix" else subprocess.list2cmdline(texts)


def ssl_config(peer: Path) -> dict[str, str]:
    """Give the ``simple_ssl_config`` of an entry of a device database.

    Many read one database. Therefore it names no side: each has its own files, under the names of
    `CLIENT_FILES`, in its own ``ARTIQ_SSL_DIR``.
    """
    names = zip(("local_cert", "local_key", "peer_cert"), (*CLIENT_FILES, peer.name), strict=True)
    return {key: f"{{ARTIQ_SSL_DIR}}/{name}" for key, name in names}


def document(issued: Issued, peer: Path) -> dict[str, Any]:
    """Describe for a program what to configure."""
    files = [str(issued.certificate), str(issued.key), str(peer)]
    return {
        "ssl": files,
        "simple_ssl_config": ssl_config(peer),
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
            "or, for a controller manager that has these files in its ARTIQ_SSL_DIR, with",
            f"  {_in_directory(*own)}",
            "call it from a client with",
            f"  {_rpctool(*theirs, peer, host)}",
        ]
    if Role.CLIENT in issued.facts.roles:
        files = f"{', '.join(CLIENT_FILES)} and {peer.name}"
        lines += [
            f"call a controller from {name} with",
            f"  {_rpctool(*own, 'HOST')}",
            f"for a device database, put them into its ARTIQ_SSL_DIR as {files}; an entry has",
            f'  "simple_ssl_config": {json.dumps(ssl_config(peer))}',
        ]
    return lines


def _in_directory(*files: Path) -> str:
    return " ".join(["--ssl", *(f"{{ARTIQ_SSL_DIR}}/{path.name}" for path in files)])


def _rpctool(certificate: Path, key: Path, peer: Path, host: str) -> str:
    files = (certificate, key, peer)
    return command_line("sipyco_rpctool", "--ssl", *files, host, "PORT", "list-methods")
