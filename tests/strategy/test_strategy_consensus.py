"""How far the timeframes agree, bar by bar: what is seen when, and what it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from trader_cli.errors import StrategyError, UsageError
from trader_cli.model.bars import Bars
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Levels, Param, Signals, Strategy, indicators
from trader_cli.strategy.base import compute
from trader_cli.strategy.consensus import Resample, agree, scaled
from trader_cli.strategy.laws import check_lookahead

pytestmark = pytest.mark.req("R1.1")

NAN = np.nan
MINUTE_MS = 60_000
M1, M5, M15 = (Timeframe.parse(text) for text in ("1m", "5m", "15m"))
ALL = (M1, M5, M15)


def _bars(minutes: list[int], closes: list[float], peers: tuple[Bars, ...] = ()) -> Bars:
    close = np.array(closes, dtype=np.float64)
    stamps = np.array(minutes, dtype=np.int64) * MINUTE_MS
    return Bars("X/USD", "x", M1, stamps, close, close, close, close, np.ones(len(close)), peers)


def _walk(count: int, seed: int, gaps: float) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.002, count))
    high, low = close * (1.0 + rng.exponential(0.001, count)), close / (1.0 + rng.exponential(0.001, count))
    stamps = np.cumsum(np.where(rng.random(count) < gaps, rng.integers(2, 40, count), 1)) * MINUTE_MS
    return Bars("X/USD", "x", M1, stamps, close, high, low, close, rng.gamma(2.0, 10.0, count))


class ByClose(Strategy):
    """Hold always, as sure as the close is high."""

    def targets(self, bars: Bars) -> Signals:
        return Signals(target=np.ones(len(bars)), confidence=bars.close / 100.0)


class ByTimeframe(Strategy):
    """Say one level and one confidence on each timeframe; NaN for none."""

    levels = Param("1 1 1")
    confidences = Param("nan nan nan")

    def targets(self, bars: Bars) -> Signals:
        place = ALL.index(bars.timeframe)
        level, confidence = (float(text.split()[place]) for text in (self.levels, self.confidences))
        return Signals(target=np.full(len(bars), level), confidence=np.full(len(bars), confidence))


class Trend(Strategy):
    """Hold above the average; everything a strategy can say, from the bars as they are."""

    window = Param(4, low=1, high=50)

    def targets(self, bars: Bars) -> Signals:
        mean = indicators.sma(bars.close, self.window)
        confidence = np.clip(0.5 + 50.0 * (bars.close / mean - 1.0), 0.0, 1.0)
        stop = bars.close - 2.0 * indicators.atr(bars.high, bars.low, bars.close, self.window)
        held = np.where(np.isnan(mean), NAN, bars.close > mean)
        return Signals(target=held, confidence=confidence, stop=stop, take=bars.high * 1.1, limit=bars.low)


def _confidence(signals: Signals) -> np.ndarray:
    assert signals.confidence is not None
    return signals.confidence


def test_a_table_of_bars_a_coarser_bar_is_seen_by_the_bar_that_closes_with_it() -> None:
    # minute: 0   1   2   3   4   5   6   7   8   9   10  11  12  13  14  15  16
    closes = [60, 30, 90, 30, 60, 90, 30, 60, 90, 30, 60, 90, 30, 60, 90, 30, 60]
    # What each bar sees of 5m and of 15m. The bar of minute 4 closes at 5:00 with the first 5m bar, whose close is
    # its own, 60; the bar of minute 3 closes at 4:00 and sees none. Minute 9 closes the second one at 30, minute 14
    # the third at 90, and the first of 15m, 90 too.
    five = [0, 0, 0, 0, 60, 60, 60, 60, 60, 30, 30, 30, 30, 30, 90, 90, 90]
    fifteen = [0] * 14 + [90, 90, 90]
    # Worked out: (60 + 0 + 0) / 3 / 100 at minute 0, (60 + 60 + 0) / 300 at 4, (90 + 60) / 300 at 5, (30 + 30) / 300
    # at 9, (90 + 90 + 90) / 300 at 14, (30 + 90 + 90) / 300 at 15, (60 + 90 + 90) / 300 at 16.
    expected = [
        *(0.2, 0.1, 0.3, 0.1),
        *(0.4, 0.5, 0.3, 0.4, 0.5),
        *(0.2, 0.3, 0.4, 0.2, 0.3),
        *(0.9, 0.7, 0.8),
    ]
    np.testing.assert_allclose((np.array(closes) + five + fifteen) / 300.0, expected, rtol=1e-15)
    got = agree(ByClose(), _bars(list(range(17)), [float(each) for each in closes]), ALL, resample)
    assert _confidence(got).tolist() == expected


def test_where_the_closing_bar_is_missing_the_next_one_sees_the_coarser_bar() -> None:
    # Minute 4 is missing: the 5m bar of minutes 0 to 3 closes at 5:00 with the 30 of minute 3; minute 3 itself closes
    # at 4:00 and does not see it, minute 5 closes at 6:00 and does.
    bars = _bars([0, 3, 5, 6], [60.0, 30.0, 90.0, 60.0])
    got = agree(ByClose(), bars, (M1, M5), resample)
    assert _confidence(got).tolist() == [0.3, 0.15, 0.6, 0.45]


def test_a_coarser_bar_without_bars_leaves_the_one_before_in_sight() -> None:
    # Minutes 5 to 11 are missing: no 5m bar of 5:00, and that of 10:00 is not over at 13:00.
    bars = _bars([0, 1, 2, 3, 4, 12, 13, 14], [60.0, 60.0, 60.0, 60.0, 40.0, 80.0, 80.0, 20.0])
    got = agree(ByClose(), bars, (M1, M5), resample)
    assert _confidence(got).tolist() == [0.3, 0.3, 0.3, 0.3, 0.4, 0.6, 0.6, 0.2]


def test_bars_that_begin_within_a_coarser_bar_count_what_there_is_of_it() -> None:
    got = agree(ByClose(), _bars([3, 4, 5], [60.0, 20.0, 40.0]), (M1, M5), resample)
    assert _confidence(got).tolist() == [0.3, 0.2, 0.3]


@pytest.mark.parametrize(
    ("levels", "confidences", "expected"),
    [
        pytest.param("1 1 1", "0.9 0.6 0.3", 0.6, id="the mean"),
        pytest.param("1 1 1", "1 0.75 0.5", 0.75, id="0.75 is 0.75"),
        pytest.param("0.5 0.1 2", "0.9 0.6 0.3", 0.6, id="any level above 0 wants to hold"),
        pytest.param("1 0 1", "0.9 0.6 0.3", 0.4, id="flat counts 0, however sure"),
        pytest.param("1 -1 1", "0.9 0.6 0.3", 0.4, id="short counts 0"),
        pytest.param("1 nan 1", "0.9 0.6 0.3", 0.4, id="no opinion counts 0"),
        pytest.param("nan nan nan", "0.9 0.6 0.3", 0.0, id="no opinion at all"),
        pytest.param("1 1 0", "nan 0.5 nan", 0.5, id="not stated counts 1 where it wants to hold"),
        pytest.param("1 1 1", "nan nan nan", 1.0, id="all want to, none says how sure"),
    ],
)
def test_what_each_timeframe_counts(levels: str, confidences: str, expected: float) -> None:
    bars = _bars(list(range(15)), [50.0] * 15)
    got = agree(ByTimeframe(levels=levels, confidences=confidences), bars, ALL, resample)
    assert _confidence(got)[-1] == expected


def test_a_strategy_that_never_states_a_confidence_counts_1_on_each_timeframe() -> None:
    class Always(Strategy):
        def targets(self, bars: Bars) -> Levels:
            return np.ones(len(bars), dtype=bool)

    got = agree(Always(), _bars(list(range(16)), [50.0] * 16), (M1, M5), resample)
    assert _confidence(got).tolist() == [0.5] * 4 + [1.0] * 12


@given(one=some.integers(25, 100), other=some.integers(25, 100))
def test_decimal_confidences_that_mean_three_quarters_are_not_above_it(one: int, other: int) -> None:
    third = 225 - one - other
    if not 0 <= third <= 100:
        return
    confidences = f"{one / 100} {other / 100} {third / 100}"
    got = agree(ByTimeframe(confidences=confidences), _bars(list(range(15)), [50.0] * 15), ALL, resample)
    assert _confidence(got)[-1] == 0.75
    assert not _confidence(got)[-1] > 0.75


def test_everything_but_the_confidence_is_said_by_the_base_bars_alone() -> None:
    bars = _walk(200, seed=2, gaps=0.1)
    alone, together = compute(Trend(), bars), agree(Trend(), bars, ALL, resample)
    for name in ("target", "stop", "take", "limit"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
    assert together.keep is None
    assert together.trigger is None
    assert not np.array_equal(_confidence(together), _confidence(alone))


def test_one_timeframe_agrees_with_itself() -> None:
    got = agree(ByClose(), _bars([0, 1], [60.0, 70.0]), (M1,), resample)
    assert _confidence(got).tolist() == [0.6, 0.7]


@given(count=some.integers(0, 120), seed=some.integers(0, 2**32 - 1), gaps=some.sampled_from([0.0, 0.2, 0.9]))
def test_the_consensus_is_what_each_bar_would_have_found_by_itself(count: int, seed: int, gaps: float) -> None:
    # Bar by bar, from the bars up to it: the mean of the last row of each timeframe whose close is not after its own.
    bars = _walk(count, seed, gaps)
    got = _confidence(agree(Trend(), bars, ALL, resample))
    assert ((got >= 0.0) & (got <= 1.0)).all()
    for row in range(0, count, 5):
        known = bars[: row + 1]
        parts = []
        for timeframe in ALL:
            seen = resample(known, timeframe)
            said = compute(Trend(), seen)
            wanted = len(seen) > 0 and said.target[-1] > 0.0
            parts.append(float(_confidence(said)[-1]) if wanted else 0.0)
        assert got[row] == pytest.approx(sum(parts) / 3.0, abs=1e-12)


class Agreed(Strategy):
    """The consensus of a strategy, as a strategy, so that the law can be asked."""

    window = Param(4, low=1, high=50)
    source: Resample = staticmethod(resample)

    def targets(self, bars: Bars) -> Signals:
        return agree(Trend(window=self.window), bars, ALL, self.source)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("window", [1, 7])
def test_the_consensus_does_not_look_ahead_at_60_cuts_with_poisoned_futures(gaps: float, window: int) -> None:
    assert check_lookahead(Agreed(window=window), _walk(700, seed=4, gaps=gaps), cuts=60, seed=2) == []


def test_coarser_bars_shown_one_bar_early_are_caught_by_the_law() -> None:
    def early(bars: Bars, timeframe: Timeframe) -> Bars:
        coarse = resample(bars, timeframe)
        return replace(coarse, open_ms=coarse.open_ms - MINUTE_MS)

    class Leaking(Agreed):
        source = staticmethod(early)

    assert check_lookahead(Leaking(), _walk(300, seed=4, gaps=0.0), cuts=60, seed=2)


class ByPeer(Strategy):
    """As sure as the other venue's close of the same bar is high; no opinion where it has none."""

    def targets(self, bars: Bars) -> Signals:
        peer = bars.peers[0]
        assert peer.timeframe == bars.timeframe
        at = np.searchsorted(peer.open_ms, bars.open_ms).clip(max=max(len(peer) - 1, 0))
        there = peer.open_ms[at] == bars.open_ms if len(peer) else np.zeros(len(bars), dtype=bool)
        close = peer.close[at] if len(peer) else np.zeros(len(bars))
        return Signals(target=np.where(there, 1.0, NAN), confidence=np.where(there, close / 100.0, NAN))


def test_peers_are_asked_on_the_same_timeframe() -> None:
    peer = _bars(list(range(10)), [40.0] * 4 + [80.0] * 6)
    got = agree(ByPeer(), _bars(list(range(10)), [50.0] * 10, (peer,)), (M1, M5), resample)
    assert _confidence(got).tolist() == [0.2] * 4 + [0.8] * 6


@given(seed=some.integers(0, 2**32 - 1))
def test_a_peer_with_holes_is_not_seen_before_its_bars_are_closed(seed: int) -> None:
    # The peer's minute 4 may be missing: its 5m bar is then complete only with a later bar of its own.
    rng = np.random.default_rng(seed)
    minutes = [minute for minute in range(40) if rng.random() < 0.7]
    peer = _bars(minutes, rng.uniform(0.0, 100.0, len(minutes)).tolist())
    bars = _bars(list(range(40)), [50.0] * 40, (peer,))
    whole = _confidence(agree(ByPeer(), bars, ALL, resample))
    for cut in range(1, 41):
        known = _confidence(agree(ByPeer(), bars[:cut], ALL, resample))
        np.testing.assert_array_equal(known, whole[:cut])


def test_a_strategy_is_asked_on_each_timeframe_by_an_instance_of_its_own() -> None:
    class Remembering(Strategy):
        window = Param(2, low=1, high=9)

        def targets(self, bars: Bars) -> Levels:
            kept: dict[str, Any] = self.__dict__
            kept.setdefault("kept", bars.close > 0.0)
            assert self.window == 5
            held: Levels = kept["kept"]
            return held

    got = agree(Remembering(window=5), _bars(list(range(20)), [50.0] * 20), ALL, resample)
    assert _confidence(got)[-1] == 1.0


def test_what_the_strategy_raises_on_a_coarser_timeframe_is_an_error_that_names_it() -> None:
    class Breaking(Strategy):
        def targets(self, bars: Bars) -> Levels:
            return bars.close if bars.timeframe == M1 else bars.close[:1]

    with pytest.raises(StrategyError, match=r"strategy `Breaking` on `X/USD`: `target` has shape \(1,\)"):
        agree(Breaking(), _bars(list(range(20)), [50.0] * 20), ALL, resample)


def test_no_bars_have_no_opinion() -> None:
    assert _confidence(agree(ByClose(), _bars([], []), ALL, resample)).shape == (0,)


@pytest.mark.parametrize(
    ("timeframes", "message"),
    [
        ((), "no timeframe to agree on"),
        ((M5, M15), "the first timeframe is 5m, the bars of `X/USD` are of 1m"),
        ((M1, M15, M5), "the timeframes 1m, 15m, 5m do not rise"),
        ((M1, M5, M5), "the timeframes 1m, 5m, 5m do not rise"),
    ],
)
def test_timeframes_that_cannot_be_meant_are_refused(timeframes: tuple[Timeframe, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        agree(ByClose(), _bars([0, 1], [1.0, 1.0]), timeframes, resample)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("1m", ["1m", "5m", "15m"]),
        ("5m", ["5m", "25m", "75m"]),
        ("30m", ["30m", "150m", "450m"]),
        ("4h", ["4h", "20h", "60h"]),
        ("1d", ["1d", "5d", "15d"]),
    ],
)
def test_the_ratios_are_kept_on_another_base(base: str, expected: list[str]) -> None:
    assert [str(each) for each in scaled(ALL, Timeframe.parse(base))] == expected


def test_ratios_that_are_not_whole_are_refused() -> None:
    with pytest.raises(UsageError, match="5m bars cannot be made from 2m bars"):
        scaled((Timeframe.parse("2m"), M5), M1)


@given(base=some.sampled_from(["1m", "30m", "4h", "1d", "1w"]), count=some.integers(1, 100))
def test_scaled_timeframes_can_be_agreed_on(base: str, count: int) -> None:
    timeframe = Timeframe.parse(base)
    first = timeframe.floor(1_500_000_000_000)
    stamps = first + np.arange(count, dtype=np.int64) * timeframe.ms
    bars = replace(_walk(count, 1, 0.0), timeframe=timeframe, open_ms=stamps)
    got = agree(Trend(), bars, scaled(ALL, timeframe), resample)
    assert _confidence(got).shape == (count,)
