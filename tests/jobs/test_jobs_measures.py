"""What is measured: figures by hand from a ledger that is a handful of lists."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from report_books import HELD, HOUR, NOON, ONE, record, session, step, ticket
from watch_books import Books, books, cycle, leave

from trader_cli.engine import state as of
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.jobs.measures import METRICS, Family, RunEnd, measures, nothing, run_measures, unreadable
from trader_cli.model.fills import Refusal
from trader_cli.model.orders import OrderState

LIVE = ("live", "kraken", "abc")


def values(families: list[Family], name: str) -> dict[tuple[str, ...], float]:
    metric = METRICS[name]
    return dict(next((one.samples for one in families if one.metric is metric), ()))


def test_equity_cash_and_result_are_those_of_the_newest_step_in_its_currency() -> None:
    found = measures(books(), NOON)
    # Begun with 1,000; equity 1,010 of which 900 is cash.
    assert values(found, "equity") == {(*LIVE, "USD"): 1010.0}
    assert values(found, "cash") == {(*LIVE, "USD"): 900.0}
    assert values(found, "result") == {(*LIVE, "USD"): 10.0}


def test_drawdown_is_a_share_of_the_highest_equity() -> None:
    known = books()
    known.peaks["live-1"] = 2020 * ONE
    assert values(measures(known, NOON), "drawdown_ratio") == {LIVE: 0.5}
    known.peaks["live-1"] = 1000 * ONE
    assert values(measures(known, NOON), "drawdown_ratio") == {LIVE: 0.0}


def test_a_position_has_its_quantity_value_and_result_and_says_that_nothing_protects_it() -> None:
    live = session()
    found = measures(books(live, step(live, {0: HELD})), NOON)
    place = (*LIVE, "main", "BTC/USD")
    # 1 BTC at 110, bought at 100 with a fee of 0.5; its stop is not at the venue.
    assert values(found, "position_quantity") == {place: 1.0}
    assert values(found, "position_value") == {(*place, "USD"): 110.0}
    assert values(found, "position_result") == {(*place, "USD"): 9.5}
    assert values(found, "position_unprotected") == {place: 1.0}


def test_the_heartbeat_is_the_last_cycle_that_ended_well_whatever_failed_since() -> None:
    known = books()
    known.all_cycles = [
        cycle(NOON - 1000, 5, ""),
        cycle(NOON - HOUR, 7),
        cycle(NOON - 2 * HOUR),
        cycle(NOON - 3 * HOUR),
    ]
    found = measures(known, NOON)
    assert values(found, "cycle_last_success_timestamp_seconds") == {LIVE: (NOON - 2 * HOUR) / 1000}
    assert values(found, "cycle_last_end_timestamp_seconds") == {LIVE: (NOON - 1000) / 1000}
    assert values(found, "cycle_last_exit_code") == {LIVE: 5.0}
    assert values(found, "cycle_last_duration_seconds") == {LIVE: 4.0}


def test_a_failure_before_any_session_counts_for_its_own_mode_only() -> None:
    known = books()
    known.all_cycles = [cycle(NOON - 1000, 5, "", "paper"), cycle(NOON - HOUR)]
    assert values(measures(known, NOON), "cycle_last_exit_code") == {LIVE: 0.0}


def test_without_a_cycle_there_is_no_heartbeat_rather_than_one_at_0() -> None:
    assert values(measures(books(), NOON), "cycle_last_success_timestamp_seconds") == {}


def test_orders_count_by_how_they_ended_and_what_is_open_apart() -> None:
    known = books()
    known.all_orders = [
        record(ticket("a"), OrderState.FILLED, 2 * ONE, "O-1"),
        record(ticket("b"), OrderState.FILLED, 2 * ONE, "O-2"),
        record(ticket("c"), OrderState.REJECTED, message="funds: EOrder:Insufficient funds"),
        record(ticket("g"), OrderState.REJECTED, message="It is 12:01, come back tomorrow"),
        record(ticket("d"), OrderState.OPEN, 0, "O-3"),
        record(ticket("e"), OrderState.UNKNOWN),
        record(ticket("f"), OrderState.SENDING),
    ]
    found = measures(known, NOON)
    assert values(found, "orders") == {(*LIVE, "filled"): 2.0, (*LIVE, "rejected"): 2.0}
    assert values(found, "open_orders") == {LIVE: 1.0}
    assert values(found, "unresolved_orders") == {LIVE: 2.0}
    assert values(found, "rejections") == {(*LIVE, "funds"): 1.0, (*LIVE, "unnamed"): 1.0}


def test_an_unresolved_order_of_a_session_that_ended_is_still_counted() -> None:
    old, new = session("live-1"), session("live-2")
    known = Books(all_sessions=[new, old], all_steps={"live-1": [step(old)], "live-2": [step(new)]})
    known.all_orders = [record(ticket("a"), OrderState.UNKNOWN)]
    found = measures(known, NOON)
    assert values(found, "unresolved_orders") == {LIVE: 1.0}
    assert list(values(found, "session_info")) == [(*LIVE, "live-2", "momentum", "1h")]


def test_a_halt_is_told_by_scope_and_the_account_always() -> None:
    known = books()
    assert values(measures(known, NOON), "halted") == {("all",): 0.0}
    known.halts = {"main": SimpleNamespace(since_ms=NOON, reason="by hand")}
    assert values(measures(known, NOON), "halted") == {("all",): 0.0, ("main",): 1.0}


def test_an_open_breaker_is_told_with_its_rule_and_a_halt_by_hand_is_none() -> None:
    live = session()
    at = step(live)
    book = unpack(at.state, at.symbols, at.wallets, at.symbols, at.wallets)
    book.wallet[0, of.TRIPPED_BY] = Refusal.DAILY_LOSS
    book.wallet[1, of.TRIPPED_BY] = Refusal.HALTED
    found = measures(books(live, replace(at, state=pack(book))), NOON)
    assert values(found, "breaker_open") == {(*LIVE, "main", Refusal.DAILY_LOSS.label): 1.0}


@pytest.mark.parametrize(("expires_ms", "armed"), [(NOON + 1, 1.0), (NOON, 0.0), (NOON - HOUR, 0.0)])
def test_leave_to_trade_counts_until_it_expires(expires_ms: int, armed: float) -> None:
    known = books()
    known.leaves = [leave(expires_ms)]
    found = measures(known, NOON)
    assert values(found, "armed") == {LIVE: armed}
    assert values(found, "arming_expiry_timestamp_seconds") == {LIVE: expires_ms / 1000}


def test_two_sessions_that_go_on_never_share_a_series() -> None:
    live, paper = session(), session("paper-1", "paper")
    known = Books(all_sessions=[paper, live], all_steps={"live-1": [step(live)], "paper-1": [step(paper)]})
    for family in measures(known, NOON):
        labels = [one for one, _ in family.samples]
        assert len(labels) == len(set(labels)), family.metric.name


def test_errors_are_counted_by_their_pattern() -> None:
    known = books()
    known.failed = {"venue:rate_limit": 3, "data": 1}
    assert values(measures(known, NOON), "errors") == {("data",): 1.0, ("venue:rate_limit",): 3.0}


def test_a_run_is_measured_though_the_ledger_is_not() -> None:
    found = [*run_measures(RunEnd("paper", "1.2", 4, 2.5, NOON)), *unreadable()]
    assert values(found, "run_exit_code") == {("paper",): 4.0}
    assert values(found, "run_duration_seconds") == {("paper",): 2.5}
    assert values(found, "run_end_timestamp_seconds") == {("paper",): NOON / 1000}
    assert values(found, "ledger_readable") == {(): 0.0}


def test_every_figure_is_finite_and_every_metric_explains_itself() -> None:
    for family in [*measures(books(), NOON), *nothing(), *unreadable()]:
        assert all(math.isfinite(value) for _, value in family.samples)
        assert all(len(labels) == len(family.metric.labels) for labels, _ in family.samples)
    for metric in METRICS.values():
        assert metric.help.endswith(".")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
