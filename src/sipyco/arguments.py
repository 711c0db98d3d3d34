"""The signature formatter under the name that programs know."""

from sipyco.pc_rpc._signature import formatargspec

__all__ = ["formatargspec"]
