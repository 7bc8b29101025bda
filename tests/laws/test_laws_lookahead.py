"""Law 1, no look-ahead: every built-in strategy keeps it on all kinds of bars, and every planted leak is caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from trader_cli.errors import StrategyError
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Levels, Param, Signals, Strategy, aligned, earlier, indicators, latch
from trader_cli.strategy.laws import check_lookahead
from trader_cli.strategy.loader import Library

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = Library(None, REPOSITORY / "strategies")
NAMES = LIBRARY.names()
HOUR_MS = 3_600_000

# Windows short enough that a series of a few dozen bars trades.
SHORT: dict[str, dict[str, object]] = {
    "demo_ma": {"fast": 2, "slow": 5},
    "trend_breakout": {"fast": 2, "slow": 5, "atr_period": 2},
    "mean_reversion": {"fast": 5, "slow": 20, "atr_period": 2, "stop_atr": 2.0, "enter_rsi": 50.0, "enter_z": 0.0},
    "momentum": {"fast": 2, "slow": 20, "act": 0.1, "look": 0.05, "min_age": 30, "bypass_pct": 20.0},
    "grid": {"fast": 2, "slow": 10, "steps": 3, "max_adx": 80.0, "step_atr": 0.1, "min_step_bps": 1.0},
    "arbitrage": {"cost_bps": 5.0, "margin_bps": 5.0},
    "volatility": {"fast": 5, "slow": 20, "target_volatility": 0.3},
}


def _walk(count: int, seed: int, *, volatility: float = 0.02, gaps: float = 0.0, decimals: int | None = None) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, volatility, count).clip(-0.5, 0.5))
    if decimals is not None:
        close = np.round(close, decimals) + 10.0**-decimals
    opens = close * (1.0 + rng.normal(0.0, volatility / 4, count).clip(-0.2, 0.2))
    high = np.maximum(opens, close) * (1.0 + rng.exponential(volatility / 4, count))
    low = np.minimum(opens, close) / (1.0 + rng.exponential(volatility / 4, count))
    steps = np.where(rng.random(count) < gaps, rng.integers(2, 50, count), 1)
    stamps = 1_500_000_400_000 // HOUR_MS * HOUR_MS + np.cumsum(steps) * HOUR_MS
    return Bars("X/USD", "x", Timeframe(HOUR_MS), stamps, opens, high, low, close, rng.gamma(2.0, 10.0, count))


def _with_a_peer(bars: Bars, seed: int, *, holes: float = 0.2) -> Bars:
    """The same bars beside those of a second venue, which strays from them by some 1 % and has holes of its own."""
    rng = np.random.default_rng(seed)
    there = np.flatnonzero(rng.random(len(bars)) >= holes)
    factors = 1.0 + rng.normal(0.0, 0.01, len(there)) * (rng.random(len(there)) < 0.3)
    columns = {name: getattr(bars, name)[there] * factors for name in ("open", "high", "low", "close")}
    peer = replace(bars, exchange="y", open_ms=bars.open_ms[there], volume=bars.volume[there], **columns)
    return replace(bars, peers=(peer,))


def _read(path: Path, symbol: str, length_ms: int) -> Bars:
    table = pq.read_table(path)
    columns = {column: table[column].to_numpy() for column in COLUMNS}
    return Bars(symbol, "x", Timeframe(length_ms), table["timestamp"].to_numpy(), **columns)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("params", [pytest.param(None, marks=pytest.mark.deep), SHORT], ids=["default", "short"])
def test_every_built_in_strategy_keeps_law_1_at_50_cuts(name: str, params: dict[str, dict[str, object]] | None) -> None:
    strategy = LIBRARY.load(name).cls(**(params or {}).get(name, {}))
    bars = _with_a_peer(_walk(900, seed=1), seed=4)
    assert check_lookahead(strategy, bars, cuts=50, seed=3) == []


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=some.integers(1, 160),
    seed=some.integers(0, 2**32 - 1),
    volatility=some.sampled_from([0.0, 1e-6, 0.02, 0.3]),
    gaps=some.sampled_from([0.0, 0.2]),
    decimals=some.sampled_from([None, 2, 0]),
)
def test_no_strategy_looks_ahead_on_any_bars(
    name: str, count: int, seed: int, volatility: float, gaps: float, decimals: int | None
) -> None:
    bars = _with_a_peer(_walk(count, seed, volatility=volatility, gaps=gaps, decimals=decimals), seed)
    strategy = LIBRARY.load(name).cls(**SHORT[name])
    assert check_lookahead(strategy, bars, cuts=8, seed=seed) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_strategy_looks_ahead_on_the_sample_data(name: str) -> None:
    path = REPOSITORY / "data" / "us-stocks" / "AAPL-1d.parquet"
    if not path.is_file():
        pytest.skip("the sample data is not here")
    bars = _read(path, "AAPL", 24 * HOUR_MS)
    assert check_lookahead(LIBRARY.load(name).cls(), bars, cuts=10, seed=0) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_strategy_looks_ahead_on_minutes_with_real_holes(name: str, shared_data: Path) -> None:
    bars = _read(shared_data / "defects" / "bitfinex" / "BTC-USD-1m.parquet", "BTC/USD", 60_000)[2_000:6_000]
    assert check_lookahead(LIBRARY.load(name).cls(), bars, cuts=10, seed=0) == []


class PeekingAtThePeer(Strategy):
    """Knows the next close of the other venue."""

    def targets(self, bars: Bars) -> Levels:
        coming = np.append(aligned(bars.peers[0], bars)[1:], np.nan)
        return coming > bars.close


class CountsThePeer(Strategy):
    """Knows how many bars the other venue will have."""

    def targets(self, bars: Bars) -> Levels:
        return np.full(len(bars), len(bars.peers[0]) % 7 > 3)


class ShiftedByOne(Strategy):
    """Knows the next close: `shift(-1)`."""

    def targets(self, bars: Bars) -> Levels:
        coming = np.append(bars.close[1:], np.nan)
        return coming > bars.close


class ScaledByTheWhole(Strategy):
    """Compares with the mean of the whole series."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close > bars.close.mean()


class CentredWindow(Strategy):
    """An average centred on its bar: five bars of it are still to come."""

    def targets(self, bars: Bars) -> Levels:
        mean = np.convolve(bars.close, np.ones(11) / 11.0, mode="same")
        return bars.close > mean


class FilledBackward(Strategy):
    """A pandas frame filled backward after thinning."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        weekly = close.iloc[6::7].reindex(close.index).bfill()
        return (weekly > close).to_numpy()


class LeakingConfidence(Strategy):
    """A clean target beside a confidence scaled to its highest ever."""

    def targets(self, bars: Bars) -> Signals:
        spread = indicators.std(bars.close, 10)
        confidence = np.nan_to_num(spread) / max(float(np.nanmax(spread, initial=1e-9)), 1e-9)
        return Signals(target=latch(bars.close > bars.open, bars.close < bars.open), confidence=confidence)


class LeakingStop(Strategy):
    """Its stop is the low of the next bar."""

    def targets(self, bars: Bars) -> Signals:
        return Signals(target=np.ones(len(bars)), stop=np.append(bars.low[1:], np.nan))


class SellsAtTheEnd(Strategy):
    """Knows where the series ends."""

    def targets(self, bars: Bars) -> Levels:
        target = np.ones(len(bars))
        target[-1:] = 0.0
        return target


class KnowsTheStartOnly(Strategy):
    """Not a leak: it depends on where the series begins."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close > bars.close[:1].sum()


class ReadsThirtyAhead(Strategy):
    """Looks thirty bars ahead, and only where the price has risen by then."""

    ahead = Param(30)

    def targets(self, bars: Bars) -> Levels:
        coming = np.full(len(bars), np.nan)
        coming[: max(0, len(bars) - self.ahead)] = bars.close[self.ahead :]
        return coming > bars.close * 1.1


class Remembers(Strategy):
    """Keeps its first answer in the class, so that later ones come from other bars."""

    seen: ClassVar[list[float]] = []

    def targets(self, bars: Bars) -> Levels:
        self.seen.append(1.0)
        return bars.close > 100.0 + len(self.seen)


LEAKS = [
    ShiftedByOne,
    ScaledByTheWhole,
    CentredWindow,
    FilledBackward,
    LeakingConfidence,
    LeakingStop,
    SellsAtTheEnd,
    ReadsThirtyAhead,
]


@pytest.mark.req("X1")
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_caught(leak: type[Strategy]) -> None:
    findings = check_lookahead(leak(), _walk(400, seed=2), cuts=50, seed=0)
    assert findings
    assert any(finding.bar < finding.cut for finding in findings)


@pytest.mark.req("X1")
@pytest.mark.parametrize("leak", [PeekingAtThePeer, CountsThePeer], ids=lambda leak: leak.__name__)
def test_a_leak_from_another_venue_is_caught(leak: type[Strategy]) -> None:
    findings = check_lookahead(leak(), _with_a_peer(_walk(400, seed=2), seed=5), cuts=50, seed=0)
    assert any(finding.bar < finding.cut for finding in findings)


def test_a_leak_from_another_venue_alone_is_seen_through_its_poison() -> None:
    # Only the values of the peer that come later are changed: no prefix is needed to see it.
    findings = check_lookahead(PeekingAtThePeer(), _with_a_peer(_walk(400, seed=2), seed=5, holes=0.0), cuts=50)
    assert {finding.test for finding in findings} >= {"nan", "noise", "other"}
    assert {finding.cut - finding.bar for finding in findings} == {1}


def test_bars_of_a_peer_from_before_the_first_bar_are_no_future() -> None:
    class CountsTheEarly(Strategy):
        def targets(self, bars: Bars) -> Levels:
            return np.full(len(bars), float((bars.peers[0].open_ms < bars.open_ms[:1].sum()).sum()) / 1000.0)

    whole = _with_a_peer(_walk(200, seed=2), seed=5)
    assert check_lookahead(CountsTheEarly(), replace(whole[50:], peers=whole.peers), cuts=20) == []


def test_a_leak_of_one_bar_is_located_at_the_last_row_before_each_cut() -> None:
    bars = _walk(400, seed=2)
    findings = check_lookahead(ShiftedByOne(), bars, cuts=50, seed=0)
    assert {finding.cut - finding.bar for finding in findings} == {1}
    first = findings[0]
    assert first.field == "target"
    assert {first.expected, first.got} == {0.0, 1.0}
    assert "it looks 1 or more bars ahead" in str(first)
    assert first.time.endswith("Z")
    assert np.datetime64(first.time[:-1], "ms").astype(np.int64) == bars.open_ms[first.bar]


def test_the_column_that_leaks_is_named() -> None:
    bars = _walk(400, seed=2)
    assert {one.field for one in check_lookahead(LeakingConfidence(), bars)} == {"confidence"}
    assert {one.field for one in check_lookahead(LeakingStop(), bars)} == {"stop"}


def test_the_reach_of_a_leak_is_seen_when_enough_cuts_are_made() -> None:
    findings = check_lookahead(ReadsThirtyAhead(), _walk(300, seed=4, volatility=0.05), cuts=300)
    assert max(finding.cut - finding.bar for finding in findings) == 30


def test_a_strategy_that_answers_differently_when_asked_again_is_caught() -> None:
    Remembers.seen.clear()
    findings = check_lookahead(Remembers(), _walk(200, seed=2), cuts=5)
    again = [finding for finding in findings if finding.test == "again"]
    assert len(again) == 1
    assert "asked again" in str(again[0])


def test_depending_on_the_start_is_no_leak() -> None:
    assert check_lookahead(KnowsTheStartOnly(), _walk(300, seed=2)) == []


def test_nan_equals_nan() -> None:
    class NoOpinion(Strategy):
        def targets(self, bars: Bars) -> Levels:
            return np.full(len(bars), np.nan)

    assert check_lookahead(NoOpinion(), _walk(60, seed=2)) == []


def test_a_strategy_that_fails_on_a_poisoned_future_is_a_finding() -> None:
    class Fussy(Strategy):
        def targets(self, bars: Bars) -> Levels:
            if np.isnan(bars.close).any():
                raise ValueError("a hole in the closes")
            return bars.close > earlier(bars.close, 1)

    findings = check_lookahead(Fussy(), _walk(100, seed=2), cuts=5)
    assert {finding.test for finding in findings} == {"nan"}
    assert "a hole in the closes" in str(findings[0])


def test_a_column_that_is_only_sometimes_there_is_a_finding() -> None:
    class Sometimes(Strategy):
        def targets(self, bars: Bars) -> Signals:
            return Signals(target=np.ones(len(bars)), stop=bars.low if len(bars) > 50 else None)

    findings = check_lookahead(Sometimes(), _walk(100, seed=2), cuts=100)
    assert {finding.cut for finding in findings} == set(range(1, 51))
    assert "only sometimes there" in str(findings[0])


def test_a_strategy_that_fails_on_sound_bars_is_an_error_not_a_finding() -> None:
    class Broken(Strategy):
        def targets(self, bars: Bars) -> Levels:
            raise ValueError("no")

    with pytest.raises(StrategyError, match="ValueError: no"):
        check_lookahead(Broken(), _walk(20, seed=2))


def test_the_same_seed_makes_the_same_cuts_and_a_short_series_is_cut_everywhere() -> None:
    bars = _walk(300, seed=2)
    one, two, other = (check_lookahead(ShiftedByOne(), bars, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert [finding.cut for finding in one] != [finding.cut for finding in other]
    cuts = {finding.cut for finding in check_lookahead(SellsAtTheEnd(), bars[:20])}
    assert cuts == set(range(1, 20))


def test_no_bars_and_one_bar_have_nothing_to_find() -> None:
    bars = _walk(5, seed=2)
    assert check_lookahead(SellsAtTheEnd(), bars[:0]) == []
    assert check_lookahead(SellsAtTheEnd(), bars[:1]) == []
