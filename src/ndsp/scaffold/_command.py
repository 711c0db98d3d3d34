"""``ndsp new``: write a package of one's own, which works before it is changed."""

import argparse
import json
import sys
from pathlib import Path

from ndsp.ports import users_of
from ndsp.scaffold._name import package_name
from ndsp.scaffold._package import Package, default_port, package_files, toolkit_version
from ndsp.scaffold._write import write_package
from sipyco.common_args import tcp_port

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write a device support package of your own: driver, simulation, controller, tests"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument(
        "name",
        metavar="NAME",
        type=_name,
        help="name of the device: lower-case letters, digits and underscores",
    )
    parser.add_argument(
        "--client", action="store_true", help="with a command-line client, aqcli_NAME"
    )
    parser.add_argument(
        "--mediator",
        action="store_true",
        help="with a mediator: a class that runs in the experiment, on top of the network calls",
    )
    parser.add_argument(
        "--port",
        type=_port,
        help="default TCP port of the controller (default: one from 3200 to 3299 which no program "
        "that `ndsp ports` lists has)",
    )
    parser.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where the directory NAME is made (default: the current directory)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print what was written as a JSON document"
    )


def run(args: argparse.Namespace) -> int:
    """Write the package, tell what it is and what to do next, and give the exit status."""
    name = args.name
    port = default_port(name) if args.port is None else args.port
    package = Package(name, port, args.client, args.mediator)
    directory = args.directory / name
    files = package_files(package)
    try:
        write_package(directory, files)
    except FileExistsError as error:
        return _failed(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        return _failed(f"cannot write {str(directory)!r}: {reason}; give another --directory")
    for known in users_of(port):
        print(f"ndsp new: {port} is the default port of {known.name}, too", file=sys.stderr)
    if args.json:
        written = {"name": name, "port": port, "directory": str(directory), "files": list(files)}
        print(json.dumps(written))
    else:
        print(_told(package, directory, files, is_chosen=args.port is None))
    return 0


def _told(package: Package, directory: Path, files: dict[str, str], *, is_chosen: bool) -> str:
    name = package.name
    needed = toolkit_version()
    remark = ", which --port changes" if is_chosen else ""
    steps = [
        # Double quotes are those of every shell, the one of Windows included.
        (f'cd "{directory}"' if " " in str(directory) else f"cd {directory}", ""),
        (
            'python -m pip install "/path/to/sipyco[ndsp]"',
            f"only if pip finds no sipyco>={needed}: from its sources",
        ),
        ('python -m pip install -e ".[dev]"', "installs it, with what checks it"),
        ("pytest", "passes, against the simulated instrument"),
        (f"aqctl_{name} --simulation -v", "runs the controller, until Ctrl-C"),
        (f"sipyco_rpctool 127.0.0.1 {package.port} list-methods", "asks it, elsewhere"),
    ]
    if package.has_client:
        steps.append((f"aqcli_{name} get", "likewise"))
    width = max(len(command) for command, _ in steps)
    return "\n".join(
        (
            f"wrote {name} into {directory}; its controller has the port {package.port}{remark}",
            "",
            *(f"  {path}" for path in files),
            "",
            "next:",
            "",
            *(f"  {command:{width}}  {what}".rstrip() for command, what in steps),
            "",
            "Then make it yours: its README.md says what to change, and where.",
        )
    )


def _failed(message: str) -> int:
    print(f"ndsp new: {message}", file=sys.stderr)
    return 1


def _name(text: str) -> str:
    try:
        name = package_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if name != text:
        print(
            f"ndsp new: hyphens cannot be in the name of a package; {text!r} becomes {name!r}",
            file=sys.stderr,
        )
    return name


def _port(text: str) -> int:
    try:
        port = tcp_port(text)
    except argparse.ArgumentTypeError:
        port = 0
    if port == 0:
        # Not the words of tcp_port, which offers 0.
        message = f"{text!r} is no TCP port that clients can know; give a number from 1 to 65535"
        raise argparse.ArgumentTypeError(message)
    return port
