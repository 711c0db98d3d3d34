"""Modules of this package that are imported when they are first used.

A program uses one or two of the spellings, and what all of them need (patterns, ormsgpack,
fractions, numpy) takes longer to import than the rest of the library. Here each has the name of
its file without the underscore: ``_on_demand.json.write(value)``. After the first time that costs
no more than any other attribute.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipyco.pyon import _base64 as base64
    from sipyco.pyon import _diagnosis as diagnosis
    from sipyco.pyon import _json as json
    from sipyco.pyon import _numpy as numpy
    from sipyco.pyon import _packed as packed
    from sipyco.pyon import _python_reader as python_reader
    from sipyco.pyon import _python_writer as python_writer

__all__ = ["base64", "diagnosis", "json", "numpy", "packed", "python_reader", "python_writer"]

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = globals()[name] = import_module(f"sipyco.pyon._{name}")
        return module


def import_spellings() -> None:
    """Import now all but numpy, so that no peer has to wait for it."""
    for name in __all__:
        if name != "numpy":
            getattr(sys.modules[__name__], name)
