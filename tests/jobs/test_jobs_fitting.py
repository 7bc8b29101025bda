"""Costs fitted to own fills: slippage by order, fees as charged, predicted against paid, and what a run takes of it (X5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from insight_home import Home
from report_books import ONE, Shelf, record, session, step, ticket, venue_fill

from trader_cli.errors import DataError
from trader_cli.jobs.fitting import Fitted, fee_in_quote, fitted, quantile, settings_of
from trader_cli.model.orders import OrderState, Purpose, TicketKind

COSTS = {"costs": {"fee_bps": "10", "maker_fee_bps": "5", "slippage_bps": "2"}}


def book(prices: Sequence[str], **changed: Any) -> Shelf:
    """A live session that bought 1 BTC at each of these prices, decided at 100; the fee is 0.2 USD."""
    mine = replace(session(), config=COSTS)
    asked = [ticket(f"entry-{i}", quantity=ONE, **changed) for i in range(len(prices))]
    one = Shelf([mine], {mine.run_id: [step(mine)]})
    one.all_orders = [record(each, OrderState.FILLED, filled=ONE, venue_id=f"O{i}") for i, each in enumerate(asked)]
    one.trades[mine.run_id] = [
        venue_fill(each, i, "1", price) for i, (each, price) in enumerate(zip(asked, prices, strict=True))
    ]
    return one


def fit(one: Shelf, least: int = 1, pct: int = 75) -> Fitted:
    return fitted(one, "", least, Decimal(pct))


@pytest.mark.req("X5")
def test_slippage_is_the_quantile_of_orders_and_the_fee_what_was_charged() -> None:
    found = fit(book(["100.1", "100.2", "100.3", "101"]))
    (whole,) = [one for one in found.lines if one.group == "all"]
    assert (whole.orders, whole.median_bps, whole.mean_bps, whole.tail_bps) == (4, 25.0, 40.0, 100.0)
    assert found.slippage_bps == "30"
    assert fit(book(["100.1", "100.2", "100.3", "101"]), pct=50).slippage_bps == "20"
    # 0.8 USD of 401.6, rounded up to what a setting may state.
    assert found.fee_bps == found.maker_fee_bps == "19.9204"
    assert math.isclose(whole.fee_bps, 0.8 / 401.6 * 10_000)


@pytest.mark.req("X5")
def test_costs_that_were_negative_are_fitted_as_none() -> None:
    assert fit(book(["99.5", "99.6"])).slippage_bps == "0"


@pytest.mark.req("X5")
def test_an_order_that_rested_pays_no_slippage_and_the_maker_s_fee() -> None:
    one = book(["100.1", "100.1"])
    target = ticket("target", side=-1, purpose=Purpose.TARGET, quantity=ONE, price=110 * ONE, reason=3)
    one.all_orders.append(record(target, OrderState.FILLED, filled=ONE, venue_id="T"))
    one.trades["live-1"].append({**venue_fill(target, 9, "1", "110", fee="0.055"), "maker": True})
    found = fit(one)
    assert (found.slippage_bps, found.maker_fee_bps) == ("10", "5")
    assert found.fee_bps == "19.9801"


@pytest.mark.req("X5")
def test_what_both_sides_pay_is_told_from_a_price_that_moved() -> None:
    """It rose by 5 bps between decision and fill, and the spread costs 10 bps each way: buys +15, sells +5."""
    one = book(["100.15"])
    sale = ticket("exit", side=-1, purpose=Purpose.EXIT, kind=TicketKind.MARKET, quantity=ONE, price=0)
    one.all_orders.append(record(sale, OrderState.FILLED, filled=ONE, venue_id="S"))
    one.trades["live-1"].append(venue_fill(sale, 8, "1", "99.95"))
    found = fit(one)
    assert math.isclose(found.spread_bps, 10)
    assert math.isclose(found.moved_bps, 5)
    assert math.isclose(found.spread_pct, 100 * 10 / 15)


@pytest.mark.req("X5")
def test_predicted_is_by_the_session_s_own_costs_and_realised_what_was_paid() -> None:
    (one,) = fit(book(["100.1", "100.3"])).sessions
    assert (one.orders, one.notional, one.quote) == (2, "200.4", "USD")
    # 10 + 2 bps of 200.4, and 0.4 of fee with 0.4 of slippage.
    assert (one.predicted, one.realised) == ("0.24048", "0.8")
    assert (one.predicted_fee_bps, one.predicted_slippage_bps) == (10.0, 2.0)
    assert math.isclose(one.realised_fee_bps, 0.4 / 200.4 * 10_000)


@pytest.mark.req("X5")
def test_too_few_fills_are_refused_with_their_count() -> None:
    found = fit(book(["100.1", "100.2"]), least=3)
    assert not found.is_enough
    with pytest.raises(DataError, match="2 orders filled on `kraken` account abc: costs are fitted to 3 or more"):
        settings_of(found)
    assert settings_of(fit(book(["100.1"]))) == {"fee_bps": "19.9801", "maker_fee_bps": "19.9801", "slippage_bps": "10"}


@pytest.mark.req("X5")
def test_a_fee_in_a_third_asset_is_no_fee_that_can_be_fitted() -> None:
    one = book(["100.1"])
    one.trades["live-1"][0] |= {"fee_asset": "BNB"}
    found = fit(one)
    assert (found.fee_bps, found.maker_fee_bps, found.slippage_bps) == (None, None, "10")
    assert settings_of(found) == {"slippage_bps": "10"}


@pytest.mark.req("X5")
def test_fills_of_another_account_and_on_paper_do_not_count() -> None:
    one = book(["100.1"])
    one.all_sessions.append(replace(session("live-0"), account="other"))
    one.all_sessions.append(session("paper-1", "paper"))
    assert fit(one).orders == 1
    with pytest.raises(DataError, match="no live session on `binance`"):
        fitted(one, "binance", 1, Decimal(75))
    with pytest.raises(DataError, match="no live session is in the ledger"):
        fit(Shelf())


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(1, 100))
def test_the_quantile_is_a_value_that_so_many_do_not_exceed_and_the_smallest_such(values: list[int], pct: int) -> None:
    found = quantile(map(float, values), Decimal(pct))
    assert found in values
    assert sum(one <= found for one in values) * 100 >= pct * len(values)
    smaller = [one for one in values if one < found]
    assert len(smaller) * 100 < pct * len(values)


def test_the_fee_of_a_trade_is_in_quote_whatever_it_was_charged_in() -> None:
    from trader_cli.jobs.report_orders import trade_of

    trade = trade_of(venue_fill(ticket("one"), 1, "2", "100", fee="0.01"))
    assert fee_in_quote(trade) == Decimal("0.01")
    assert fee_in_quote(replace(trade, fee_asset="BTC")) == Decimal(1)
    assert fee_in_quote(replace(trade, fee_asset="BNB")) is None
    assert fee_in_quote(replace(trade, fee_asset="BNB", fee=Decimal(0))) == 0


@pytest.mark.req("X5")
def test_costs_that_cannot_be_fitted_or_are_stated_twice_are_refused(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars([100, 101, 102])
    for words, code, said in (
        (("--costs", "guessed"), 2, "costs can only be `fitted`"),
        (("--costs", "fitted", "--fee-bps", "3"), 2, "`--fee-bps` both state `costs.fee_bps`"),
        (("--costs", "fitted", "--set", "costs.slippage_bps=1"), 2, "`--set costs.slippage_bps` both state"),
        (("--costs", "fitted"), 4, "no ledger"),
    ):
        done = home.call("backtest", "planned", *words)
        assert (done.code, said in done.err) == (code, True), done.err
    home.backtest()
    done = home.call("backtest", "planned", "--costs", "fitted")
    assert (done.code, "0 orders filled, costs are fitted to 20 or more" in done.err) == (4, True)
