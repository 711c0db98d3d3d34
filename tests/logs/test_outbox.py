import threading

from sipyco.logs._outbox import RESEND_SIZE, Outbox


def outbox(capacity: int = 100, lines: int = 0) -> Outbox:
    made = Outbox(capacity, lambda number: f"dropped {number}\n".encode())
    for number in range(lines):
        made.put(b"%d\n" % number)
    return made


def test_lines_are_taken_in_order_up_to_a_size() -> None:
    box = outbox(lines=5)
    assert box.take(3) == b"0\n1\n"
    assert box.take(100) == b"2\n3\n4\n"
    assert box.take(100) == b""


def test_lines_that_do_not_fit_are_counted_and_told_once_the_queue_is_empty() -> None:
    box = outbox(capacity=2, lines=5)
    assert len(box) == 5
    assert box.take(2) == b"0\n"
    box.put(b"new\n")
    assert not box.is_empty
    assert box.take(100) == b"1\nnew\ndropped 3\n"
    assert box.is_empty
    assert box.take(100) == b""


def test_a_capacity_of_zero_is_none() -> None:
    assert len(outbox(capacity=0, lines=5000).take(1 << 20).split()) == 5000


def test_what_was_under_way_is_sent_again_first_and_in_order() -> None:
    box = outbox(lines=4)
    box.take(4)
    box.lost()
    assert box.take(2) == b"0\n"
    box.lost()
    assert box.take(100) == b"0\n1\n2\n3\n"
    box.arrived()
    box.lost()
    assert box.is_empty


def test_lines_are_forgotten_at_the_second_look_after_they_were_confirmed() -> None:
    box = outbox(lines=4)
    box.take(4)
    box.look(unsent=2)  # the first is confirmed
    box.take(4)
    box.look(unsent=0)
    box.lost()
    assert box.take(100) == b"1\n2\n3\n"
    box.look(unsent=0)
    box.look(unsent=0)
    assert len(box) == 0


def test_more_than_enough_is_not_kept_unless_it_was_not_confirmed() -> None:
    box = outbox()
    line = bytes(RESEND_SIZE // 4)
    for _ in range(10):
        box.put(line)
        box.take(1)
        box.limit(unsent=4 * len(line))
    assert len(box) == 8
    box.limit(unsent=0)
    assert len(box) == 4


def test_lines_may_come_from_many_threads() -> None:
    box = outbox(capacity=10_000)
    threads = [
        threading.Thread(target=lambda: list(map(box.put, [b"x\n"] * 2000))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.take(1 << 20) == b"x\n" * 10_000 + b"dropped 6000\n"
