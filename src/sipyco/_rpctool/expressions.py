"""Arguments of remote methods, as Python expressions that the user types.

Evaluating them is what the tool is for, and it happens in the user's own shell, with the user's
own rights, on text that the user has typed. It is the only place of the library that does so.
"""

import ast
import json
import keyword
import shlex
from typing import Any


class NotAnExpression(ValueError):
    """What was typed could not be turned into arguments. The text is for whoever typed it."""


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def arguments(words: list[str]) -> Arguments:
    """Evaluate words of a command line; ``name=expression`` is a keyword argument.

    Raises:
        NotAnExpression: The first word that cannot be evaluated, with the way to write it.
    """
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not equals or text.startswith("=") or not name.isidentifier() or keyword.iskeyword(name):
            positional.append(_word(word, word, ""))
        elif name in by_name:
            msg = f"argument {name!r} was given twice; leave one of them out"
            raise NotAnExpression(msg)
        else:
            by_name[name] = _word(word, text, f"{name}=")
    return tuple(positional), by_name


def method_call(line: str, last_result: object = None) -> tuple[str, Arguments]:
    """Take ``method(arguments)`` apart; ``_`` in the arguments is the last result.

    Raises:
        NotAnExpression: It is not the call of a method, or its arguments cannot be evaluated.
    """
    try:
        call = ast.parse(line.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        msg = f"cannot read {line.strip()!r}: {_reason(error)}; write method(arguments)"
        raise NotAnExpression(msg) from None
    if isinstance(call, ast.Name):
        msg = f"{call.id!r} alone does nothing; call it: {call.id}()"
        raise NotAnExpression(msg)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        msg = f"{line.strip()!r} is not the call of a method; write method(arguments)"
        raise NotAnExpression(msg)
    method = call.func.id
    # The same call, of a function that hands its arguments out: stars and keywords come for free.
    call.func.id = "_collect"
    names = {"_collect": lambda *args, **kwargs: (args, kwargs), "_": last_result}
    try:
        collected: Arguments = _evaluate(ast.Expression(call), names)
    # Whatever the expression raises is the user's to see, and must not end the session.
    except Exception as error:  # noqa: BLE001
        msg = f"the arguments of {method!r} cannot be evaluated: {_reason(error)}"
        raise NotAnExpression(msg) from None
    return method, collected


def _word(word: str, text: str, prefix: str) -> object:
    try:
        return _evaluate(ast.parse(text.strip(), mode="eval"), {})
    except (SyntaxError, NameError) as error:
        # Never guessed to be a string: see docs/explanation/decisions.
        quoted = shlex.quote(prefix + json.dumps(text, ensure_ascii=False))
        hint = f"a string needs quotes of its own: {quoted}"
        if word.startswith("-"):
            hint = f"options go before the method, and {hint}"
        msg = f"argument {word!r} is no Python expression: {_reason(error)}; {hint}"
    # Whatever the expression raises is the user's to see, in one line.
    except Exception as error:  # noqa: BLE001
        msg = f"argument {word!r} cannot be evaluated: {_reason(error)}"
    raise NotAnExpression(msg) from None


def _evaluate(expression: ast.Expression, names: dict[str, Any]) -> Any:
    if any(isinstance(node, ast.Name) and node.id == "np" for node in ast.walk(expression)):
        # Only then: importing it takes longer than everything else that the tool does.
        import numpy as np  # noqa: PLC0415

        names = {"np": np, **names}
    return eval(compile(expression, "<argument>", "eval"), names)  # noqa: S307 - see the top


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, NameError):
        return str(error)
    return f"{type(error).__name__}: {error}"
