"""The subcommand ``ndsp ports``: default ports of known programs, or the ports of a database."""

import argparse
import json
import sys

from ndsp.device_db import DeviceDB, DeviceDBError, ask_master, read_device_db
from ndsp.ports._listing import (
    aligned,
    controllers_document,
    controllers_rows,
    known_document,
    known_rows,
)
from sipyco.common_args import tcp_port
from sipyco.tools import SimpleSSLConfig

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list the default ports of known programs, or the ports in a device database"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe its options."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--device-db", metavar="FILE", help="list the controllers in this file")
    source.add_argument(
        "-s", "--server", metavar="MASTER", help="list those of the ARTIQ master on this host"
    )
    parser.add_argument(
        "--port", type=tcp_port, default=3251, help="port for control of MASTER (default: 3251)"
    )
    parser.add_argument(
        "--ssl",
        nargs=3,
        metavar=("CERT", "KEY", "PEER"),
        help="encrypt, if MASTER uses TLS: own certificate, own key, its certificate (PEM files)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the table; status 1 if the database has errors or cannot be had."""
    if args.device_db is None and args.server is None:
        print(json.dumps(known_document()) if args.json else aligned(known_rows()))
        return 0
    try:
        database = _database(args)
    except (DeviceDBError, OSError) as exc:
        problems = exc.problems if isinstance(exc, DeviceDBError) else ()
        reason = getattr(exc, "strerror", None) or str(exc)
        for line in problems or (f"{reason}; give the host and port of an ARTIQ master",):
            print(f"ndsp ports: error: {line}", file=sys.stderr)
        return 1
    for problem in database.problems:
        kind = "error" if problem.is_error else "warning"
        print(f"ndsp ports: {kind}: {problem}", file=sys.stderr)
    document = controllers_document(database)
    print(json.dumps(document) if args.json else aligned(controllers_rows(document)))
    return int(any(problem.is_error for problem in database.problems))


def _database(args: argparse.Namespace) -> DeviceDB:
    if args.device_db is not None:
        return read_device_db(args.device_db, strict=False)
    ssl_config = SimpleSSLConfig(*args.ssl) if args.ssl else None
    return ask_master(args.server, args.port, ssl_config)
