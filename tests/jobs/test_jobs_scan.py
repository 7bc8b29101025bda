"""A scan: what passes the filters by which number, what is wanted now, and in which order. Numbers worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from research import bars_of, lab_of, walk

from trader_cli.errors import DataError, StrategyError, UsageError
from trader_cli.jobs.plan import MAIN, Chosen, Request, WalletPlan
from trader_cli.jobs.scan import Gathered, Terms, gather_stored, scan
from trader_cli.jobs.scanning.asking import ask_all, one_each
from trader_cli.jobs.scanning.chain import chain
from trader_cli.jobs.scanning.filters import Limits, Measures, Traded, judge, left_out, measure
from trader_cli.jobs.scanning.signals import Protection, Sureness, newest
from trader_cli.jobs.scanning.telling import record_of, result_of
from trader_cli.jobs.scanning.universe import read_universe
from trader_cli.model.bars import Bars
from trader_cli.money import ONE
from trader_cli.strategy import Signals, Strategy, indicators

NAN = math.nan
OFF = Limits(
    late_bars=-1, volume=0, spread_bps=0, age_bars=0, order_pct=0, volume_bars=50, bypass_pct=0, bypass_bars=168
)
NO_LEVELS = Protection(0.0, 0.0, 0.0)
ANY = Sureness(0.0, 0.0, 0.0)


class Above(Strategy):
    """Hold above 100, with a stop at 90 and a take at 130."""

    def targets(self, bars: Bars) -> Signals:
        count = len(bars)
        return Signals(bars.close > 100, stop=np.full(count, 90.0), take=np.full(count, 130.0))


class Rising(Strategy):
    """Hold what rose; as sure as the close is high, in thousandths."""

    def targets(self, bars: Bars) -> Signals:
        rose = np.r_[False, np.diff(bars.close) > 0]
        return Signals(rose, confidence=np.clip(bars.close / 1000, 0, 1))


class Choosy(Strategy):
    """Fails on one symbol."""

    def targets(self, bars: Bars) -> Any:
        if bars.symbol == "BAD/USD":
            raise ValueError("no such coin")
        return np.ones(len(bars))


def request(*strategies: Strategy) -> Request:
    chosen = tuple(Chosen(type(one).__name__.lower(), one, "0" * 64) for one in strategies)
    lab = lab_of(strategies[0], bars_of([1.0, 2.0]))
    return replace(lab.request, wallets=(WalletPlan(MAIN, ONE, chosen),))


def terms(limits: Limits = OFF, sureness: Sureness = ANY, rank: str = "confidence", order: float = 100.0) -> Terms:
    return Terms(limits, NO_LEVELS, sureness, order, rank, 1, {"min_volume": "0"})


def said(
    target: Any, closes: Any = None, sureness: Sureness = ANY, protection: Protection = NO_LEVELS, **more: Any
) -> Any:
    bars = bars_of(closes if closes is not None else [100.0] * len(target))
    columns = {name: np.asarray(one, float) for name, one in more.items()}
    return newest("s", bars, Signals(np.asarray(target, float), **columns), protection, NAN, sureness)


# Laws.

LEVELS = st.lists(st.sampled_from([NAN, 0.0, -1.0, 0.5, 1.0]), min_size=1, max_size=12)


def plainly(levels: list[float]) -> tuple[str, int]:
    """State and age by walking over the bars, one at a time."""
    held, since = NAN, -1
    for i, level in enumerate(levels):
        if not math.isnan(level):
            since = -1 if level <= 0 else i if not held > 0 else since
            held = level
    if math.isnan(held):
        return "silent", -1
    if held <= 0:
        return "flat", -1
    return ("keep" if math.isnan(levels[-1]) else "act"), len(levels) - 1 - since


@given(LEVELS)
def test_state_and_age_are_those_of_a_walk_over_the_bars(levels: list[float]) -> None:
    found = said(levels)
    assert (found.state, found.age) == plainly(levels)


@given(st.permutations(range(6)))
def test_the_order_in_which_symbols_come_changes_nothing(order: list[int]) -> None:
    series = [walk(30, seed % 3, symbol=f"S{seed}/USD") for seed in range(6)]
    done = [
        scan(request(Rising(), Above()), Gathered(each, {}), terms()) for each in (series, [series[i] for i in order])
    ]
    assert done[0].ranks == done[1].ranks
    assert list(done[0].signals) == list(done[1].signals)


@given(
    st.floats(0, 1e6), st.floats(0, 500), st.integers(0, 500), st.floats(0, 10), st.integers(0, 5), st.floats(0, 1000)
)
def test_who_passes_still_passes_with_any_limit_turned_off(
    volume: float, spread: float, bars: int, order: float, late: int, move: float
) -> None:
    measures = Measures(bars, late, volume, spread, order, move)
    if left_out("A/USD", judge(measures, ON)) is None:
        for off in ({"late_bars": -1}, {"volume": 0.0}, {"spread_bps": 0.0}, {"age_bars": 0}, {"order_pct": 0.0}):
            assert left_out("A/USD", judge(measures, replace(ON, **off))) is None  # type: ignore[arg-type]


# What is wanted now.


@pytest.mark.parametrize(
    ("target", "state", "age", "level"),
    [
        ([0, 1, 1, 1], "act", 2, 1.0),
        ([0, 0, 0, 0.5], "act", 0, 0.5),
        ([1, 1, 1, 1], "act", 3, 1.0),
        ([1, NAN, NAN, 1], "act", 3, 1.0),  # silence between breaks nothing
        ([1, 0, NAN, 1], "act", 0, 1.0),
        ([0, 1, NAN, NAN], "keep", 2, 1.0),  # who holds may keep, who does not has no reason to buy
        ([1, 1, 0, NAN], "flat", -1, 0.0),
        ([1, 1, 1, -1], "flat", -1, -1.0),  # spot: below zero is flat
    ],
)
def test_the_age_of_a_wish_is_the_bars_since_it_began(target: Any, state: str, age: int, level: float) -> None:
    found = said(target)
    assert (found.state, found.age, found.target) == (state, age, level)


def test_who_never_spoke_is_silent() -> None:
    found = said([NAN, NAN])
    assert (found.state, found.age) == ("silent", -1)
    assert math.isnan(found.target)


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(
    ("confidence", "state"), [(0.6, "act"), (0.59, "look"), (0.3, "look"), (0.29, "weak"), (NAN, "weak")]
)
def test_a_signal_is_looked_at_from_one_confidence_and_acted_on_from_another(confidence: float, state: str) -> None:
    assert said([1, 1], confidence=[1.0, confidence], sureness=Sureness(0.3, 0.6, 0.0)).state == state


@pytest.mark.req("R1.1")
@pytest.mark.parametrize(("confidence", "state"), [(0.75, "look"), (0.7500001, "act")])
def test_a_purchase_must_exceed_the_confidence_of_the_risk_rules(confidence: float, state: str) -> None:
    assert said([1, 1], confidence=[1.0, confidence], sureness=Sureness(0.3, 0.6, 0.75)).state == state


def test_who_states_no_confidence_is_sure_and_not_said_to_be_so() -> None:
    found = said([1], sureness=Sureness(0.3, 0.6, 0.75))
    assert found.state == "act"
    assert math.isnan(found.confidence)
    assert found.score == 1.0


@pytest.mark.parametrize(
    ("stop", "take", "protection", "wanted"),
    [
        (90.0, 130.0, NO_LEVELS, (90.0, 130.0, 3.0)),
        (90.0, NAN, NO_LEVELS, (90.0, NAN, NAN)),
        (90.0, 130.0, Protection(0.05, 0.1, 0.0), (95.0, 110.0, 2.0)),  # the nearer of both counts
        (98.0, 104.0, Protection(0.05, 0.1, 0.0), (98.0, 104.0, 2.0)),
        (101.0, 99.0, NO_LEVELS, (NAN, NAN, NAN)),  # a stop above the price and a take below it are none
        (NAN, NAN, Protection(0.0, 0.1, 2.0), (NAN, 110.0, NAN)),  # the range is not known
    ],
)
def test_the_nearest_levels_count_and_give_reward_to_risk(
    stop: float, take: float, protection: Protection, wanted: tuple[float, float, float]
) -> None:
    found = said([1], stop=[stop], take=[take], protection=protection)
    assert (found.stop, found.take, found.reward_risk) == pytest.approx(wanted, nan_ok=True)


# Who is looked at.


@pytest.mark.req("R2.2")
def test_measures_by_hand() -> None:
    # Ten hourly bars at 2.0 with 50 base each: 100 quote a bar; an order of 5 takes 5 % of one.
    bars = bars_of([2.0] * 10, volume=[50.0] * 10, timeframe="1h")
    found = measure(bars, None, int(bars.open_ms[-1]) + 3 * 3_600_000 + 5, 5.0, OFF)
    assert found == Measures(10, 2, 1000.0, pytest.approx(NAN, nan_ok=True), 5.0, 0.0)


@pytest.mark.req("R2.2")
def test_the_venues_own_volume_and_spread_count_where_they_are_known() -> None:
    found = measure(bars_of([2.0] * 3), Traded(7e6, 99.0, 101.0), 0, 5.0, OFF)
    assert (found.volume, found.spread_bps) == (7e6, pytest.approx(200.0))
    assert math.isnan(Traded(1.0, 0.0, 101.0).spread_bps)
    assert math.isnan(Traded(1.0, 102.0, 101.0).spread_bps)


def test_a_day_of_weekly_bars_is_a_seventh_of_one() -> None:
    assert measure(bars_of([1.0, 1.0], timeframe="1w"), None, 0, 1.0, OFF).volume == pytest.approx(1000 / 7)


GOOD = Measures(bars=500, late_bars=0, volume=2e5, spread_bps=10.0, order_pct=0.5, move_pct=20.0)
ON = Limits(
    late_bars=1, volume=1e5, spread_bps=50, age_bars=200, order_pct=1.0, volume_bars=50, bypass_pct=500, bypass_bars=168
)


@pytest.mark.req("R2.2")
@pytest.mark.parametrize(
    ("measures", "wanted"),
    [
        (GOOD, None),
        (
            replace(GOOD, volume=1e5, spread_bps=50.0, bars=200, order_pct=1.0, late_bars=1),
            None,
        ),  # limits are inclusive
        (replace(GOOD, late_bars=2), ("late", 2, 1)),
        (replace(GOOD, volume=99_999.0), ("volume", 99_999, 1e5)),
        (replace(GOOD, spread_bps=50.1), ("spread", 50.1, 50)),
        (replace(GOOD, bars=199), ("age", 199, 200)),
        (replace(GOOD, order_pct=1.1), ("liquidity", 1.1, 1.0)),
        (replace(GOOD, order_pct=math.inf), ("liquidity", math.inf, 1.0)),  # nothing was traded
        (replace(GOOD, spread_bps=NAN), None),  # what is not known filters nobody
        (replace(GOOD, volume=0.0, bars=3), ("volume", 0, 1e5)),  # the first that fails is named
    ],
)
def test_each_filter_names_its_number_and_its_limit(measures: Measures, wanted: Any) -> None:
    found = left_out("A/USD", judge(measures, ON))
    assert (None if found is None else (found.filter, found.number, found.limit)) == wanted


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("move", "passes"), [(499.9, False), (500.0, True)])
def test_a_move_of_500_percent_passes_at_any_age_and_no_other_filter(move: float, passes: bool) -> None:
    young = replace(GOOD, bars=3, move_pct=move)
    assert (left_out("A/USD", judge(young, ON)) is None) == passes
    gone = left_out("A/USD", judge(replace(young, volume=1.0), ON))
    assert gone is not None
    assert gone.filter == "volume"


def test_the_bypass_measures_from_the_lowest_close_of_its_window() -> None:
    bars = bars_of([1.0, 10.0, 20.0, 60.0])
    assert measure(bars, None, 0, 1.0, replace(OFF, bypass_bars=2)).move_pct == pytest.approx(500.0)
    assert measure(bars, None, 0, 1.0, OFF).move_pct == pytest.approx(5900.0)


def test_a_filter_that_is_off_says_nothing() -> None:
    assert judge(GOOD, OFF) == ()


# The whole.


@pytest.mark.req("R4.6")
def test_every_strategy_answers_for_every_symbol() -> None:
    series = [bars_of([100.0, 101.0], symbol="A/USD"), bars_of([100.0, 99.0], symbol="B/USD")]
    done = scan(request(Above(), Rising()), Gathered(series, {}), terms())
    found = {name: {one.strategy: one.state for one in each} for name, each in done.signals.items()}
    assert found == {"A/USD": {"above": "act", "rising": "act"}, "B/USD": {"above": "flat", "rising": "flat"}}


def test_signals_are_ranked_by_what_to_do_then_confidence_then_age() -> None:
    series = [
        bars_of([100.0, 650.0], symbol="A/USD"),
        bars_of([100.0, 700.0], symbol="B/USD"),
        bars_of([100.0, 200.0], symbol="C/USD"),
        bars_of([100.0, 150.0], symbol="D/USD"),
        bars_of([200.0, 100.0], symbol="E/USD"),
    ]
    done = scan(request(Rising()), Gathered(series, {}), terms(sureness=Sureness(0.2, 0.6, 0.0)))
    assert list(done.signals) == ["B/USD", "A/USD", "C/USD", "D/USD", "E/USD"]
    assert [each[0].state for each in done.signals.values()] == ["act", "act", "look", "weak", "flat"]
    assert done.ranks == {
        ("B/USD", "rising"): 1,
        ("A/USD", "rising"): 2,
        ("C/USD", "rising"): 3,
        ("D/USD", "rising"): 4,
    }


def test_they_are_ranked_by_reward_to_risk_where_that_is_asked_for() -> None:
    # 105: 25 to 15; 110: 20 to 20.
    series = [bars_of([100.0, 110.0], symbol="A/USD"), bars_of([100.0, 105.0], symbol="B/USD")]
    done = scan(request(Above()), Gathered(series, {}), terms(rank="reward_risk"))
    assert [round(each[0].reward_risk, 6) for each in done.signals.values()] == [1.666667, 1.0]
    assert list(done.signals) == ["B/USD", "A/USD"]


@pytest.mark.req("R2.2")
def test_what_is_left_out_is_not_asked_and_every_symbol_is_accounted_for() -> None:
    series = [bars_of([100.0] * 5 + [101.0], symbol="A/USD"), bars_of([100.0, 101.0], symbol="B/USD")]
    done = scan(request(Above()), Gathered(series, {"C/USD": "its file is damaged"}), terms(replace(OFF, age_bars=5)))
    assert [(one.symbol, one.filter) for one in done.left_out] == [("B/USD", "age"), ("C/USD", "bars")]
    assert list(done.signals) == ["A/USD"]
    record = record_of(done, "scan-1", 7, "test", "symbols")
    result = result_of(done, record)
    assert (record.symbols, result["approved"], result["filtered"]) == (3, 1, {"age": 1, "bars": 1})
    assert result["approval_pct"] == pytest.approx(100 / 3)


def test_a_symbol_that_is_asked_why_is_asked_though_it_is_left_out_and_has_no_rank() -> None:
    done = scan(request(Above()), Gathered([bars_of([100.0, 101.0])], {}), terms(replace(OFF, age_bars=5)), ["AAA/USD"])
    assert done.signals["AAA/USD"][0].state == "act"
    assert done.ranks == {}
    assert record_of(done, "scan-1", 7, "test", "symbols").approved == ()


def test_late_is_measured_from_the_newest_close_of_all() -> None:
    late, fresh = bars_of([1.0] * 3, symbol="A/USD"), bars_of([1.0] * 5, symbol="B/USD")
    done = scan(request(Above()), Gathered([late, fresh], {}), terms(replace(OFF, late_bars=1)))
    assert [(one.symbol, one.filter, one.number) for one in done.left_out] == [("A/USD", "late", 2)]


def test_a_strategy_that_fails_on_one_symbol_is_named_and_the_rest_goes_on() -> None:
    series = [bars_of([100.0, 101.0], symbol=name) for name in ("A/USD", "BAD/USD", "C/USD")]
    done = scan(request(Above(), Choosy()), Gathered(series, {}), terms())
    assert {name: len(each) for name, each in done.signals.items()} == {"A/USD": 2, "C/USD": 2, "BAD/USD": 1}
    assert list(done.problems) == ["BAD/USD"]
    assert "no such coin" in done.problems["BAD/USD"]


def test_a_strategy_that_fails_on_all_ends_the_scan() -> None:
    with pytest.raises(StrategyError, match="no such coin"):
        scan(request(Choosy()), Gathered([bars_of([1.0], symbol="BAD/USD")], {}), terms())


def test_nothing_to_look_at_is_an_error_with_its_reason() -> None:
    with pytest.raises(DataError, match="its file is damaged"):
        scan(request(Above()), Gathered([], {"A/USD": "its file is damaged"}), terms())


def test_bars_of_two_lengths_are_refused() -> None:
    series = [bars_of([1.0]), bars_of([1.0], symbol="B/USD", timeframe="1h")]
    with pytest.raises(UsageError, match="bars of 1h and 1d"):
        scan(request(Above()), Gathered(series, {}), terms())


def test_any_number_of_threads_says_the_same() -> None:
    series = [walk(60, seed, symbol=f"S{seed}/USD") for seed in range(9)]
    wanted = one_each(request(Above(), Rising()))
    found = [ask_all(wanted, series, NO_LEVELS, ANY, workers) for workers in (1, 3)]
    assert repr(found[0]) == repr(found[1])


@pytest.mark.req("R4.6")
def test_a_scan_says_what_a_backtest_would_be_told_at_the_same_bar() -> None:
    """The newest row of the wishes, whoever asks: a scan over the first n bars is the row n-1 of all of them."""
    bars, wanted = walk(80, 3), one_each(request(Rising()))
    whole = Rising().targets(bars)
    for n in (2, 17, 40, 80):
        (signal,) = ask_all(wanted, [bars[:n]], NO_LEVELS, ANY, 1).signals["AAA/USD"]
        assert signal.target == float(whole.target[n - 1])
        assert signal.confidence == float(np.asarray(whole.confidence)[n - 1])


def test_stored_bars_that_cannot_be_read_are_named_and_the_rest_is_read() -> None:
    def load(symbol: str) -> list[Bars]:
        if symbol == "B/USD":
            raise DataError("its file is damaged")
        return [bars_of([1.0, 2.0], symbol=symbol)]

    found = gather_stored(["A/USD", "B/USD", "C/USD"], load)
    assert [one.symbol for one in found.series] == ["A/USD", "C/USD"]
    assert found.problems == {"B/USD": "its file is damaged"}


# Why.


@pytest.mark.req("X6")
def test_the_chain_names_bar_filters_indicators_signal_and_rank() -> None:
    class Averaged(Strategy):
        """Hold above the average."""

        def targets(self, bars: Bars) -> Any:
            return bars.close > indicators.sma(bars.close, 4)

    series = [bars_of([100.0, 101.0, 102.0, 109.0]), bars_of([100.0, 101.0], symbol="B/USD")]
    done = scan(request(Averaged()), Gathered(series, {}), terms(ON), ["AAA/USD"])
    told = chain(done, "AAA/USD")
    assert told["bar"]["close"] == 109.0
    assert [(one["filter"], one["passed"]) for one in told["filters"]] == [
        ("late", True), ("volume", True), ("spread", True), ("age", False), ("liquidity", True)
    ]  # fmt: skip
    assert told["left_out"]["filter"] == "age"
    (asked,) = told["strategies"]
    assert asked["indicators"] == {"sma(close, 4)": 103.0}
    assert (asked["signal"]["target"], asked["signal"]["rank"]) == (1.0, None)
    assert "states no confidence" in asked["verdict"]
    with pytest.raises(DataError, match="`C/USD` is not in the universe"):
        chain(done, "C/USD")


@pytest.mark.parametrize(
    ("confidence", "words"),
    [(0.9, "enough to act (from 0.6 and more than 0.75)"), (0.7, "not to act"), (0.1, "too little to look (from 0.3)")],
)
def test_the_chain_says_what_the_confidence_was_held_against(confidence: float, words: str) -> None:
    class Sure(Strategy):
        """As sure as it is told."""

        def targets(self, bars: Bars) -> Signals:
            return Signals(np.ones(len(bars)), confidence=np.full(len(bars), confidence))

    done = scan(request(Sure()), Gathered([bars_of([1.0])], {}), terms(sureness=Sureness(0.3, 0.6, 0.75)))
    assert words in chain(done, "AAA/USD")["strategies"][0]["verdict"]


# Universes in files.


def test_a_universe_is_a_symbol_a_line_each_once() -> None:
    text = "\ufeff# mine\nBTC/USD\n\n  ETH/USD  # the second\nBTC/USD\nAAPL\n"
    assert read_universe(text, "u.txt") == ("BTC/USD", "ETH/USD", "AAPL")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("BTC/USD\nBTC USD\n", "`u.txt`, line 2: 'BTC USD' is no symbol"),
        ("# none\n", "names no symbol"),
        ("../x\n", "line 1"),
    ],
)
def test_a_universe_that_is_none_is_refused_with_its_line(text: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        read_universe(text, "u.txt")
