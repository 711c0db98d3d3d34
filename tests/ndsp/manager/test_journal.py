"""What was logged last, and what is logged as it comes."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from ndsp.manager._journal import ENTRIES, LONGEST_MESSAGE, OWN, UNREAD, Journal


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal()
    logger = logging.getLogger("lab")
    logger.addHandler(made)
    logger.setLevel(logging.INFO)
    yield made
    logger.removeHandler(made)
    logger.setLevel(logging.NOTSET)


def log(text: str, source: str | None = None) -> None:
    logging.getLogger("lab").info("%s", text, extra={"source": source} if source else None)


def test_entries_are_kept_by_their_source(journal: Journal) -> None:
    log("one", "lda")
    log("two", "camera")
    log("three")
    (entry,) = journal.entries("lda", 10)
    assert (entry["level"], entry["source"], entry["name"], entry["message"]) == (
        "INFO",
        "lda",
        "lab",
        "one",
    )
    assert [e["source"] for e in journal.entries(None, 10)] == ["lda", "camera", OWN]
    assert [e["message"] for e in journal.entries(None, 2)] == ["two", "three"]
    assert journal.entries("nobody", 10) == []
    assert journal.entries("lda", 0) == []
    assert journal.entries("lda", -5) == []


def test_the_last_message_is_its_first_line(journal: Journal) -> None:
    log("first\nsecond", "lda")
    assert journal.last_message("lda") == "first"
    assert journal.last_message("nobody") == ""


def test_what_is_kept_is_bounded(journal: Journal) -> None:
    for number in range(ENTRIES + 10):
        log(str(number), "lda")
    log("x" * (LONGEST_MESSAGE + 1), "lda")
    entries = journal.entries("lda", 10**9)
    assert len(entries) == ENTRIES
    assert len(entries[-1]["message"]) == LONGEST_MESSAGE


def test_a_follower_gets_the_last_entries_and_then_all_others_of_its_source(
    journal: Journal,
) -> None:
    async def follow() -> list[str]:
        found = []
        async for entry in journal.follow("lda", 1):
            found.append(entry["message"])
            if len(found) == 1:
                log("other", "camera")
                thread = threading.Thread(target=log, args=("from a thread", "lda"))
                thread.start()
                await asyncio.to_thread(thread.join)
            if len(found) == 2:
                break
        return found

    log("before that", "lda")
    log("before", "lda")
    assert asyncio.run(follow()) == ["before", "from a thread"]


def test_who_does_not_keep_up_loses_the_oldest(journal: Journal) -> None:
    async def follow() -> list[str]:
        entries = journal.follow("lda", 1)
        await anext(entries)
        for number in range(UNREAD + 5):
            log(str(number), "lda")
        found = [(await anext(entries))["message"] for _ in range(UNREAD)]
        await entries.aclose()
        return found

    log("first", "lda")
    found = asyncio.run(follow())
    assert (found[0], found[-1]) == ("5", str(UNREAD + 4))


def test_a_message_that_cannot_be_made_is_reported_and_nothing_else_happens(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ("lab", logging.INFO, "", 0)
    journal.handle(logging.LogRecord(*nowhere, "%d", ("no number",), None))
    assert "--- Logging error ---" in capsys.readouterr().err
    assert journal.entries(None, 10) == []
