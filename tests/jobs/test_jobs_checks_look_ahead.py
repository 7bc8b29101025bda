"""The check `look_ahead`: every series is tried, the finding names symbol, bar, time, column and cause."""

from __future__ import annotations

import numpy as np
import pytest
from research import lab_of, walk

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import excerpt
from trader_cli.jobs.checks.look_ahead import look_ahead
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status, Tried
from trader_cli.strategy import Levels, Param, Strategy, indicators

LIMITS = {"cuts": 20, "warm_up_bars": 60}


class Sound(Strategy):
    """An average."""

    period = Param(5)

    def targets(self, bars: Bars) -> Levels:
        return bars.close > indicators.sma(bars.close, self.period)


class OneSymbol(Strategy):
    """Knows the next close of one of the symbols."""

    def targets(self, bars: Bars) -> Levels:
        if bars.symbol != "BBB/USD":
            return bars.close > bars.open
        return np.append(bars.close[1:], np.nan) > bars.close


class Dice(Strategy):
    """Random."""

    def targets(self, bars: Bars) -> Levels:
        return np.random.default_rng().random(len(bars)) > 0.5


def _found(strategy: Strategy) -> CheckResult:
    lab = lab_of(strategy, walk(500, 1), walk(500, 2, symbol="BBB/USD"))
    return look_ahead(Bench(lab, lab.run(), Tried(0, (), None, {}), LIMITS, 1))


@pytest.mark.req("X1")
def test_a_sound_strategy_passes_on_every_series() -> None:
    found = _found(Sound())
    assert (found.status, found.number, found.limit) == (Status.PASS, 0.0, 0.0)
    assert "in each of 2 series, 1,000 bars" in found.message


@pytest.mark.req("X1")
def test_a_leak_in_one_symbol_is_found_there() -> None:
    found = _found(OneSymbol())
    assert found.status is Status.FAIL
    rows = found.details["findings"]
    assert {one["symbol"] for one in rows} == {"BBB/USD"}
    assert {one["cause"] for one in rows} == {"it looks 1 bar ahead; it reads the coming `close`"}
    assert found.message.startswith("it looks 1 bar ahead; it reads the coming `close`: on BBB/USD, bar ")
    assert rows[0]["time"].endswith("Z")
    assert rows[0]["field"] == "target"


def test_two_answers_to_one_question_cannot_be_judged() -> None:
    found = _found(Dice())
    assert found.status is Status.WARN
    assert "two answers" in found.message
    assert found.hint == "see `determinism`"


def test_a_long_series_is_tried_in_part_and_the_part_grows_until_the_strategy_speaks() -> None:
    bars = walk(5000, 1)
    assert len(excerpt(bars, Sound(), LIMITS, 1)) == 600
    assert len(excerpt(bars, Sound(period=700), LIMITS, 1)) == 1200
    assert len(excerpt(bars[:599], Sound(), LIMITS, 1)) == 599
    one, two = (excerpt(bars, Sound(), LIMITS, seed).open_ms[0] for seed in (1, 2))
    assert one != two
