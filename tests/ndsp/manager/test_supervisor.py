"""What is to be done next with the controllers of a machine."""

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndsp.device_db import Controller
from ndsp.manager._facts import (
    Ask,
    Check,
    Healthy,
    Sick,
    Silent,
    State,
    Unreachable,
    Verdict,
)
from ndsp.manager._watch import Watch
from tests.ndsp.manager.world import World, spec

ALL = {"ask", "terminate", "dump"}


def test_a_controller_is_started_and_runs_when_it_answers() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(spec("lda"))
    assert world.state("lda") is State.STARTING
    world.verdicts["lda"] = Healthy()
    world.wait(1)
    assert world.state("lda") is State.RUNNING
    assert world.orders("lda") == ["start"]
    assert world.said() == ["runs on [::1]:3253"]


def test_it_is_asked_every_ping_timer_whether_it_is_alive() -> None:
    world = World()
    world.configure(spec("lda", ping_timer=10))
    world.log.clear()
    world.wait(95)
    assert len([d for d in world.log if isinstance(d, Check)]) == 9


def test_one_that_tells_what_it_does_is_looked_at_every_second_and_probed_every_ping_timer() -> (
    None
):
    world = World(verdicts={"lda": Healthy(tells=True)})
    world.configure(spec("lda", ping_timer=10))
    world.log.clear()
    world.wait(95)
    checks = [d.probes for d in world.log if isinstance(d, Check)]
    assert len(checks) == 95
    assert checks.count(True) == 9


def test_one_that_is_not_there_is_looked_for_less_and_less_often() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(spec("lda", start_timeout=None))
    world.wait(2)
    assert len(world.log) > 9
    world.wait(100)
    world.log.clear()
    world.wait(100)
    assert len(world.log) == 20


def test_stopping_and_restarting_are_told_with_how_it_ended() -> None:
    world = World()
    world.configure(spec("a", 1), spec("b", 2), spec("c", 3))
    world.wait(1)
    world.log.clear()
    world.supervisor.stop(world.now, "a")
    world.settle()
    world.supervisor.restart(world.now, "b")
    world.settle()
    world.configure(spec("a", 1), spec("b", 2))
    ended = "has ended by ask"
    assert world.said() == [
        *("is stopped on request", ended),
        *("is restarted on request", ended, "runs on [::1]:2"),
        *("its entry is gone", ended),
    ]


def test_a_crash_is_followed_by_another_attempt_after_growing_delays_up_to_a_limit() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(
        spec("lda", retry_timer=5, retry_timer_backoff=2, retry_timer_max=15, restart_limit=None)
    )
    delays = []
    for _ in range(4):
        world.dies("lda")
        assert world.state("lda") is State.RETRYING
        before = world.now
        due = world.supervisor.next_time
        assert due is not None
        delays.append(due - before)
        world.wait(due - before)
        assert world.state("lda") is State.STARTING
    assert delays == [5, 10, 15, 15]
    assert world.supervisor.describe()["lda"]["restarts"] == 4


def test_the_reason_of_a_failure_is_said_once_until_it_has_run() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(spec("lda"))
    for _ in range(3):
        world.dies("lda")
        world.wait(20)
    assert len(world.said(logging.WARNING)) == 1
    assert len(world.said(logging.DEBUG)) == 3
    world.verdicts.clear()
    world.wait(10)
    world.dies("lda")
    assert len(world.said(logging.WARNING)) == 2


def test_a_reason_with_other_numbers_is_the_same_reason() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(spec("lda"))
    for second in (1, 7, 42):
        world.supervisor.exited(world.now, "lda", "with status 1", (f"10:00:{second} no device",))
        del world.alive["lda"]
        world.wait(20)
    assert len(world.said(logging.WARNING)) == 1


def test_the_delays_begin_anew_after_it_has_run_for_a_while() -> None:
    world = World()
    world.configure(spec("lda", retry_timer=5, retry_timer_backoff=2))
    for ran, delay in ((1, 5), (1, 10), (61, 5)):
        world.wait(ran)
        world.dies("lda")
        due = world.supervisor.next_time
        assert due == world.now + delay
        world.wait(delay)


def test_after_too_many_failures_in_the_window_it_is_not_started_any_more() -> None:
    world = World(refuses={"lda": "there is no program 'x'"})
    world.configure(spec("lda", retry_timer=1, restart_limit=3, restart_window=60))
    world.wait(60)
    assert world.state("lda") is State.FAILED
    (text,) = world.said(logging.ERROR)
    assert "more than 3 times (restart_limit)" in text
    assert "there is no program 'x'" in text
    world.wait(10_000)
    assert world.state("lda") is State.FAILED


def test_start_tries_again_at_once_and_forgets_the_failures() -> None:
    world = World(refuses={"lda": "no program"})
    world.configure(spec("lda", retry_timer=1, restart_limit=3))
    world.wait(60)
    world.refuses.clear()
    world.supervisor.start(world.now, "lda")
    world.settle()
    assert world.state("lda") is State.RUNNING


def test_failures_further_apart_than_the_window_do_not_add_up() -> None:
    world = World(refuses={"lda": "no program"})
    world.configure(spec("lda", retry_timer=30, restart_limit=3, restart_window=60))
    world.wait(10_000)
    assert world.state("lda") is State.RETRYING


def test_the_ladder_is_climbed_step_by_step() -> None:
    world = World(deaf_to={"lda": ALL})
    world.configure(spec("lda", term_timeout=10))
    world.supervisor.stop(world.now, "lda")
    world.settle()
    assert world.orders("lda") == ["start", "ask"]
    world.wait(9)
    assert world.orders("lda") == ["start", "ask"]
    world.wait(1)
    assert world.orders("lda") == ["start", "ask", "terminate"]
    world.wait(12)
    assert world.orders("lda") == ["start", "ask", "terminate", "dump", "kill"]
    assert world.state("lda") is State.STOPPED
    world.wait(1000)
    assert world.orders("lda")[-1] == "kill"


def test_one_that_cannot_be_asked_is_told_at_once() -> None:
    world = World(deaf_to={"lda": ALL})
    world.configure(spec("lda"))
    world.supervisor.stop(world.now, "lda")
    world.settle()
    world.supervisor.not_asked(world.now, "lda")
    world.settle()
    assert world.orders("lda") == ["start", "ask", "terminate"]


def test_a_question_that_fails_late_does_not_hasten_the_next_step() -> None:
    world = World(deaf_to={"lda": ALL})
    world.configure(spec("lda", term_timeout=10))
    world.supervisor.stop(world.now, "lda")
    world.wait(10)
    assert world.orders("lda") == ["start", "ask", "terminate"]
    world.supervisor.not_asked(world.now, "lda")
    world.wait(9)
    assert world.orders("lda") == ["start", "ask", "terminate"]


def test_a_hung_loop_is_made_to_show_its_stack_and_started_again() -> None:
    world = World()
    world.configure(spec("lda", ping_timer=10, retry_timer=5))
    world.verdicts["lda"] = Sick("its event loop does not answer for 30 s", hangs=True)
    world.wait(10)
    assert world.orders("lda") == ["start", "dump"]
    assert "is ended: its event loop does not answer for 30 s" in world.said(logging.WARNING)
    world.verdicts.clear()
    world.wait(5)
    assert world.state("lda") is State.RUNNING


def test_a_busy_controller_is_healthy_for_any_time() -> None:
    world = World()
    world.configure(spec("lda"))
    world.verdicts["lda"] = Healthy("scan", 1e6)
    world.wait(1e5)
    assert world.orders("lda") == ["start"]
    assert world.supervisor.describe()["lda"]["busy_with"] == "scan"


def test_a_silent_controller_is_taken_for_busy() -> None:
    world = World()
    world.configure(spec("lda"))
    world.verdicts["lda"] = Silent()
    world.wait(1e5)
    assert world.orders("lda") == ["start"]
    assert "does not answer" in world.supervisor.describe()["lda"]["busy_with"]


def test_busy_timeout_ends_a_busy_controller_gently() -> None:
    world = World()
    world.configure(spec("lda", busy_timeout=100, ping_timer=30))
    world.verdicts["lda"] = Healthy("scan", 99)
    world.wait(30)
    assert world.orders("lda") == ["start"]
    world.verdicts["lda"] = Healthy("scan", 101)
    world.wait(2)  # sooner than after another 30 s
    assert world.orders("lda") == ["start", "ask"]
    assert "busy with scan for more than 100 s (busy_timeout)" in world.said(logging.WARNING)[0]


def test_busy_timeout_ends_a_silent_controller() -> None:
    world = World(deaf_to={"lda": ALL})
    world.configure(spec("lda", busy_timeout=100, ping_timer=30, term_timeout=1))
    world.verdicts["lda"] = Silent()
    world.wait(129)
    assert world.orders("lda") == ["start"]
    world.wait(10)
    assert world.orders("lda") == ["start", "ask", "terminate", "dump", "kill"]


def test_a_sick_controller_is_ended_and_started_again() -> None:
    world = World()
    world.configure(spec("lda"))
    world.verdicts["lda"] = Sick("ping() gave False")
    world.wait(30)
    assert world.orders("lda") == ["start", "ask"]
    assert world.supervisor.describe()["lda"]["reason"] == "ping() gave False"


def test_a_controller_that_is_missed_once_is_asked_again() -> None:
    world = World()
    world.configure(spec("lda"))
    world.verdicts["lda"] = Unreachable("connection lost")
    world.wait(30)
    world.verdicts.clear()
    world.wait(1)
    assert world.orders("lda") == ["start"]
    world.verdicts["lda"] = Unreachable("connection lost")
    world.wait(32)
    assert world.orders("lda") == ["start", "ask"]


def test_one_that_never_answers_is_ended_after_start_timeout() -> None:
    world = World(verdicts={"lda": Unreachable("refused")})
    world.configure(spec("lda", start_timeout=20))
    world.wait(21)
    assert world.orders("lda")[:2] == ["start", "terminate"]
    assert "did not answer within 20 s (start_timeout)" in world.said(logging.WARNING)[0]


def test_a_restart_waits_for_the_calls_that_run() -> None:
    world = World()
    world.configure(spec("lda"))
    world.verdicts["lda"] = Healthy("scan", 1)
    world.supervisor.restart(world.now, "lda")
    world.wait(10)
    assert world.state("lda") is State.DRAINING
    assert world.orders("lda") == ["start"]
    world.verdicts.clear()
    world.wait(1)
    assert world.orders("lda") == ["start", "ask", "start"]


def test_a_restart_waits_no_longer_than_drain_timeout() -> None:
    world = World()
    world.configure(spec("lda", drain_timeout=30))
    world.verdicts["lda"] = Healthy("scan", 1)
    world.supervisor.restart(world.now, "lda")
    world.wait(31)
    assert world.orders("lda")[:2] == ["start", "ask"]
    assert "busy with scan: 30 s are over (drain_timeout)" in world.said(logging.WARNING)[0]


def test_exactly_what_changed_is_started_anew() -> None:
    world = World()
    world.configure(spec("a", 1), spec("b", 2), spec("c", 3))
    world.configure(spec("a", 1), spec("b", 2, key="other"), spec("d", 4))
    world.wait(1)
    assert world.orders("a") == ["start"]
    assert world.orders("b") == ["start", "ask", "start"]
    assert world.orders("c") == ["start", "ask"]
    assert world.orders("d") == ["start"]
    assert world.supervisor.names == ["a", "b", "d"]


def test_one_that_comes_back_while_it_ends_is_started_again() -> None:
    world = World(deaf_to={"a": ALL})
    world.configure(spec("a", 1))
    world.configure()
    world.wait(1)
    world.configure(spec("a", 1))
    world.wait(100)
    assert world.orders("a")[-2:] == ["kill", "start"]
    assert world.state("a") is State.RUNNING


def test_a_port_passes_from_one_controller_to_the_next_only_when_it_is_free() -> None:
    world = World(deaf_to={"old": ALL})
    world.configure(spec("old", 1))
    world.configure(spec("new", 1))
    world.wait(1)
    assert world.state("new") is State.WAITING
    assert world.supervisor.describe()["new"]["reason"] == "it waits until 'old' has left port 1"
    world.wait(100)
    assert world.state("new") is State.RUNNING


def test_another_spelling_of_the_host_is_the_same_place() -> None:
    world = World(deaf_to={"old": ALL})
    world.configure(spec("old", 1, host="localhost"))
    world.configure(spec("new", 1, host="127.0.0.1"))
    world.wait(1)
    assert world.state("new") is State.WAITING
    world.wait(100)
    assert world.state("new") is State.RUNNING


def test_two_that_swap_their_ports_wait_for_each_other() -> None:
    world = World()
    world.configure(spec("a", 1), spec("b", 2))
    world.verdicts["b"] = Healthy("scan", 1)
    world.configure(spec("a", 2), spec("b", 1))
    world.wait(5)
    assert world.state("a") is State.WAITING
    assert world.supervisor.describe()["a"]["reason"] == "it waits until 'b' has left port 2"
    world.verdicts.clear()
    world.wait(5)
    assert (world.state("a"), world.state("b")) == (State.RUNNING, State.RUNNING)


def test_a_stop_is_not_undone_by_another_entry() -> None:
    world = World(deaf_to={"a": ALL})
    world.configure(spec("a"))
    world.supervisor.stop(world.now, "a")
    world.settle()
    world.configure(spec("a", key="other"))
    world.wait(1000)
    assert world.state("a") is State.STOPPED


@pytest.mark.parametrize("verdict", [Sick("ping() gave False"), Sick("hangs", hangs=True)])
def test_a_sick_controller_is_not_waited_for_before_it_is_restarted(verdict: Sick) -> None:
    world = World()
    world.configure(spec("a", drain_timeout=None))
    world.verdicts["a"] = verdict
    world.supervisor.restart(world.now, "a")
    world.wait(1)
    assert world.orders("a")[:2] in (["start", "ask"], ["start", "dump"])
    assert world.started == 2


def test_those_in_a_circle_end_too() -> None:
    world = World()
    world.configure(spec("a", 1), spec("b", 2, depends_on=["a"]))
    world.wait(1)
    world.verdicts = dict.fromkeys("ab", Healthy("scan", 1))
    world.configure(spec("a", 1, depends_on=["b"]), spec("b", 2, depends_on=["a"]))
    assert set(world.alive) == {"a", "b"}
    world.supervisor.end(world.now)
    world.settle()
    assert world.alive == {}


def test_one_that_is_removed_while_it_drains_goes_on_draining() -> None:
    world = World()
    world.configure(spec("a"))
    world.verdicts["a"] = Healthy("scan", 1)
    world.supervisor.restart(world.now, "a")
    world.wait(1)
    world.configure()
    world.wait(1)
    assert world.orders("a") == ["start"]
    world.verdicts.clear()
    world.wait(1)
    assert world.orders("a") == ["start", "ask"]
    assert world.supervisor.names == []


def test_misses_in_a_row_are_in_a_row() -> None:
    watch = Watch(spec("a"))
    turns: list[Verdict] = [Unreachable("x"), Silent()]
    verdicts: list[Verdict] = [Healthy(), *(turns * 5)]
    assert not any(watch.judge(verdict, 0.0, 0.0).trouble for verdict in verdicts)
    verdicts = [Unreachable("x")] * 3
    assert [watch.judge(verdict, 0.0, 0.0).trouble for verdict in verdicts] == ["", "", "x"]


def test_one_that_was_stopped_stays_so_when_its_entry_changes() -> None:
    world = World()
    world.configure(spec("a"))
    world.supervisor.stop(world.now, "a")
    world.settle()
    world.configure(spec("a", key="other"))
    world.wait(1000)
    assert world.orders("a") == ["start", "ask"]


def test_dependencies_are_started_first_and_ended_last() -> None:
    world = World(verdicts={"supply": Unreachable("refused")})
    world.configure(spec("laser", 1, depends_on=["supply", "elsewhere"]), spec("supply", 2))
    assert world.state("laser") is State.WAITING
    assert world.said() == ["it waits for 'supply', which it depends on"]
    world.verdicts.clear()
    world.wait(1)
    assert world.state("laser") is State.RUNNING
    world.log.clear()
    world.supervisor.end(world.now)
    world.settle()
    assert world.alive == {}
    assert [d.name for d in world.log if isinstance(d, Ask)] == ["laser", "supply"]


def test_what_depends_on_a_crashed_controller_goes_on() -> None:
    world = World()
    world.configure(spec("laser", 1, depends_on=["supply"]), spec("supply", 2))
    world.wait(1)
    world.dies("supply")
    world.wait(10)
    assert world.orders("laser") == ["start"]
    assert world.orders("supply") == ["start", "start"]


def test_nothing_is_started_while_all_of_it_ends() -> None:
    world = World(deaf_to={"a": ALL})
    world.configure(spec("a", 1), spec("b", 2))
    world.supervisor.end(world.now)
    world.settle()
    world.supervisor.start(world.now, "b")
    world.configure(spec("a", 1), spec("b", 2), spec("c", 3))
    world.wait(1000)
    assert world.supervisor.is_at_rest
    assert world.alive == {}


def test_a_process_that_appears_after_it_was_stopped_is_ended() -> None:
    world = World()
    world.supervisor.configure(world.now, {"a": spec("a")})
    world.supervisor.settle(world.now)
    world.supervisor.stop(world.now, "a")
    world.supervisor.spawned(world.now, "a", 7)
    world.alive["a"] = 7
    world.settle()
    assert world.alive == {}
    assert world.state("a") is State.STOPPED


def test_facts_about_strangers_are_ignored() -> None:
    world = World()
    world.supervisor.exited(0.0, "x", "with status 1")
    world.supervisor.checked(0.0, "x", Healthy())
    world.supervisor.spawned(0.0, "x", 1)
    world.supervisor.not_spawned(0.0, "x", "no")
    world.supervisor.not_asked(0.0, "x")
    assert world.supervisor.settle(0.0) == []


NAMES = ("a", "b", "c")
EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1, 7, 31, 200])),
    st.tuples(st.just("die"), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["start", "stop", "restart"]), st.sampled_from(NAMES)),
    st.tuples(st.just("configure"), st.sets(st.sampled_from(NAMES))),
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(
            [
                None,
                Healthy(),
                Healthy("scan", 50),
                Silent(),
                Unreachable("x"),
                Sick("y"),
                Sick("z", hangs=True),
            ]
        ),
    ),
    st.tuples(st.just("deaf"), st.sets(st.sampled_from(sorted(ALL)))),
)


@given(st.lists(EVENTS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_there_are_never_two_and_in_the_end_there_is_none(
    events: list[tuple[str, object]],
) -> None:
    world = World()
    version = 0

    def specs(names: set[str]) -> list[Controller]:
        depends: dict[str, dict[str, Any]] = {
            "a": {},
            "b": {"depends_on": ["a"]},
            "c": {"busy_timeout": 40},
        }
        return [
            spec(name, 1 + i % 2, version=version, **depends[name])
            for i, name in enumerate(NAMES)
            if name in names
        ]

    world.configure(*specs(set(NAMES)))
    for what, value in events:
        match what, value:
            case "wait", float() | int():
                world.wait(value)
            case "die", str():
                if value in world.alive:
                    world.dies(value)
            case (("start" | "stop" | "restart"), str()):
                if value in world.supervisor.names:
                    getattr(world.supervisor, what)(world.now, value)
                    world.settle()
            case "configure", set():
                version += 1
                world.configure(*specs(value))
            case "deaf", set():
                world.deaf_to = dict.fromkeys(NAMES, value)
            case _:
                world.verdicts[what] = value  # type: ignore[assignment]
        ports = [c.port for name in world.alive if (c := world.supervisor.spec(name))]
        assert len(ports) == len(set(ports)), "never two on one port"
    world.supervisor.end(world.now)
    world.wait(1000)
    assert world.alive == {}
    assert world.supervisor.is_at_rest


@pytest.mark.parametrize("ends", [True, False])
def test_kill_ends_all_at_once(ends: bool) -> None:
    world = World(deaf_to={"a": ALL, "b": ALL})
    world.configure(spec("a", 1), spec("b", 2, depends_on=["a"]))
    world.wait(1)
    if ends:
        world.supervisor.end(world.now)
        world.settle()
    world.supervisor.kill(world.now)
    world.settle()
    assert world.alive == {}
