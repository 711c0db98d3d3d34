"""The line editor for those who have prompt_toolkit: completion, signatures, history."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from sipyco._rpctool.lines import LineReader


class MethodCompleter(Completer):
    """Completes the name of a method and shows its signature beside it."""

    def __init__(self, signatures: Mapping[str, str]) -> None:
        self._signatures = signatures

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Offer the methods that begin with what stands before the cursor."""
        del complete_event
        typed = document.text_before_cursor.lstrip()
        for name, signature in sorted(self._signatures.items()):
            if name.startswith(typed):
                yield Completion(
                    f"{name}(", start_position=-len(typed), display=name, display_meta=signature
                )


def signature_below(line: str, signatures: Mapping[str, str]) -> str:
    """Say what stands below the line while it is typed."""
    name = line.partition("(")[0].strip()
    if name in signatures:
        return name + signatures[name]
    return "Tab completes, help explains, Ctrl-C drops the line, Ctrl-D ends"


def editor(prompt: str, signatures: Mapping[str, str], history: Path | None) -> LineReader:
    """Make a reader that edits a line at a time."""
    session: PromptSession[str] = PromptSession(
        prompt,
        completer=MethodCompleter(signatures),
        history=FileHistory(str(history)) if history else InMemoryHistory(),
        bottom_toolbar=lambda: signature_below(get_app().current_buffer.text, signatures),
    )
    return session.prompt
