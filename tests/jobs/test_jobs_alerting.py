"""What is trouble, who is told of it when, and what is over: by hand, and as laws over any history."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_books import HELD, HOUR, NOON, record, session, step, ticket
from watch_books import Books, books, cycle, leave

from trader_cli.engine import state as of
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.jobs.alerting import (
    Memory,
    Trouble,
    Waiting,
    due,
    memory_of,
    memory_row,
    run_trouble,
    settled,
    troubles,
    unreadable,
    weigh,
)
from trader_cli.model.fills import Refusal
from trader_cli.model.orders import OrderState

ARMED = leave(NOON + 1000 * HOUR)
DAY = 24 * HOUR
HALT = Trouble("halt", "halt:all", "everything is halted")
STALE = Trouble("stale_data", "run:paper", "paper ended with exit code 4: no bars")
LEAVE = Trouble("leave", "leave:kraken", "leave expired", once=True)


def kinds(known: Books, now_ms: int = NOON) -> list[str]:
    return [one.kind for one in troubles(known, now_ms, 3)]


def well(known: Books) -> Books:
    known.leaves = [ARMED]
    known.all_cycles = [cycle(NOON - 1000)]
    return known


def test_where_all_is_well_there_is_no_trouble() -> None:
    assert troubles(well(books()), NOON, 3) == []


def test_an_order_of_unknown_fate_is_trouble_and_names_itself() -> None:
    known = well(books())
    known.all_orders = [record(ticket("a"), OrderState.UNKNOWN), record(ticket("b"), OrderState.FILLED, 2 * 10**8)]
    (one,) = troubles(known, NOON, 3)
    assert one.kind == "unresolved_order"
    assert one.message == "the fate of an order is not known: buy 2 BTC/USD on kraken, sent 2026-01-01T12:00:01Z"


@pytest.mark.parametrize(("rule", "kind"), [("", "halt"), ("drawdown", "breaker")])
def test_a_halt_is_told_with_its_reason_and_one_by_a_rule_as_a_breaker(rule: str, kind: str) -> None:
    known = well(books())
    known.halts = {"all": SimpleNamespace(since_ms=NOON, reason="I go on holiday", rule=rule)}
    (one,) = troubles(known, NOON, 3)
    assert one.kind == kind
    assert "I go on holiday" in one.message


def tripped(rule: Refusal) -> Books:
    live = session()
    at = step(live)
    book = unpack(at.state, at.symbols, at.wallets, at.symbols, at.wallets)
    book.wallet[0, of.TRIPPED_BY] = rule
    return well(books(live, replace(at, state=pack(book))))


def test_an_open_breaker_is_trouble_and_a_drawdown_that_is_a_halt_too_is_told_once() -> None:
    assert kinds(tripped(Refusal.DAILY_LOSS)) == ["breaker"]
    known = tripped(Refusal.DRAWDOWN)
    known.halts = {"main": SimpleNamespace(since_ms=NOON, reason="its drawdown reached the limit", rule="drawdown")}
    assert kinds(known) == ["breaker"]


def test_a_stop_that_does_not_rest_at_the_venue_is_trouble() -> None:
    live = session()
    (one,) = troubles(well(books(live, step(live, {0: HELD}))), NOON, 3)
    assert (one.kind, one.message) == (
        "unprotected",
        "no stop rests at kraken for 1 BTC/USD of wallet main; it should at 95",
    )


def test_a_difference_that_nobody_can_explain_is_trouble() -> None:
    live = session()
    (one,) = troubles(well(books(live, step(live, notes={"unexplained": {"ETH": "-0.5"}}))), NOON, 3)
    assert (one.kind, one.message) == ("difference", "kraken has -0.5 ETH that nobody can explain")


@pytest.mark.parametrize(("age_h", "missing"), [(3, False), (4, True)])
def test_the_heartbeat_is_missing_after_as_many_bars_without_a_cycle_that_ended_well(age_h: int, missing: bool) -> None:
    known = well(books())
    known.all_cycles = [cycle(NOON - 60_000, 5), cycle(NOON - age_h * HOUR)]
    assert kinds(known) == ["heartbeat"] * missing


def test_nobody_awaits_a_cycle_without_leave_to_trade_and_on_paper_everybody_does() -> None:
    known = books()
    assert kinds(known) == []
    paper = session("paper-1", "paper")
    assert kinds(books(paper)) == ["heartbeat"]


def test_a_replay_of_stored_bars_concerns_nobody() -> None:
    replay = replace(session("paper-1", "paper"), exchange="replay:bitfinex")
    assert kinds(books(replay)) == []


@pytest.mark.parametrize(("one", "says"), [
    (leave(NOON), "leave to trade live on kraken expired at 2026-01-01T12:00:00Z"),
    (leave(NOON + DAY, NOON - HOUR), "leave to trade live on kraken was taken back at 2026-01-01T11:00:00Z"),
])  # fmt: skip
def test_leave_that_expired_or_was_taken_back_is_told(one: object, says: str) -> None:
    known = books()
    known.leaves = [one]  # type: ignore[list-item]
    (found,) = troubles(known, NOON, 3)
    assert (found.kind, found.message, found.once) == ("leave", says, True)


def test_leave_that_drift_took_back_is_told_with_the_reason() -> None:
    known = books()
    known.leaves = [leave(NOON + DAY, NOON - HOUR)]
    known.back = (NOON - HOUR, "momentum drifted from its re-run")
    (found,) = troubles(known, NOON, 3)
    assert found.message.endswith("was taken back at 2026-01-01T11:00:00Z: momentum drifted from its re-run")
    known.back = (NOON - 2 * HOUR, "of another time")
    (found,) = troubles(known, NOON, 3)
    assert found.message.endswith("was taken back at 2026-01-01T11:00:00Z")


@pytest.mark.parametrize(("code", "kinds_of"), [
    (0, []), (1, ["cycle_failed"]), (2, ["cycle_failed"]), (3, ["cycle_failed"]), (4, ["stale_data"]), (5, ["cycle_failed"]),
    (6, ["cycle_failed"]), (7, ["cycle_failed"]), (75, []), (130, []), (143, []),
])  # fmt: skip
def test_a_run_is_trouble_by_its_exit_code(code: int, kinds_of: list[str]) -> None:
    assert [one.kind for one in run_trouble("live", code, "why", [])] == kinds_of


def test_a_run_that_ended_over_what_is_told_already_is_no_second_trouble() -> None:
    order = Trouble("unresolved_order", "unresolved_order:x", "unknown")
    assert run_trouble("live", 7, "why", [order]) == []
    assert run_trouble("live", 4, "why", [unreadable("damaged")]) == []
    assert run_trouble("live", 5, "why", [order, unreadable("damaged")]) != []


def look(
    memory: Memory, found: list[Trouble], now_ms: int, command: str = "paper", most: int = 6
) -> tuple[str, Memory]:
    weighed = weigh(memory, found, (), DAY, most, now_ms, command)
    return weighed.text, weighed.told if weighed.text else weighed.failed


def test_trouble_is_told_once_then_again_after_a_day_and_once_when_it_is_over() -> None:
    text, memory = look(Memory(), [HALT], NOON)
    assert text == "halt: everything is halted"
    for hour in range(1, 24):
        text, memory = look(memory, [HALT], NOON + hour * HOUR)
        assert text == ""
    text, memory = look(memory, [HALT], NOON + DAY)
    assert text == "still, since 2026-01-01T12:00:00Z, seen 24 times: halt: everything is halted"
    text, memory = look(memory, [], NOON + DAY + HOUR)
    assert text == "over: halt: everything is halted"
    assert look(memory, [], NOON + DAY + 2 * HOUR) == ("", Memory())


def test_what_could_not_be_told_is_told_by_the_next_look() -> None:
    weighed = weigh(Memory(), [HALT], (), DAY, 6, NOON)
    assert look(weighed.failed, [HALT], NOON + HOUR)[0] == "halt: everything is halted"
    # And what is over by then was never worth a message.
    assert look(weighed.failed, [], NOON + HOUR) == ("", Memory())


def test_that_it_is_over_is_told_though_the_first_try_failed() -> None:
    _, memory = look(Memory(), [HALT], NOON)
    weighed = weigh(memory, [], (), DAY, 6, NOON + HOUR)
    assert look(weighed.failed, [], NOON + 2 * HOUR)[0] == "over: halt: everything is halted"


def test_leave_that_is_gone_is_not_told_every_day() -> None:
    _, memory = look(Memory(), [LEAVE], NOON)
    assert look(memory, [LEAVE], NOON + 9 * DAY)[0] == ""


def test_a_run_does_not_end_the_trouble_of_another_command_and_neither_does_cron() -> None:
    _, memory = look(Memory(), [STALE], NOON)
    for command in ("live", ""):
        text, memory = look(memory, [], NOON + HOUR, command)
        assert text == ""
    assert look(memory, [], NOON + HOUR, "paper")[0] == f"over: stale_data: {STALE.message}"


def test_beyond_the_messages_of_an_hour_all_waits_and_then_comes_as_one() -> None:
    memory = Memory()
    each = [Trouble("halt", f"halt:{i}", f"wallet {i}") for i in range(5)]
    for i in range(2):
        text, memory = look(memory, each[: i + 1], NOON + i, most=2)
        assert text
    weighed = weigh(memory, each, (), DAY, 2, NOON + 2, "paper")
    assert (weighed.text, weighed.held) == ("", 3)
    text, _ = look(weighed.failed, each, NOON + HOUR, most=2)
    assert text.splitlines() == ["halt: wallet 2", "halt: wallet 3", "halt: wallet 4"]


def test_what_is_muted_is_not_told_and_not_told_as_over() -> None:
    _, memory = look(Memory(), [HALT], NOON)
    assert weigh(memory, [HALT], ("halt",), DAY, 6, NOON + HOUR).text == ""
    assert weigh(Memory(), [HALT], ("halt",), DAY, 6, NOON).text == ""


def test_while_the_ledger_cannot_be_read_nothing_it_knew_is_over() -> None:
    _, memory = look(Memory(), [HALT], NOON)
    lost = unreadable("it is damaged")
    weighed = weigh(memory, [lost], (), DAY, 6, NOON + HOUR, blind=True)
    assert weighed.text == "ledger: the ledger cannot be read: it is damaged"
    assert look(weighed.told, [HALT], NOON + 2 * HOUR)[0] == f"over: {weighed.text}"
    assert set(look(weighed.told, [], NOON + 2 * HOUR)[0].splitlines()) == {
        f"over: {weighed.text}",
        "over: halt: everything is halted",
    }


NAMES = ("address 1 (json)", "address 2 (tgram)")


def tell(memory: Memory, found: list[Trouble], taking: tuple[str, ...], now_ms: int) -> tuple[dict[str, str], Memory]:
    """One look, of which some addresses take what is due to them; returns what they took."""
    weighed = weigh(memory, found, (), DAY, 100, now_ms)
    messages = due(memory, weighed, NAMES)
    taken = [name for name in messages if name in taking]
    memory, _ = settled(memory, weighed, NAMES, taken, DAY, now_ms)
    return {name: messages[name][1] for name in taken}, memory_of(json.loads(json.dumps(memory_row(memory))))


def test_what_one_address_did_not_take_waits_for_it_alone() -> None:
    first, second = NAMES
    took, memory = tell(Memory(), [HALT], (first,), NOON)
    assert took == {first: "halt: everything is halted"}
    assert memory.waiting == {second: Waiting(("halt: everything is halted",), NOON)}
    took, memory = tell(memory, [HALT], (first,), NOON + HOUR)
    assert took == {}
    took, memory = tell(memory, [], NAMES, NOON + 2 * HOUR)
    over = "over: halt: everything is halted"
    assert took == {first: over, second: f"halt: everything is halted\n{over}"}
    assert memory == Memory(sent_ms=(NOON + 2 * HOUR,))


def test_where_nobody_took_what_is_new_it_is_new_again_and_waits_for_nobody() -> None:
    took, memory = tell(Memory(), [HALT], (), NOON)
    assert (took, memory.waiting) == ({}, {})
    took, _ = tell(memory, [HALT], NAMES, NOON + HOUR)
    assert took == dict.fromkeys(NAMES, "halt: everything is halted")


def test_what_waits_too_long_or_for_an_address_that_is_gone_is_given_up() -> None:
    first, second = NAMES
    _, memory = tell(Memory(), [HALT], (first,), NOON)
    nothing = weigh(memory, [HALT], (), 0, 100, NOON + DAY)
    after, told = settled(memory, nothing, NAMES, (), DAY, NOON + DAY)
    assert after.waiting == {}
    assert told == (f"{second} takes nothing since 2026-01-01T12:00:00Z: 1 lines are given up",)
    assert settled(memory, nothing, NAMES[:1], (), DAY, NOON + HOUR)[0].waiting == {}
    assert settled(memory, nothing, NAMES, (), DAY, NOON + DAY - 1)[0].waiting == memory.waiting


@given(st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from(NAMES))), min_size=1, max_size=30))
def test_in_the_end_every_address_took_every_line_in_order_and_none_twice(history: list[tuple[bool, set[str]]]) -> None:
    memory, now = Memory(), NOON
    took: dict[str, list[str]] = {name: [] for name in NAMES}
    # A minute apart, so that nothing is given up or told as lasting.
    for there, taking in [*history, (False, set(NAMES)), (False, set(NAMES))]:
        now += 60_000
        told, memory = tell(memory, [HALT] if there else [], tuple(taking), now)
        for name, text in told.items():
            took[name] += text.splitlines()
    assert took[NAMES[0]] == took[NAMES[1]]
    assert took[NAMES[0]] == ["halt: everything is halted", "over: halt: everything is halted"] * (
        len(took[NAMES[0]]) // 2
    )
    assert memory.waiting == {}


TROUBLES = [HALT, LEAVE, *(Trouble("breaker", f"b:{i}", f"breaker {i}") for i in range(3))]
HISTORIES = st.lists(
    st.tuples(st.sets(st.sampled_from(TROUBLES)), st.integers(1, 40 * HOUR), st.booleans()), min_size=1, max_size=40
)


@given(HISTORIES, st.integers(1, 5))
def test_whatever_comes_and_goes_and_fails_every_change_is_told_in_the_end_and_none_twice(
    history: list[tuple[set[Trouble], int, bool]], most: int
) -> None:
    memory, now, sent = Memory(), NOON, []
    standing: set[str] = set()  # what somebody was told of and not yet that it is over
    ends = [(history[-1][0], 2 * HOUR, True)]
    for found, later, works in [*history, *ends]:
        now += later
        weighed = weigh(memory, sorted(found, key=lambda one: one.key), (), DAY, most, now)
        memory = weighed.told if weighed.text and works else weighed.failed
        memory = memory_of(json.loads(json.dumps(memory_row(memory))))
        if not (weighed.text and works):
            continue
        sent.append(now)
        for line in weighed.text.splitlines():
            message = line.rpartition(": ")[2]
            if line.startswith("over: "):
                standing.remove(message)
            elif not line.startswith("still"):
                assert message not in standing
                standing.add(message)
            else:
                assert message in standing
    assert standing == {one.message for one in history[-1][0]}
    assert all(sum(0 <= end - one < HOUR for one in sent) <= most for end in sent)


@pytest.mark.parametrize("value", [
    None, [], {}, "x", {"known": []}, {"known": {"a": {}}, "sent_ms": []}, {"known": {}, "sent_ms": 1},
    {"known": {}, "sent_ms": [], "waiting": {"a": 1}}, {"known": {}, "sent_ms": [], "waiting": []},
])  # fmt: skip
def test_a_memory_that_nobody_of_us_wrote_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no memory of alerts"):
        memory_of(value)
