"""The command-line tool: ask any pc_rpc server for its targets and methods, and call them."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sipyco._rpctool.commands import Items, Session
from sipyco._rpctool.expressions import NotAnExpression, arguments
from sipyco._rpctool.failures import WRONG_USAGE, Failure
from sipyco._rpctool.interactive import interactive, show, tell
from sipyco._rpctool.presentation import (
    jsonable,
    methods_document,
    methods_text,
    result_text,
    targets_text,
)
from sipyco._rpctool.progress import ProgressBar
from sipyco.common_args import tcp_port

__all__ = ["get_argparser", "main"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell gives it to a program that ends by this signal."""

EPILOG = """\
arguments of a method are Python expressions, numpy is there as np, and name=expression names one:
  %(prog)s ::1 3253 call -t lda set_attenuation '3 * 4 + 2'
  %(prog)s ::1 3249 call message 'msg="hello"'

exit status: 0 done; 1 the server cannot be reached, or it or its method failed; 2 wrong usage
"""


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line, which the documentation is made from, too."""
    parser = argparse.ArgumentParser(
        prog="sipyco_rpctool",
        description="call the methods of a pc_rpc server from the command line",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--ssl",
        nargs=3,
        metavar=("CERT", "KEY", "PEER"),
        help="encrypt: the client's certificate, its private key, the certificate of the server "
        "to trust (PEM files)",
    )
    parser.add_argument("server", metavar="SERVER", help="host name or IP address of the server")
    parser.add_argument("port", metavar="PORT", type=tcp_port, help="its TCP port")
    _common(parser, verbose=False, json=False, timeout=None, target=None)

    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    listed = actions.add_parser("list-targets", help="list existing targets")
    methods = actions.add_parser("list-methods", help="list a target's methods")
    call = actions.add_parser("call", help="call a target's method and print its result")
    shell = actions.add_parser("interactive", help="read calls line by line (default)")
    for action in (listed, methods, call, shell):
        # Without a default of their own: one would replace what stands before the action.
        _common(action)
    call.add_argument("method", metavar="METHOD", help="method name")
    call.add_argument(
        "args",
        metavar="ARGS",
        nargs=argparse.REMAINDER,
        help="arguments: Python expressions, or name=expression; options go before METHOD",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit status; wrong usage ends it as argparse does, with 2."""
    parser = get_argparser()
    args = parser.parse_args(argv)
    interacts = args.action in {None, "interactive"}
    if interacts and args.json:
        parser.error("--json makes one document of one answer; use it with another action")
    try:
        try:
            return _interact(args) if interacts else _answer(args)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would complain once more at its exit,
        # when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        tell("sipyco_rpctool: interrupted; a method that cannot be cancelled may still be running")
        return INTERRUPTED


def _interact(args: argparse.Namespace) -> int:
    try:
        with _session(args) as session:
            session.select(args.target)
            return interactive(session, args.verbose)
    except Failure as failure:
        show(failure, args.verbose)
        return failure.status


def _answer(args: argparse.Namespace) -> int:
    status = 0
    try:
        document, text = ACTIONS[args.action](args)
    except Failure as failure:
        document, text, status = failure.document(), "", failure.status
        show(failure, args.verbose)
    if args.json:
        text = json.dumps(jsonable(document))
    if text:
        print(text)
    return status


Answer = tuple[dict[str, Any], str]
"""What was found out, for a program and for a person."""


def _list_targets(args: argparse.Namespace) -> Answer:
    with _session(args) as session:
        names, description = session.targets()
    return {"targets": names, "description": description}, targets_text(names, description)


def _list_methods(args: argparse.Namespace) -> Answer:
    with _session(args) as session:
        target = session.select(args.target)
        described = session.methods()
    return {"target": target, **methods_document(described)}, methods_text(described)


def _call(args: argparse.Namespace) -> Answer:
    # Before anything is connected: a typing error does not depend on the server.
    try:
        values = arguments(args.args)
    except NotAnExpression as error:
        raise Failure("arguments", str(error), WRONG_USAGE) from error
    with _session(args) as session:
        session.select(args.target)
        bar = ProgressBar(sys.stderr)
        try:
            result = session.call(args.method, values, bar.show)
            if isinstance(result, Items):
                return {"items": _print_items(result, bar, as_json=args.json)}, ""
        finally:
            bar.clear()
    return {"result": result}, "" if result is None else result_text(result)


def _print_items(items: Items, bar: ProgressBar, *, as_json: bool) -> int:
    """Print items as they come, and count them."""
    count = 0
    for item in items:
        bar.clear()
        text = json.dumps({"item": jsonable(item)}) if as_json else result_text(item)
        print(text, flush=True)
        count += 1
    return count


ACTIONS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "list-targets": _list_targets,
    "list-methods": _list_methods,
    "call": _call,
}


def _session(args: argparse.Namespace) -> Session:
    return Session(args.server, args.port, args.timeout, args.ssl)


def _common(parser: argparse.ArgumentParser, **defaults: object) -> None:
    def default(name: str) -> object:
        return defaults.get(name, argparse.SUPPRESS)

    add = parser.add_argument
    add(
        "-t", "--target", default=default("target"), help="target name, needed if there are several"
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=default("timeout"),
        help="give up connecting, and each wait for an answer, after this time; what a method "
        "tells of its progress, and each item, ends a wait: no limit of the call as a whole "
        "(default: never)",
    )
    add(
        "--json",
        action="store_true",
        default=default("json"),
        help="print one JSON document, also for an error; before it, one line for each item of a "
        "method that gives them one by one",
    )
    add(
        "-v",
        "--verbose",
        action="store_true",
        default=default("verbose"),
        help="show the remote traceback when a method fails",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        msg = f"{text!r} is not a time; give a positive number of seconds"
        raise argparse.ArgumentTypeError(msg)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
