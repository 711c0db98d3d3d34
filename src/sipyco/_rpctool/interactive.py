"""A conversation with one target: a line is a call, its result is printed."""

import sys
from collections.abc import Iterator

from sipyco._rpctool.commands import Items, Session
from sipyco._rpctool.expressions import NotAnExpression, method_call
from sipyco._rpctool.failures import WRONG_USAGE, Failure
from sipyco._rpctool.lines import line_reader
from sipyco._rpctool.method_list import Documentation, MethodList
from sipyco._rpctool.presentation import (
    LINES,
    methods_text,
    result_text,
    signature_text,
    visible,
)
from sipyco._rpctool.progress import ProgressBar

HINT = "a line is a call: method(arguments), _ is the last result, help lists the methods"

OVER = ("connection", "tls")
"""Kinds of failure after which nothing more can be asked."""


class Interpreter:
    """Answers lines, whoever typed them.

    Args:
        session: With a target selected.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._described = _described(session)
        self._last: object = None

    def signatures(self) -> dict[str, str]:
        """Give the signature of every method that can be typed."""
        return {
            name: visible(signature_text(argspec))
            for name, (argspec, _) in self._methods.items()
            if name.isidentifier()
        }

    def answer(self, line: str) -> Iterator[str]:
        """Do what a line says and give the texts to print, as they come.

        Raises:
            Failure: It could not be done. The next line can be.
        """
        if not line or line.startswith("#"):
            return
        # Not a method of that name: calling it takes parentheses.
        command, _, topic = line.partition(" ")
        if command == "help" and not topic.lstrip().startswith("("):
            yield self._help(topic.strip())
            return
        try:
            method, arguments = method_call(line, self._last)
        except NotAnExpression as error:
            raise Failure("arguments", str(error), WRONG_USAGE) from error
        bar = ProgressBar(sys.stderr)
        try:
            result = self._session.call(method, arguments, bar.show)
            for item in result if isinstance(result, Items) else [result]:
                bar.clear()
                if item is not None or isinstance(result, Items):
                    self._last = item
                    yield result_text(item)
        finally:
            bar.clear()

    @property
    def _methods(self) -> dict[str, Documentation]:
        return self._described["methods"]

    def _help(self, method: str) -> str:
        if not method:
            return methods_text(self._described)
        if method not in self._methods:
            message = f"no method {method!r} to explain; help alone lists what there is"
            raise Failure("method", message, WRONG_USAGE)
        return methods_text({"docstring": None, "methods": {method: self._methods[method]}})


def _described(session: Session) -> MethodList:
    try:
        return session.methods()
    except Failure as failure:
        # Small servers of other make cannot describe themselves; they can be called all the same.
        if failure.kind != "remote":
            raise
        return {"docstring": None, "methods": {}}


def interactive(session: Session, verbose: bool = False) -> int:
    """Read lines until they end, and give the exit status.

    At a terminal a failure is shown and the session goes on. Lines from a pipe are a program: it
    ends at its first failure, since the next line may rely on what did not happen.
    """
    interpreter = Interpreter(session)
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        tell(f"target {session.target!r}; {HINT}; Ctrl-D ends")
    read = line_reader(f"{visible(str(session.target))}> ", interpreter.signatures())
    while True:
        try:
            line = read().strip()
        except KeyboardInterrupt:
            tell("")
            continue
        except EOFError:
            return 0
        if line in {"exit", "quit"}:
            return 0
        try:
            for text in interpreter.answer(line):
                print(text, flush=True)
        except Failure as failure:
            show(failure, verbose)
            if not at_terminal or failure.kind in OVER:
                return failure.status
        except KeyboardInterrupt:
            if not at_terminal:
                raise
            tell("no longer waiting; the method may still be running on the server")


def show(failure: Failure, verbose: bool) -> None:
    """Write a failure to standard error: one line, and the remote traceback if it is wanted."""
    if verbose and failure.traceback:
        tell(failure.traceback)
    tell(f"sipyco_rpctool: {failure.message}")


def tell(text: str) -> None:
    """Say something that is not a result."""
    print(visible(text, LINES), file=sys.stderr, flush=True)
