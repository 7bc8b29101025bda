"""fragility: one thing changed at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from evidence import FREE, Turns, bench_of, free_bench, paying
from research import bars_of, lab_of, walk

from trader_cli.errors import DataError
from trader_cli.jobs.checks.fragility import fragility, shifted
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Levels, Param, Strategy

GOOD = (0.02, -0.01)


class Fixed(Turns):
    """The same, with nothing to move."""

    length = Param(2, low=2, high=2)


class Refuses(Turns):
    """Has one value it takes."""

    def targets(self, bars: Bars) -> Levels:
        if self.length != 2:
            raise ValueError("it must be 2")
        return super().targets(bars)


class Always(Strategy):
    """Holds from the first bar on."""

    def targets(self, bars: Bars) -> Levels:
        return np.ones(len(bars))


class Finer:
    """A source that has these bars and makes coarser ones of them, none finer."""

    def __init__(self, *series: Bars) -> None:
        self.series = {one.symbol: one for one in series}

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        one = self.series[symbol]
        if timeframe is None or timeframe.ms % one.timeframe.ms:
            raise DataError("no such bars")
        return resample(one, timeframe).between(since_ms, until_ms)

    def digest(self, bars: Bars) -> str:
        raise NotImplementedError


def changes(found: Any, kind: str) -> list[dict[str, Any]]:
    return [one for one in found.details["changes"] if one["kind"] == kind]


@pytest.mark.req("X3")
def test_many_small_profits_in_several_symbols_are_not_fragile() -> None:
    bars = [paying((400, GOOD), symbol=f"{name}/USD") for name in "ABCD"]
    lab = lab_of(Fixed(), *bars, **{**FREE, "sizing__fraction": "0.25"})
    found = fragility(bench_of(lab))
    assert found.status is Status.PASS
    assert len(changes(found, "symbol")) == 4
    # A fourth of the money earned the growth of each: about three fourths stay without one.
    assert changes(found, "symbol")[0]["kept_pct"] == pytest.approx(75, abs=1)
    # Five of 400 trades of equal size.
    assert changes(found, "trades")[0]["kept_pct"] == pytest.approx(100 * 395 / 400, abs=1.5)
    assert "bars that begin elsewhere" in found.message


@pytest.mark.req("X3")
def test_a_parameter_that_loses_when_it_is_moved_is_a_spike() -> None:
    # Held bars earn, all others lose: holding one bar or three instead of two meets both.
    bars = paying((400, GOOD))
    flat = np.r_[0.0, np.diff(np.log(bars.close))] == 0
    losing = bars_of(bars.close * np.cumprod(np.where(flat, 0.99, 1.0)))
    found = fragility(free_bench(losing, dropped_trades=0))
    assert found.status is Status.FAIL
    assert "with `length=" in found.message
    assert "it loses" in found.message
    assert [one["name"] for one in changes(found, "parameter")] == ["`length=1`", "`length=3`"]


@pytest.mark.req("X3")
def test_one_symbol_that_brings_everything_fails() -> None:
    lucky, rest = paying((400, GOOD), symbol="A/USD"), paying((400, (0.01, -0.012)), symbol="B/USD")
    found = fragility(bench_of(lab_of(Fixed(), lucky, rest, **{**FREE, "sizing__fraction": "0.5"}), dropped_trades=0))
    assert found.status is Status.FAIL
    assert "with no A/USD it loses" in found.message


def test_symbols_are_dropped_as_many_at_once_as_asked_for() -> None:
    bars = [paying((200, GOOD), symbol=f"{name}/USD") for name in "ABC"]
    lab = lab_of(Fixed(), *bars, **{**FREE, "sizing__fraction": "0.3"})
    found = fragility(bench_of(lab, dropped_symbols=2))
    assert [one["name"] for one in changes(found, "symbol")] == [
        "no A/USD, B/USD",
        "no B/USD, C/USD",
        "no A/USD, C/USD",
    ]
    assert changes(fragility(bench_of(lab, dropped_symbols=0)), "symbol") == []
    assert "3 symbols fewer" in fragility(bench_of(lab, dropped_symbols=3)).details["skipped"]


def test_a_result_of_five_trades_is_a_warning_as_trends_are_few() -> None:
    bars = paying((100, (0.2, 0.2, 0.2, 0.2, 0.2, *([-0.004] * 45))))
    found = fragility(free_bench(bars, strategy=Fixed()))
    assert found.status is Status.WARN
    assert "the best 5 trades left out: it loses" in found.message
    # Three trips of two held days bring 20 % a day, the third one day of it; the rest lose 0.4 % a day.
    left = (1 - 0.004) ** 44
    assert changes(found, "trades")[0]["return_pct"] == pytest.approx((left - 1) * 100, abs=1)


def test_what_a_strategy_refuses_is_said_and_left_out() -> None:
    found = fragility(free_bench(paying((400, GOOD)), strategy=Refuses()))
    assert changes(found, "parameter") == []
    assert "`length=3`, which the strategy refuses" in found.message


def test_a_loss_cannot_be_fragile() -> None:
    found = fragility(free_bench(paying((400, (0.01, -0.02)))))
    assert found.status is Status.FAIL
    assert "no result that could be fragile" in found.message


def test_nothing_to_change_is_said() -> None:
    found = fragility(free_bench(bars_of(100 * 1.001 ** np.arange(200.0)), strategy=Always()))
    assert found.status is Status.WARN
    assert "there is nothing to change" in found.message


def test_bars_are_made_to_begin_half_a_bar_later() -> None:
    fine = walk(24 * 30, 5, timeframe="1h")
    lab = lab_of(Fixed(), resample(fine, Timeframe.parse("4h")), **FREE)
    found = shifted(bench_of(lab, source=Finer(fine)), 4)
    assert found is not None
    offset, (late,) = found
    assert offset == 2 * 3_600_000
    own = lab.series[0]
    np.testing.assert_array_equal(late.open_ms, own.open_ms[:-1] + offset)
    # The first of them spans the hours 2 to 5.
    assert late.open[0] == fine.open[2]
    assert late.close[0] == fine.close[5]
    assert late.high[0] == fine.high[2:6].max()
    assert late.volume[0] == pytest.approx(fine.volume[2:6].sum())
    assert shifted(bench_of(lab), 4) is None
    assert shifted(bench_of(lab, source=Finer(fine)), 3) is None
    assert shifted(bench_of(lab, source=Finer(own)), 4) is None


@pytest.mark.req("X3")
def test_a_profit_that_depends_on_where_bars_begin_fails() -> None:
    # Of four hours the first two rise and the last two fall by less, on the bars that are held; on the others it is the
    # other way round: two hours later the held bars have the falls.
    n = 400
    hours = np.arange(n * 4)
    own = ((hours // 4 - 1) // 2 % 2 == 0) & (hours >= 4)
    late = ((np.maximum(hours - 2, 0) // 4 - 1) // 2 % 2 == 0) & (hours >= 6)
    returns = np.where(own & ~late, 0.004, np.where(late & ~own, -0.004, 0.0))
    fine = bars_of(100 * np.cumprod(1 + returns), timeframe="1h")
    lab = lab_of(Fixed(), resample(fine, Timeframe.parse("4h")), **FREE)
    found = fragility(bench_of(lab, source=Finer(fine), dropped_trades=0))
    assert found.status is Status.FAIL
    assert "with bars that begin 2 h later it loses" in found.message
    # The same fine bars at the grid that was traded are those that were traded.
    again = replace(lab.series[0])
    assert lab.on([again]).run().digest == lab.run().digest
