"""The command line ``ndsp certs``."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._hosts import parse_endpoint, parse_host
from ndsp.certificates._names import check_laboratory, check_name

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "make and examine the certificates with which both sides know each other"

FAILED = 1
"""Exit status: it could not be done, or the doctor has found an error."""

WRONG_USAGE = 2
"""Exit status: another command line would help. argparse uses the same."""

LONGEST = 36500
"""The most days for which a certificate is made: a hundred years."""

_FILES = ("CERT", "KEY", "PEER")

_Value = TypeVar("_Value")

_AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of all actions."""
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True, dest="action")
    for add in (_add_init, _add_issue, _add_revoke, _add_bundle, _add_show, _add_doctor):
        add(actions.add_parser)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for, print what is to be said about it, and give the exit status."""
    misuse = _misuse(args)
    if misuse is not None:
        return _fail(misuse, WRONG_USAGE)
    try:
        # Not above: the library is large, and the command line of every other command imports this.
        from ndsp.certificates._actions import ACTIONS  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        return _fail("needs the library cryptography; install it: pip install 'sipyco[ndsp]'")
    try:
        outcome = ACTIONS[args.action](args)
    except CertificateError as error:
        return _fail(str(error))
    except OSError as error:
        what = f"{error.filename!r}: " if error.filename is not None else ""
        changes = args.action not in {"show", "doctor"}
        end = "nothing was changed" if changes else "check the name and the permissions"
        return _fail(f"{what}{error.strerror or error}; {end}")
    if args.json:
        print(json.dumps(outcome.document, indent=2))
    else:
        print("\n".join(outcome.lines))
    for remark in outcome.remarks:
        print(f"ndsp certs: {remark}", file=sys.stderr)
    return outcome.status


def _fail(text: str, status: int = FAILED) -> int:
    print(f"ndsp certs: {text}", file=sys.stderr)
    return status


def _misuse(args: argparse.Namespace) -> str | None:
    if args.action == "doctor" and args.connect and not args.client:
        return "--connect needs the files to try it with: --client CERT KEY PEER"
    if args.action == "issue" and args.new_key and not args.renew:
        return "--new-key belongs to --renew; a new side has a new key anyway"
    if args.action == "init" and args.name and args.renew:
        return "--name does not go with --renew: the name of a laboratory stays what it is"
    return None


def _add_init(add: _AddParser) -> None:
    init = _add(add, "init", "make the directory of a laboratory, with an authority of its own")
    init.add_argument("directory", metavar="DIR", type=Path)
    init.add_argument(
        "--name",
        type=_text(check_laboratory),
        help="the name of the laboratory, which stands in all certificates (default: that of DIR)",
    )
    init.add_argument(
        "--renew", action="store_true", help="let the authority that is there be valid for longer"
    )
    _add_days(init, "ten years")


def _add_issue(add: _AddParser) -> None:
    issue = _add(add, "issue", "make the key and the certificate of a server or a client")
    issue.add_argument("name", metavar="NAME", type=_text(check_name), help="as 'lamp' or 'desk'")
    issue.add_argument(
        "--host",
        metavar="HOST",
        type=_text(parse_host),
        nargs="+",
        action="extend",
        default=[],
        help="names and addresses under which this server is reached; without any it is a client; "
        "repeatable",
    )
    issue.add_argument(
        "--server",
        action="store_true",
        help="it is a server, also without --host; and, without --client, nothing else",
    )
    issue.add_argument(
        "--client",
        action="store_true",
        help="it is a client, also with --host; this is the default",
    )
    issue.add_argument(
        "--renew",
        action="store_true",
        help="replace the certificate; role and hosts stay what they are unless they are given; "
        "with --host, a client becomes a server and stays a client, too, unless --server is given",
    )
    issue.add_argument("--new-key", action="store_true", help="with --renew, replace the key, too")
    _add_days(issue, "five years")
    _add_directory(issue)


def _add_revoke(add: _AddParser) -> None:
    revoke = _add(add, "revoke", "let the authority no longer vouch for a side, for ever")
    revoke.add_argument("name", metavar="NAME", type=_text(check_name), help="whom to refuse")
    _add_directory(revoke)


def _add_bundle(add: _AddParser) -> None:
    bundle = _add(add, "bundle", "write a file that accepts only those who are named")
    bundle.add_argument("file", metavar="FILE", type=Path, help="the file, as 'operators.pem'")
    bundle.add_argument(
        "members",
        metavar="NAME|FILE",
        nargs="+",
        help="whom to accept: names in this laboratory; other certificates, as 'old.pem'; or "
        "'authority', which is everybody in the laboratory",
    )
    bundle.add_argument("--replace", action="store_true", help="replace a file that is there")
    _add_directory(bundle)


def _add_show(add: _AddParser) -> None:
    show = _add(add, "show", "say what certificates say")
    show.add_argument("what", metavar="NAME|FILE", nargs="*", help="default: all in the directory")
    _add_directory(show)


def _add_doctor(add: _AddParser) -> None:
    doctor = _add(add, "doctor", "find what is wrong; exit status 1 if there is an error")
    doctor.add_argument(
        "paths",
        metavar="FILE|DIR",
        type=Path,
        nargs="*",
        help="what to examine (default: the directory where you are)",
    )
    for role in ("server", "client"):
        doctor.add_argument(
            f"--{role}",
            nargs=3,
            type=Path,
            metavar=_FILES,
            help=f"examine the files that a {role} is given with --ssl; with both options, also "
            "whether the two accept each other",
        )
    doctor.add_argument(
        "--connect",
        metavar="HOST:PORT",
        type=_text(parse_endpoint),
        help="connect to a server with the files of --client, and say what comes of it",
    )
    doctor.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_text(_seconds),
        default=5.0,
        help="how long to wait for the server (default: 5)",
    )


def _add(add: _AddParser, name: str, summary: str) -> argparse.ArgumentParser:
    parser = add(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-d",
        "--directory",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="the directory of the laboratory (default: the one where you are)",
    )


def _add_days(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--days",
        type=_text(_days),
        help=f"for how long, 1 to {LONGEST} (default: {default})",
    )


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LONGEST:
        raise CertificateError(f"cannot be valid for {text!r} days; expected 1 to {LONGEST}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise CertificateError(
            f"cannot wait for {text!r} seconds; expected more than 0, up to 3600"
        )
    return seconds


def _text(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Let argparse show the error of a function that reads an argument."""

    def read_argument(text: str) -> _Value:
        try:
            return read(text)
        except CertificateError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_argument
