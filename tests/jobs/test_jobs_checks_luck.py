"""The check of luck: days drawn in blocks, trades in another order, entries drawn from a hat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.research import bars_of, lab_of, walk
from trader_cli.config.layers import load_settings
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.hat import Held, drawn_entries, held_in, placed, random_entries
from trader_cli.jobs.checks.luck import entry_bar, luck, trade_results
from trader_cli.jobs.lab import Variant
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status, Tried
from trader_cli.strategy import Levels, Param, Strategy

LIMITS = load_settings("plain", Path("/nonexistent"), {}, {}).settings.model_dump()["validate"]


class Calendar(Strategy):
    """Hold every other `length` bars, whatever the market does."""

    length = Param(5, low=1, high=50)

    def targets(self, bars: Bars) -> Levels:
        return np.arange(len(bars)) // self.length % 2 == 0


class Steps(Strategy):
    """Hold a whole position, then half of it, then nothing; three, two and five bars."""

    def targets(self, bars: Bars) -> Levels:
        return np.resize(np.repeat([0.0, 1.0, 0.5, 0.0], [2, 3, 2, 3]), len(bars))


def bench(strategy: Strategy, *bars: Bars, count: int = 1, **limits: Any) -> Bench:
    lab = lab_of(strategy, *bars)
    return Bench(lab, lab.run(), Tried(count, (), None, {}), {**LIMITS, **limits}, 1)


def tidal(n: int, gain: float, loss: float, seed: int = 1, length: int = 5) -> Bars:
    """Bars that rise by `gain` while Calendar holds (one bar after it says so) and fall by `loss` while it does not."""
    rng = np.random.default_rng(seed)
    holds = (np.arange(n) - 1) // length % 2 == 0
    return bars_of(100 * np.exp(np.cumsum(np.where(holds, gain, -loss) + rng.normal(0, 0.01, n))))


@pytest.mark.req("X3")
def test_moments_that_matter_pass() -> None:
    found = luck(bench(Calendar(), tidal(600, 0.008, 0.006)))
    assert found.status in (Status.PASS, Status.WARN)
    assert found.number is not None
    assert found.limit is not None
    assert found.number > found.limit
    assert found.details["beaten_pct"] == 100
    assert found.details["mean_low_bps"] > 0


@pytest.mark.req("X3")
def test_the_markets_drift_is_no_skill() -> None:
    """A calendar in a market that only rises: surely a profit, and entries that are no better than any others."""
    found = luck(bench(Calendar(), walk(1500, 1, drift=0.004, volatility=0.01)))
    assert found.details["mean_low_bps"] > 0
    assert found.status is Status.FAIL
    assert found.unit == "Sharpe ratio"
    assert "95% of random entries" in found.message
    assert found.hint


@pytest.mark.req("X3")
def test_a_mean_that_might_be_nothing_is_refused_with_its_interval() -> None:
    found = luck(bench(Calendar(), walk(800, 3)))
    assert (found.status, found.unit, found.limit) == (Status.FAIL, "bps a day", 0.0)
    assert found.number is not None
    assert found.number <= 0
    assert f"between {found.details['mean_low_bps']:.1f} and {found.details['mean_high_bps']:.1f} bps" in found.message


def test_few_trades_are_no_evidence() -> None:
    found = luck(bench(Calendar(length=50), tidal(600, 0.008, 0.006, length=50)))
    assert (found.status, found.number, found.limit, found.unit) == (Status.FAIL, 6, 20, "trades")


def test_trades_of_a_few_days_share_their_luck() -> None:
    found = luck(bench(Calendar(), walk(24 * 12, 3, timeframe="1h")))
    assert (found.status, found.number, found.limit, found.unit) == (Status.FAIL, 12, 20, "days")


def test_what_beats_random_entries_must_beat_the_best_of_as_many_as_were_tried() -> None:
    bars = tidal(600, 0.0022, 0.0005)
    bars_needed = [luck(bench(Calendar(), bars, count=count)).details for count in (1, 1000)]
    one, many = (entry_bar(np.linspace(-1, 1, 200), 0.95, count) for count in (1, 1000))
    assert one < many
    assert bars_needed[0]["tries"] == 1
    assert bars_needed[1]["tries"] == 1000
    # the draws themselves are the same
    assert bars_needed[0]["random_sharpe_mean"] == bars_needed[1]["random_sharpe_mean"]


def test_the_bar_of_random_entries_by_hand() -> None:
    """Of -1 and 1 in equal parts: mean 0, deviation 1.0025 (n - 1 of 200); the best of 1,000 stays below 3.884 deviations."""
    random = np.resize([-1.0, 1.0], 200)
    assert entry_bar(random, 0.95, 1) == 1.0
    assert entry_bar(random, 0.95, 1000) == pytest.approx(1.0025 * 3.884, abs=0.002)
    drawn = np.random.default_rng(1).normal(size=(3000, 1000)).max(axis=1)
    assert np.mean(drawn < 3.884) == pytest.approx(0.95, abs=0.01)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_tries_never_lower_the_bar(a: int, b: int) -> None:
    random = np.random.default_rng(1).normal(size=200)
    fewer, more = sorted((a, b))
    assert entry_bar(random, 0.95, fewer) <= entry_bar(random, 0.95, more)


def test_an_order_of_trades_luckier_than_most_is_a_warning_with_the_drawdown_to_plan_for() -> None:
    """Wins and losses in turns: no order of them has a smaller drawdown."""
    turns = np.resize(np.repeat([0.02, -0.004, -0.010, -0.004], 5), 1200)
    bars = bars_of(100 * np.exp(np.cumsum(np.r_[0.0, turns[:-1]])))
    found = luck(bench(Calendar(), bars))
    assert found.status is Status.WARN
    assert found.details["deeper_orders_pct"] >= 95
    assert found.details["trade_drawdown_worst_pct"] > found.details["trade_drawdown_pct"]
    assert "luckier than" in found.message
    assert f"{found.details['trade_drawdown_worst_pct']:.1f}%" in found.hint


def test_trade_results_are_of_the_account_they_were_made_with() -> None:
    """5 of 100, then -21 of 105."""
    one = bench(Calendar(), walk(200, 1)).base
    trips = type(one.trips)(
        one.trips.symbols, *([np.array([0, 0])] * 7), np.array([5, -21]) * 10**8, *([np.zeros(2)] * 4)
    )  # type: ignore[arg-type]
    assert trade_results(trips, 100.0) == pytest.approx([0.05, -0.2])
    assert trade_results(trips, 1.0) == pytest.approx([5.0, -1.0])


def test_random_entries_trade_as_often_and_as_long_symbol_by_symbol() -> None:
    lab = lab_of(Calendar(length=7), walk(290, 1), walk(290, 2, symbol="BBB/USD"), sizing__fraction="0.4")
    base = lab.run()
    table = {bars.symbol: held_in(base, s, bars) for s, bars in enumerate(lab.series)}
    drawn = lab.wanting(random_entries(table, 5)())
    outcomes = [drawn.run(Variant({"sample": sample})) for sample in range(10)]
    for outcome in outcomes:
        for symbol in (0, 1):
            lengths = [sorted(one.trips.bars[one.trips.symbol == symbol].tolist()) for one in (base, outcome)]
            assert lengths[0] == lengths[1]
    assert len({one.digest for one in outcomes}) == 10


def test_holdings_keep_their_steps_and_the_one_that_is_open_at_the_end() -> None:
    """On a price that stands still: three bars whole, two bars half, ten times; the last is cut off after two bars."""
    bars = bars_of(np.full(105, 100.0))
    lab = lab_of(Steps(), bars, costs__fee_bps="0", costs__slippage_bps="0")
    held = held_in(lab.run(), 0, bars)
    assert held.first == 2
    assert len(held.levels) == 11
    for level in held.levels[:10]:
        assert level == pytest.approx([1, 1, 1, 0.5, 0.5], abs=1e-6)
    assert held.levels[10] == pytest.approx([1, 1])


@settings(max_examples=60)
@given(st.integers(0, 50), st.lists(st.integers(1, 8), max_size=12), st.integers(0, 999))
def test_placed_holdings_are_all_there_apart_and_not_before_their_time(
    first: int, lengths: list[int], seed: int
) -> None:
    room = first + sum(lengths) + len(lengths) + 10
    target = placed(Held(first, [np.ones(one) for one in lengths]), room, np.random.default_rng(seed))
    edges = np.flatnonzero(np.diff(np.r_[0.0, target, 0.0]))
    assert sorted((edges[1::2] - edges[::2]).tolist()) == sorted(lengths)
    assert not target[:first].any()
    assert not target[-2:].any()


@pytest.mark.parametrize("bars", [0, 1, 9, 10, 12])
def test_holdings_without_room_are_placed_as_far_as_they_go(bars: int) -> None:
    target = placed(Held(0, [np.ones(4), np.ones(5)]), bars, np.random.default_rng(1))
    assert len(target) == bars
    assert target.sum() == min(bars, 9)


def test_every_place_is_as_likely_as_any_other() -> None:
    """One holding of one bar in seven: the last wish is filled by no bar, the one before sells; five places are left."""
    rng = np.random.default_rng(1)
    found = np.mean([placed(Held(0, [np.ones(1)]), 7, rng) for _ in range(3000)], axis=0)
    assert found == pytest.approx([0.2] * 5 + [0.0] * 2, abs=0.03)


def test_draws_are_the_same_for_the_same_seed() -> None:
    lab = lab_of(Calendar(), walk(200, 1))
    base = lab.run()
    once, again, other = (drawn_entries(lab, base, 5, seed) for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()


def test_the_check_is_the_same_for_the_same_seed() -> None:
    one = bench(Calendar(), tidal(400, 0.006, 0.004), bootstrap_samples=200, entry_samples=20)
    assert luck(one) == luck(one)
