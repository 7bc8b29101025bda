"""costs: what a fill may cost, replays under stress, and targets that do not pay for their round trip (R1.8)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from evidence import FREE, Turns, bench_of, paying
from research import bars_of, lab_of, walk

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.costs import break_even, costs
from trader_cli.jobs.summary import Costs
from trader_cli.model.evidence import Status
from trader_cli.strategy import Bars, Signals, Strategy

COSTS = {"costs__fee_bps": "10", "costs__maker_fee_bps": "10", "costs__slippage_bps": "5", "sizing__fraction": "0.95"}


class Nearby(Strategy):
    """Takes a profit of 20 bps over the close it decides on."""

    def targets(self, bars: Bars) -> Signals:
        wants = np.arange(len(bars)) // 2 % 2 == 0
        return Signals(target=wants.astype(float), take=bars.close * 1.002)


class Still(Strategy):
    """Never trades."""

    def targets(self, bars: Bars) -> Any:
        return np.zeros(len(bars))


def bench(*returns: float, n: int = 400, measured: Costs | None = None, **settings: Any) -> Bench:
    lab = lab_of(Turns(), paying((n, returns)), **{**COSTS, **{k: v for k, v in settings.items() if "__" in k}})
    limits = {"late_bars": 0} | {k: v for k, v in settings.items() if "__" not in k}
    return bench_of(lab, measured=measured, **limits)


@pytest.mark.req("X3")
def test_break_even_is_where_costs_take_what_the_trades_bring() -> None:
    # Each trip earns 1.02 * 0.99 - 1 = 0.98 % gross with all the cash, and both of its fills are of that size: x a fill
    # with (1 - x)(1 - x) * 1.0098 = 1, whatever their number.
    free = bench_of(lab_of(Turns(), paying((400, (0.02, -0.01))), **FREE)).base
    assert len(free.trips) == 100
    exact = (1 - 1 / math.sqrt(1.02 * 0.99)) * 10_000
    assert break_even(free) == pytest.approx(exact, rel=0.02)


def test_small_costs_against_large_profits_pass() -> None:
    found = costs(bench(0.02, -0.005))
    assert found.status is Status.PASS
    assert found.number == pytest.approx(75, rel=0.05)
    assert found.limit == 15
    assert "15.0 are paid" in found.message


def test_a_loss_as_configured_fails_with_a_break_even_below_what_is_paid() -> None:
    found = costs(bench(0.005, -0.003))
    assert found.status is Status.FAIL
    assert found.number == pytest.approx(10, rel=0.05)
    assert "it loses as it is" in found.message


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fee_factor": 3, "slippage_factor": 1}, "it loses with fees × 3"),
        ({"fee_factor": 1, "slippage_factor": 5}, "it loses with slippage × 5"),
        ({"late_bars": 2, "fee_factor": 1, "slippage_factor": 1}, "it loses with 2 bars late"),
    ],
)
def test_a_loss_under_one_stress_fails(settings: dict[str, int], said: str) -> None:
    # It bears about 25 bps a fill; two bars late it holds the bars on which nothing happens, and pays for that.
    found = costs(bench(0.01, -0.005, **settings))
    assert found.status is Status.FAIL
    assert said in found.message


def test_a_loss_under_both_dearer_costs_only_is_a_warning() -> None:
    # It bears 35: fees alone make 25, slippage alone 25, both 35 and more, on the part of the cash that is used.
    found = costs(bench(0.012, -0.0052))
    assert found.status is Status.WARN
    assert "of the yearly return are gone" in found.message


@pytest.mark.req("X5")
def test_costs_measured_from_own_fills_are_a_stress_of_their_own() -> None:
    settled = bench(0.02, -0.005, measured=Costs(5.0, 2.0))
    assert costs(settled).status is Status.PASS
    assert costs(settled).details["measured_bps"] == 7
    dear = costs(bench(0.02, -0.005, measured=Costs(60.0, 40.0)))
    assert dear.status is Status.FAIL
    assert "costs as measured" in dear.message


@pytest.mark.req("R1.8")
@pytest.mark.parametrize(
    ("settings", "short"),
    [
        # Market in, limit out: 10 + 5 + 10.
        ({"risk__target_pct": "0.2"}, 5.0),
        ({"risk__target_pct": "0.25"}, 0.0),
        ({"exits__partial_pct": "0.1"}, 15.0),
        # Market both ways: 30; a net micro-profit adds them by itself.
        ({"exits__micro_profit_pct": "0.2", "exits__profit_basis": "gross"}, 10.0),
    ],
)
def test_a_target_that_does_not_pay_for_its_round_trip_fails_and_says_by_how_much(
    settings: dict[str, str], short: float
) -> None:
    found = costs(bench(0.02, -0.005, **settings))
    assert found.status is Status.FAIL
    assert found.details["short_bps"] == pytest.approx(short)
    assert found.details["key"] == next(iter(settings)).replace("__", ".")
    assert f"loses {short:g} bps" in found.message
    assert "--set" in found.hint


@pytest.mark.req("R1.8")
def test_a_micro_profit_after_costs_is_judged_by_what_measured_costs_are_above_the_configured() -> None:
    assert costs(bench(0.02, -0.005, exits__micro_profit_pct="0.5")).details.get("key") is None
    # 2 * (40 + 10) are 100 bps a round trip, 30 of them added by themselves: 50 do not cover the other 70.
    found = costs(bench(0.02, -0.005, exits__micro_profit_pct="0.5", measured=Costs(40.0, 10.0)))
    assert found.status is Status.FAIL
    assert found.details["short_bps"] == pytest.approx(20)
    assert "measured from own fills" in found.message


@pytest.mark.req("R1.8")
def test_a_target_of_the_strategy_itself_is_judged_by_the_trips_that_ended_there() -> None:
    bars = walk(400, 2, volatility=0.02)
    found = costs(bench_of(lab_of(Nearby(), bars, **COSTS)))
    assert found.status is Status.FAIL
    assert found.details["key"] == "target"
    # 20 bps are taken, 25 are paid, and 5 of them are in the price that the 20 are counted from.
    assert found.details["short_bps"] == pytest.approx(5, abs=1)
    free = costs(bench_of(lab_of(Nearby(), bars, **FREE)))
    assert free.details.get("key") is None


def test_a_strategy_that_never_trades_has_no_costs_to_bear() -> None:
    found = costs(bench_of(lab_of(Still(), bars_of(np.full(100, 50.0)))))
    assert (found.status, found.number) == (Status.FAIL, 0)
    assert math.isnan(break_even(lab_of(Still(), bars_of(np.full(100, 50.0))).run()))
