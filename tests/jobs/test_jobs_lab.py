"""The lab replays what `backtest` replays, whatever else is replayed beside it."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from research import bars_of, lab_of, walk

from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.backtest import backtest
from trader_cli.jobs.lab import Outcome, Variant
from trader_cli.jobs.workers import run_trial
from trader_cli.model.bars import COLUMNS
from trader_cli.strategy import Bars, Floats, Levels, Param, Signals, Strategy, indicators
from trader_cli.strategy.base import sealed
from trader_cli.strategy.sharing import Shared, sharing
from trader_cli.wiring import Wiring


class Cross(Strategy):
    """Hold while the fast average is above the slow one."""

    fast = Param(5, low=1, high=100)
    slow = Param(20, low=2, high=400)

    def targets(self, bars: Bars) -> Levels:
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)


class Nested(Strategy):
    """Reads indicators of indicators, and more than one array of one of them."""

    fast = Param(5, low=1, high=100)

    def targets(self, bars: Bars) -> Signals:
        smooth = indicators.ema(indicators.returns(bars.close), self.fast)
        bands = indicators.bollinger(bars.close, 20)
        macd = indicators.macd(bars.close)
        held = (smooth > 0.0) & (bars.close > bands.lower) & ~np.isnan(macd.signal)
        return Signals(target=held, stop=bars.close - 3.0 * indicators.atr(bars.high, bars.low, bars.close, 14))


class Rising(Strategy):
    """Hold what is above its mean of 30 bars."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close > indicators.sma(bars.close, 30)


class Writer(Strategy):
    """Writes into what an indicator gave it, as it may."""

    fast = Param(5, low=1, high=100)

    def targets(self, bars: Bars) -> Levels:
        mean: Floats = indicators.sma(bars.close, self.fast)
        mean[:50] = np.inf
        return bars.close > mean


def test_a_lab_tells_the_digest_and_figures_of_backtest(tmp_path: Path) -> None:
    wiring = Wiring.find(tmp_path, "paper-500", {})
    request = wiring.request("momentum", {"slow": "100"})
    done = backtest(request, wiring.bars, wiring.instrument, lambda: wiring.ledger, "r1", 0, lambda _: None).result
    outcome = wiring.lab(wiring.request("momentum", {})).run(Variant({"slow": 100}))
    wiring.close()
    assert outcome.digest == done["digest"]
    assert outcome.trips.pnl.sum() != 0
    same = {name: done[name] for name in outcome.stats}
    assert outcome.stats == pytest.approx(same, rel=1e-12, nan_ok=True)
    assert outcome.final * 1e-8 == done["final_equity"]


def test_replays_at_the_same_time_change_nothing_for_each_other() -> None:
    lab = lab_of(Cross(), walk(600, 1), walk(600, 2, symbol="BBB/USD"))
    variants = [Variant({"fast": fast, "slow": slow}) for fast in (2, 3, 5, 8) for slow in (13, 21, 34)]
    alone = [lab_of(Cross(), *lab.series).run(one).digest for one in variants]
    with ThreadPoolExecutor(4) as pool:
        together = [one.digest for one in pool.map(lab.run, variants * 3)]
    assert together == alone * 3
    assert len(set(alone)) == len(alone)


def test_what_a_strategy_says_does_not_depend_on_sharing() -> None:
    for strategy in (Cross(), Nested(), Writer()):
        lab = lab_of(strategy, walk(400, 3))
        first, again = lab.run().digest, lab.run().digest
        unshared = lab_of(strategy, walk(400, 3), preset="plain").run().digest
        assert first == again == unshared
        assert len(lab.run().fills) > 0


def test_an_indicator_of_the_same_bars_is_computed_once_and_handed_out_read_only() -> None:
    bars = walk(200, 4)
    bars.close.flags.writeable = False
    store = Shared((bars.close,))
    with sharing(store):
        first = indicators.sma(bars.close.view(), 10)
        assert indicators.sma(bars.close.view(), 10) is first
        assert indicators.sma(bars.close, 11) is not first
        nested = indicators.ema(first, 3)
        assert indicators.ema(first, 3) is nested
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 1.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            first.flags.writeable = True
        own = bars.close * 2.0
        assert indicators.sma(own, 10) is not indicators.sma(own, 10)
    assert len(store) == 3
    assert indicators.sma(bars.close, 10) is not first
    np.testing.assert_array_equal(indicators.sma(bars.close, 10), first)


def test_a_store_forgets_the_longest_unused_beyond_its_size() -> None:
    bars = walk(100, 5)
    bars.close.flags.writeable = False
    store = Shared((bars.close,), most_bytes=3 * 800)
    with sharing(store):
        first = indicators.sma(bars.close, 2)
        for period in (3, 4, 5, 6):
            indicators.sma(bars.close, period)
        assert len(store) == 3
        again = indicators.sma(bars.close, 2)
        assert again is not first
        # Of an array that was forgotten nothing is kept: its place in memory may come to be another's.
        assert indicators.ema(first, 3) is not indicators.ema(first, 3)


def test_rows_that_are_traded_begin_with_a_fresh_book_and_warm_signals() -> None:
    lab = lab_of(Rising(), bars_of(np.r_[np.full(50, 100.0), np.arange(101.0, 351.0)]))
    whole, part = lab.run(), lab.run(Variant(first=100, last=200))
    assert len(part.equity) == 100
    assert part.open_ms[0] == whole.open_ms[100]
    assert part.start == 10_000.0
    # Wanted since row 50: decided on at the first close, filled at the next open. A cold strategy would wait 30 bars.
    assert part.fills.time_ms.tolist() == [part.open_ms[1]]
    assert part.final > 1_000_000_000_000


def test_a_late_wish_is_filled_as_many_bars_later() -> None:
    lab = lab_of(Cross(), walk(300, 7))
    prompt, late = lab.run(), lab.run(Variant(delay=2))
    step = lab.timeframe.ms
    both = min(len(prompt.fills), len(late.fills))
    assert both > 4
    np.testing.assert_array_equal(late.fills.time_ms[:both], prompt.fills.time_ms[:both] + 2 * step)


def test_settings_change_costs_and_nothing_else() -> None:
    lab = lab_of(Cross(), walk(300, 8))
    cheap = lab.run(Variant(settings={"costs.fee_bps": Decimal(0), "costs.maker_fee_bps": Decimal(0)}))
    dear = lab.run(Variant(settings={"costs.fee_bps": Decimal(50)}))
    assert cheap.stats["fees_paid"] == 0.0
    assert dear.stats["final_equity"] < cheap.stats["final_equity"]
    np.testing.assert_array_equal(dear.fills.time_ms, cheap.fills.time_ms)
    with pytest.raises(UsageError, match=r"no setting `costs\.fee_bp`"):
        lab.run(Variant(settings={"costs.fee_bp": 1}))


def test_a_lab_of_fewer_symbols_is_the_lab_they_would_have_alone() -> None:
    a, b = walk(300, 9), walk(300, 10, symbol="BBB/USD")
    both = lab_of(Cross(), a, b)
    assert both.only(["BBB/USD"]).run().digest == lab_of(Cross(), b).run().digest
    assert both.on([b]).symbols == both.symbols
    with pytest.raises(UsageError, match="none of"):
        both.only(["CCC/USD"])


def test_a_lab_travels_with_its_strategy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "strategies").mkdir(parents=True)
    text = "from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators\n\n\nclass Mine(Strategy):\n"
    text += "    n = Param(9, low=2, high=50)\n\n    def targets(self, bars: Bars) -> Levels:\n"
    text += "        return bars.close > indicators.sma(bars.close, self.n)\n"
    (home / "strategies" / "mine.py").write_text(text)
    wiring = Wiring.find(home, "plain", {"data.symbols": ["BTC/USD"]})
    lab = wiring.lab(wiring.request("mine", {"n": "12"}))
    again = pickle.loads(pickle.dumps(lab))  # noqa: S301 our own
    assert again.run().digest == lab.run().digest
    assert again.strategy().params == {"n": 12}


def test_a_combination_that_cannot_be_says_so() -> None:
    lab = lab_of(Cross(), walk(100, 11))
    with pytest.raises(StrategyError, match="fast must be below slow"):
        lab.run(Variant({"fast": 50}))


def test_figures_of_two_replays_are_reckoned_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_of(Cross(), walk(500, seed=3))
    outcomes = [lab.run(Variant(params={"fast": fast})) for fast in (3, 7)]
    alone = [dict(one.stats) for one in (lab.run(Variant(params={"fast": fast})) for fast in (3, 7))]
    met = Barrier(2, timeout=30)
    reckoned = Outcome._figures

    def meeting(outcome: Outcome) -> dict[str, float]:
        met.wait()
        return reckoned(outcome)

    monkeypatch.setattr(Outcome, "_figures", meeting)
    with ThreadPoolExecutor(2) as both:
        # Where one had to wait for the other, they would never meet, and the barrier breaks.
        assert list(both.map(lambda one: dict(one.stats), outcomes)) == alone


def test_bars_that_are_sealed_are_handed_on_as_they_are() -> None:
    lab = lab_of(Cross(), walk(300, seed=4))
    bars = lab.series[0]
    assert sealed(bars) is bars
    assert not any(getattr(bars, name).flags.writeable for name in ("open_ms", *COLUMNS))
    beside = replace(walk(300, seed=5), peers=(walk(300, seed=6),))
    assert sealed(beside) is not beside
    assert sealed(sealed(beside)).peers[0].close.flags.writeable is False
    half = replace(bars, peers=(walk(300, seed=6),))
    assert sealed(half).peers[0].close.flags.writeable is False


class Holder(Strategy):
    """Always holds, so that the account is what the price makes of it."""

    extra = Param(0, low=0, high=9)

    def targets(self, bars: Bars) -> Levels:
        return np.ones(len(bars))


def test_a_replay_beyond_the_range_of_exact_money_is_refused_as_a_backtest_is() -> None:
    bars = bars_of([10.0, 10.0, 10.0, 200.0, 200.0])
    with pytest.raises(UsageError, match="amounts are exact up to 40,000,000,000"):
        lab_of(Holder(), bars, cash="10000000000").run(Variant(params={"extra": 1}), exact=True)
    assert lab_of(Holder(), bars, cash="1000000000").run(exact=True).final > 15 * 10**9 * 10**8


def test_a_trial_beyond_the_range_of_exact_money_is_one_with_a_problem() -> None:
    bars = bars_of([10.0, 10.0, 10.0, 200.0, 200.0])
    trial = run_trial(lab_of(Holder(), bars, cash="10000000000"), 7, {"extra": 1})
    assert "amounts are exact up to 40,000,000,000" in trial.problem
    assert not trial.stats
