"""All strategies side by side, and those that no longer earn their keep, with the evidence (R3.8)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from report_books import HOUR, NOON, ONE, Shelf, session, step, trip_row

from trader_cli.errors import StrategyError
from trader_cli.jobs.gate import Standing
from trader_cli.jobs.retirement import Drifted, Known, Limits, StrategyLine, chosen, strategy_line
from trader_cli.model.session import Deployment

DAY = 24 * HOUR
NOW = NOON + 40 * DAY
LIMITS = Limits(30, 4)
DEPLOYED = {"momentum": Deployment("momentum", "", {}, "c", NOON)}


@dataclass(frozen=True)
class Backtested:
    """A backtest as the ledger lists it."""

    run_id: str
    start_ms: int
    end_ms: int
    stats: Mapping[str, Any]


def trips(results: Sequence[float], **changed: Any) -> list[dict[str, Any]]:
    """Closed round trips, one a day from 29 days ago on; results in USD after costs."""
    return [
        trip_row(exit_ms=NOW - (29 - i) * DAY - HOUR, entry_ms=NOON, pnl=round(pnl * ONE), **changed)
        for i, pnl in enumerate(results)
    ]


def shelf(results: Sequence[float], mode: str = "live", **changed: Any) -> Shelf:
    mine = replace(session("live-1", mode), **{"started_ms": NOON, **changed})
    return Shelf([mine], {mine.run_id: [step(mine)]}, tables={("trades", "live-1"): trips(results)})


def line(book: Shelf, name: str = "momentum", hold: float = 0.0, status: str = "PASS", reason: str = "",
         drift: Drifted | None = None, deployed: bool = True, **more: Any) -> StrategyLine:  # fmt: skip
    standings = {name: Standing(name, status, reason, NOON)}
    known = Known(DEPLOYED if deployed else {}, standings=standings, drifts={name: drift} if drift else {}, **more)
    return strategy_line(book, name, known, lambda *_: hold, LIMITS, NOW)


@pytest.mark.req("R3.8")
def test_what_it_brought_is_of_the_cash_it_trades_with() -> None:
    one = line(shelf([10, -20, 15, 5]))
    (result,) = one.results
    assert (result.source, result.trades, result.days) == ("live", 4, 30.0)
    assert math.isclose(result.return_pct, 1.0)
    # From 1010 to 990.
    assert math.isclose(result.drawdown_pct, 20 / 1010 * 100)
    assert result.sharpe > 0
    assert (one.age_days, one.verdict, one.retire) == (40.0, "PASS", ())


@pytest.mark.req("R3.8")
def test_a_loss_after_costs_names_it_with_its_numbers() -> None:
    one = line(shelf([10, -20, 5, -3]))
    assert one.retire == ("live: -0.80 % after costs over 30 days with 4 trades",)


@pytest.mark.req("R3.8")
def test_less_than_buy_and_hold_names_it_too() -> None:
    one = line(shelf([10, -5, 5, 1]), hold=3.5)
    assert one.retire == ("live: +1.10 % after costs, buy-and-hold +3.50 %, over 30 days with 4 trades",)
    assert line(shelf([10, -5, 5, 1]), hold=math.nan).retire == ()
    assert line(shelf([10, -5, 5, 1]), hold=1.0).retire == ()


@pytest.mark.req("R3.8")
@pytest.mark.parametrize(
    "book",
    [
        shelf([-10, -10, -10]),
        shelf([-10] * 4, started_ms=NOW - 29 * DAY - 12 * HOUR),
        shelf([-10] * 4, mode="backtest"),
    ],
    ids=["too few trades", "too young", "no session"],
)
def test_too_little_is_no_evidence(book: Shelf) -> None:
    assert line(book).retire == ()


@pytest.mark.req("R3.8")
def test_drift_and_validation_that_failed_or_is_void_name_it() -> None:
    good = shelf([10, 10, 10, 10])
    drift = Drifted("live-1", "over", "the gap is -30.0 %")
    assert line(good, drift=drift).retire == ("drift: the gap is -30.0 % (session live-1)",)
    assert line(good, drift=replace(drift, verdict="within")).retire == ()
    failed = line(good, status="FAIL", reason="failed its validation of then: `costs`")
    assert failed.retire == ("validation: it failed its validation of then: `costs`",)
    void = line(good, status="void", reason="was validated with other code")
    assert void.retire == ("validation is void: it was validated with other code",)
    assert line(good, status="unvalidated", reason="was never validated").retire == ()


@pytest.mark.req("R3.8")
def test_what_is_not_deployed_trades_nowhere_and_is_not_named() -> None:
    one = line(shelf([-10] * 4), status="FAIL", reason="failed", deployed=False)
    assert (one.deployed, one.retire) == (False, ())
    assert math.isnan(one.age_days)


@pytest.mark.req("R3.8")
def test_others_trades_and_those_before_the_days_that_count_are_left_out() -> None:
    book = shelf([10, 10, 10, 10])
    book.tables["trades", "live-1"] += trips([-99], strategy="grid")
    book.tables["trades", "live-1"] += [trip_row(exit_ms=NOW - 31 * DAY, pnl=-99 * ONE)]
    (result,) = line(book).results
    assert (result.trades, round(result.return_pct, 6)) == (4, 4.0)


@pytest.mark.req("R3.8")
def test_a_paper_session_on_stored_bars_is_shown_and_proves_nothing() -> None:
    one = line(shelf([-10] * 4, mode="paper", exchange="replay:kraken"))
    assert [each.source for each in one.results] == ["replay"]
    assert one.retire == ()
    other = line(shelf([-10] * 4, mode="paper"))
    assert [each.source for each in other.results] == ["paper"]
    assert other.retire == ("paper: -4.00 % after costs over 30 days with 4 trades",)


@pytest.mark.req("R3.8")
def test_a_backtest_stands_beside_it_as_it_reported_itself() -> None:
    stats = {"total_return_pct": 12.5, "benchmark_return_pct": 3, "sharpe": 1.5, "max_drawdown_pct": 8.0, "trades": 40}
    tested = Backtested("bt-1", NOON - 100 * DAY, NOON, {**stats, "sharpe": None})
    results = line(shelf([1]), backtests={"momentum": tested}).results
    assert [one.source for one in results] == ["live", "backtest"]
    assert (results[1].return_pct, results[1].hold_pct, results[1].trades, results[1].days) == (12.5, 3.0, 40, 100.0)
    assert math.isnan(results[1].sharpe)


@pytest.mark.req("R3.8")
def test_an_unknown_name_offers_the_nearest() -> None:
    assert chosen([], ["grid", "momentum"]) == ["grid", "momentum"]
    assert chosen(["grid"], ["grid", "momentum"]) == ["grid"]
    with pytest.raises(StrategyError, match="no strategy `momentun` was deployed") as raised:
        chosen(["momentun"], ["grid", "momentum"])
    assert raised.value.hints[0] == "did you mean `momentum`?"
