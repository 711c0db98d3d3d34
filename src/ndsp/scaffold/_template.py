"""Fills templates: names in ``<<name>>``, and lines that are there under a condition."""

import re
from collections.abc import Mapping

__all__ = ["fill"]

# Not string.Template: prompts, commands and decorators have the characters that it looks for.
_PLACE = re.compile(r"<<(\w+)>>")
_CONDITION = re.compile(r"<<if (\w+)>>")


def fill(template: str, values: Mapping[str, str], conditions: Mapping[str, bool]) -> str:
    """Fill a template.

    ``<<name>>`` stands for a value. Lines between ``<<if name>>`` and ``<<end>>``, each a line of
    its own, are there if the condition holds, those after ``<<else>>`` if it does not.

    Raises:
        KeyError: There is no such value or condition.
        ValueError: A line is out of place: an end without its beginning, or conditions in each
            other.
    """
    lines = []
    is_conditional = False
    is_there = True
    for number, line in enumerate(template.splitlines(keepends=True), start=1):
        mark = line.strip()
        condition = _CONDITION.fullmatch(mark)
        if condition or mark in {"<<else>>", "<<end>>"}:
            if is_conditional == bool(condition):
                raise ValueError(f"{mark} in line {number} is out of place")
            is_conditional = mark != "<<end>>"
            holds = conditions[condition[1]] if condition else not is_there
            is_there = holds or mark == "<<end>>"
        elif is_there:
            lines.append(_PLACE.sub(lambda found: values[found[1]], line))
    if is_conditional:
        raise ValueError("a condition has no <<end>>")
    return "".join(lines)
