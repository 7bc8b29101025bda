"""The check `warm_up`: windows need as many bars as they are long, recursions more, and too few stated is a failure."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from research import lab_of, walk

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.warm_up import warm_up
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status, Tried
from trader_cli.strategy import Levels, Param, Signals, Strategy, indicators

LIMITS = {"warm_up_bars": 300, "tolerance_pct": "20.0"}


class Window(Strategy):
    """Its level is the change over a window: one bar less gives another number."""

    period = Param(40)

    def targets(self, bars: Bars) -> Levels:
        return np.abs(indicators.roc(bars.close, self.period))


class Stated(Window):
    """The same, with its warm-up stated."""

    stated: ClassVar[int] = 40

    @property
    def warmup(self) -> int:  # type: ignore[override]
        return self.stated


class Recursion(Strategy):
    """Its stop is an average that forgets by a share of two thirds in eleven bars."""

    def targets(self, bars: Bars) -> Signals:
        mean = indicators.ema(bars.close, 9)
        return Signals(target=np.where(np.isnan(mean), 0.0, 1.0), stop=mean)


class Forever(Strategy):
    """The mean of all closes so far, as a level."""

    def targets(self, bars: Bars) -> Levels:
        return np.cumsum(bars.close) / np.arange(1, len(bars) + 1) / 1000.0


class Impatient(Strategy):
    """Reads what is not there yet as 0."""

    def targets(self, bars: Bars) -> Levels:
        return np.nan_to_num(indicators.rsi(bars.close, 30)) < 40.0


class Mute(Strategy):
    """Says the same always."""

    def targets(self, bars: Bars) -> Levels:
        return np.ones(len(bars))


def _found(strategy: Strategy, bars: int = 2000) -> CheckResult:
    lab = lab_of(strategy, walk(bars, 1), walk(bars, 2, symbol="BBB/USD"))
    return warm_up(Bench(lab, lab.run(), Tried(0, (), None, {}), LIMITS, 1))


@pytest.mark.parametrize("period", [1, 17, 40, 200])
def test_a_window_needs_as_many_bars_as_it_is_long(period: int) -> None:
    found = _found(Window(period=period))
    assert (found.status, found.number) == (Status.PASS, period)
    assert f"need {period} bars of history" in found.message


def test_a_recursion_needs_as_many_bars_as_a_price_within_a_millionth_takes() -> None:
    # Each bar leaves 8/10 of what was before: 0.8**n of a few per cent is a millionth after some fifty bars.
    found = _found(Recursion())
    assert found.status is Status.PASS
    assert found.number is not None
    assert 40 <= found.number <= 65


def test_too_little_stated_fails_with_the_length_and_enough_does_not() -> None:
    class TooLittle(Stated):
        stated = 39

    assert _found(Stated()).status is Status.PASS
    found = _found(TooLittle())
    assert (found.status, found.number, found.limit) == (Status.FAIL, 40.0, 39.0)
    assert found.hint == "state `warmup = 40`"


def test_what_never_forgets_is_warned_of() -> None:
    found = _found(Forever())
    assert found.status is Status.WARN
    assert "more than half of the 2,000 bars" in found.message


def test_trading_on_numbers_that_are_not_there_yet_fails() -> None:
    found = _found(Impatient())
    assert found.status is Status.FAIL
    assert "not there yet" in found.message


def test_what_is_always_the_same_needs_nothing() -> None:
    found = _found(Mute())
    assert (found.status, found.number) == (Status.PASS, 0.0)
