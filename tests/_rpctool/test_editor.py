from pathlib import Path

from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from sipyco._rpctool.editor import MethodCompleter, editor, signature_below

SIGNATURES = {"get_power": "() -> float", "get_phase": "()", "set_power": "(power: float)"}


def completions(text: str) -> list[tuple[str, str, int]]:
    completer = MethodCompleter(SIGNATURES)
    return [
        (completion.text, completion.display_meta_text, completion.start_position)
        for completion in completer.get_completions(Document(text), CompleteEvent())
    ]


def test_methods_are_completed_with_their_signatures_beside_them() -> None:
    assert completions("get_") == [
        ("get_phase(", "()", -4),
        ("get_power(", "() -> float", -4),
    ]
    assert [text for text, _, _ in completions("")] == ["get_phase(", "get_power(", "set_power("]


def test_arguments_are_not_completed_with_methods() -> None:
    assert completions("set_power(ge") == []


def test_the_signature_of_the_method_is_shown_below_the_line() -> None:
    assert signature_below("set_power(4", SIGNATURES) == "set_power(power: float)"
    assert signature_below("", SIGNATURES).startswith("Tab completes")


def test_the_editor_remembers_lines(tmp_path: Path) -> None:
    history = tmp_path / "history"
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("set_power(4)\n")
        assert editor("dev> ", SIGNATURES, history)() == "set_power(4)"
        keys.send_text("\x1b[A\n")
        assert editor("dev> ", SIGNATURES, history)() == "set_power(4)"
    assert "set_power(4)" in history.read_text()


def test_the_editor_works_without_a_place_for_its_history() -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("ping()\n")
        assert editor("dev> ", SIGNATURES, None)() == "ping()"
