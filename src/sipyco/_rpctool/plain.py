"""Docstrings and annotations in fewer words, for people who read them at a terminal."""

import re

__all__ = ["short_annotation", "without_roles"]

_ROLE = re.compile(r"(?<![\w:`]):(?:[a-z]+:){1,2}`([^`\n]+(?:\n[^`\n]+)?)`")
"""A reference as Sphinx has it, such as :meth:`get`. It may be broken into two lines."""

_TITLE = re.compile(r"(.+?)\s*<[^<>]*>", re.DOTALL)

_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""

_MODULE = re.compile(rf"({_STRING})|(?<![\w.])(?:[a-z_]\w*\.)+(?=[A-Za-z_])")
"""The names of modules before the name of a class. Words of a Literal are matched to be kept."""

_ARRAY = re.compile(r"\bndarray\[(?:tuple\[Any, \.\.\.\]|Any), dtype\[([^\[\]]*)\]\]")


def without_roles(docstring: str) -> str:
    """Replace references of Sphinx by their text: ``:meth:`~Camera.get``` by ``get``."""
    return _ROLE.sub(lambda found: _text_of(found[1]), docstring)


def short_annotation(annotation: str) -> str:
    """Leave out the names of modules: ``Iterator[NDArray[uint16]]``."""
    if not annotation.isprintable():
        return annotation  # it is none, and shown as it is
    without_modules = _MODULE.sub(lambda found: found[1] or "", annotation)
    return _ARRAY.sub(r"NDArray[\1]", without_modules)


def _text_of(content: str) -> str:
    if titled := _TITLE.fullmatch(content):
        return titled[1]
    if content.startswith("~"):
        return content.rpartition(".")[2].removeprefix("~")
    return content.removeprefix("!")
