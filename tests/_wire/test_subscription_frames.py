"""Values in frames, from the publisher's spelling to the subscriber's hands."""

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco import pyon
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frames import HEADER
from sipyco._wire.subscription import SYNC_STRUCT, VALUE, Form, spell
from sipyco._wire.subscription_client import SubscriberSession
from tests.pyon.strategies import values

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol" / "frames_subscriptions.md"


def in_frames(*told: Any) -> bytes:
    return b"".join(spell(value, {Form.FRAMES}, None).in_form(Form.FRAMES) for value in told)


def in_lines(*told: Any, syntax: pyon.Syntax = "python") -> bytes:
    return b"".join(spell(value, {Form.LINE}, syntax).in_form(Form.LINE) for value in told)


def received(*pieces: bytes, **options: Any) -> list[Any]:
    session = SubscriberSession(SYNC_STRUCT, "data", "peer:1", **options)
    return [value for piece in pieces for value in session.receive(piece)]


def assert_same(found: Any, expected: Any) -> None:
    assert pyon.encode(found) == pyon.encode(expected)


@given(st.lists(values, max_size=4), st.data())
def test_lines_then_frames_are_the_same_values_at_any_cut(told: list[Any], data: Any) -> None:
    lines = data.draw(st.integers(0, len(told)))
    stream = in_lines(*told[:lines]) + in_frames(*told[lines:])
    cut = data.draw(st.integers(0, len(stream)))
    assert_same(received(stream[:cut], stream[cut:]), told)


def test_every_cut_between_the_forms() -> None:
    told = [{"a": (1, 2)}, [None], {"b": np.arange(3)}]
    stream = in_lines(told[0]) + in_frames(*told[1:])
    for cut in range(len(stream) + 1):
        assert_same(received(stream[:cut], stream[cut:]), told)
    assert_same(received(*(bytes([byte]) for byte in stream)), told)


def test_arrays_are_their_own_and_what_happens_to_the_senders_later_does_not_matter() -> None:
    sent = np.arange(100_000, dtype="<u2").reshape(100, -1)
    stream = in_frames({"x": sent})
    sent[:] = 0
    (value,) = received(stream)
    array = value["x"]
    assert (array.shape, array.dtype, array[-1, -1]) == ((100, 1000), np.dtype("<u2"), 34463)
    assert array.flags.writeable
    assert array.flags.owndata
    assert array.flags.aligned


def test_a_large_value_is_several_frames() -> None:
    told = ["x" * 3_000_000, np.zeros(3_000_000, np.uint8)]
    stream = in_frames(*told)
    assert_same(received(stream[:1_500_000], stream[1_500_000:]), told)


def test_lines_do_not_come_back_after_frames() -> None:
    session = SubscriberSession(SYNC_STRUCT, "data", "peer:1")
    values = session.receive(in_frames(1) + in_lines(2))
    assert next(values) == 1
    with pytest.raises(ProtocolError, match="peer:1"):
        list(session.receive(b"\n" * 12))


def test_values_before_a_broken_rule_are_not_lost() -> None:
    values = SubscriberSession(SYNC_STRUCT, "data", "peer:1").receive(in_frames(1, 2) + b"\0" * 12)
    assert [next(values), next(values)] == [1, 2]
    with pytest.raises(ProtocolError, match="peer:1 broke the rules: unannounced data"):
        next(values)


def test_values_over_the_limit_are_told_with_both_numbers_in_frames_too() -> None:
    array = np.zeros(10_000, np.uint8)
    with pytest.raises(MessageTooLargeError) as raised:
        received(in_frames(array), max_message_size=9_999)
    assert raised.value.limit == 9_999
    assert raised.value.size > 10_000
    with pytest.raises(MessageTooLargeError):
        received(in_frames("123456789"), max_message_size=9)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (HEADER.pack(VALUE, 0, 0, 0, 1) + b"\xc1", "cannot be read"),
        (HEADER.pack(VALUE, 0, 0, 7, 1) + b"\x01", "for request 7"),
        (HEADER.pack(VALUE, 0, 0, 0, 0xFFFFFFFF), "a frame begins with"),
        (in_frames(0) + HEADER.pack(2, 0, 0, 0, 1) + b"\x01", "of kind 2"),
    ],
)
def test_other_messages_end_it(stream: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=f"peer:1 .*{reason}"):
        received(stream)


@given(st.binary(), st.integers(0, 50))
def test_garbage_in_frames_is_told_as_such(garbage: bytes, cut: int) -> None:
    stream = in_frames({"a": 1}) + garbage
    with contextlib.suppress(ProtocolError, MessageTooLargeError):
        received(stream[:cut], stream[cut:])


def test_nothing_is_spelled_for_nobody_but_what_cannot_be_is_told() -> None:
    assert spell(1, (), None) == (None, None)
    with pytest.raises(TypeError):
        spell(object(), (), None)


def test_both_forms_are_spelled_where_both_are_needed() -> None:
    both = spell((1,), set(Form), "json")
    assert both.line == in_lines((1,), syntax="json")
    assert both.frames == in_frames((1,))
    assert both.size == len(both.line) + len(both.frames)


def test_the_page_shows_what_is_said() -> None:
    rows = re.findall(r"^([CS]): ((?:[0-9a-f]{2} ?)+)", PAGE.read_text("utf-8"), re.MULTILINE)
    said = bytes.fromhex("".join(text for side, text in rows if side == "C"))
    heard = bytes.fromhex("".join(text for side, text in rows if side == "S"))
    assert SubscriberSession(SYNC_STRUCT, "lamp", "peer:1").connect() == said
    init, mod = received(heard)
    assert heard == in_lines(init) + in_frames(mod)
    assert init == {"action": "init", "struct": {"on": False, "hours": 0}}
    assert mod == {"action": "setitem", "path": [], "key": "hours", "value": 1}
