"""A program and those that it starts talk over pipes of their own, beside stdin and stdout."""

import sys

if sys.platform == "win32":
    from sipyco._io.pipes_windows import AsyncioChildComm, AsyncioParentComm, ChildComm
else:
    from sipyco._io.pipes_posix import AsyncioChildComm, AsyncioParentComm, ChildComm

__all__ = ["AsyncioChildComm", "AsyncioParentComm", "ChildComm"]
