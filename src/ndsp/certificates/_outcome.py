"""What an action of the command line has to say, and what its arguments mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Outcome", "is_file"]


@dataclass(frozen=True)
class Outcome:
    """What an action has to say.

    Attributes:
        lines: For people, on standard output.
        document: The same for programs.
        remarks: For people, on standard error.
        status: The exit status.
    """

    lines: Sequence[str]
    document: Any
    remarks: Sequence[str] = field(default=())
    status: int = 0


def is_file(text: str) -> bool:
    """Tell whether a file is meant, and not a name in the laboratory."""
    return Path(text).suffix in {".pem", ".crt", ".cer"} or len(Path(text).parts) > 1
