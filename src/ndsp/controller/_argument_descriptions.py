"""What a docstring says about the arguments."""

import inspect
import re

__all__ = ["argument_descriptions"]

_ARGUMENT = re.compile(r"\*{0,2}(\w+)(?: \([^)]*\))?:\s*(.*)")


def argument_descriptions(docstring: str | None) -> dict[str, str]:
    """Read the section ``Args:`` of a docstring in Google's style.

    Returns:
        Descriptions by the name of the argument, each a single line.
    """
    found: dict[str, list[str]] = {}
    is_inside = False
    margin = 0  # of the lines that begin an argument, once one was seen
    current: list[str] = []
    for line in inspect.cleandoc(docstring or "").splitlines():
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not is_inside:
            is_inside = line in {"Args:", "Arguments:", "Parameters:"}
        elif text and indent == 0:
            is_inside = False
        elif text:
            margin = margin or indent
            begun = _ARGUMENT.match(text) if indent == margin else None
            if begun:
                current = found[begun[1]] = [begun[2]]
            else:
                current.append(text)
    return {name: " ".join(filter(None, lines)) for name, lines in found.items()}
