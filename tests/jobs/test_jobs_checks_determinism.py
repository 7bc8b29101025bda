"""The check `determinism`: asked again, in another order, in two threads and without the compiler, the fills are the same."""

from __future__ import annotations

import random
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from research import lab_of, walk

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.determinism import determinism
from trader_cli.jobs.checks.interpreted import fills_interpreted, rows_of
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status, Tried
from trader_cli.strategy import Levels, Strategy, indicators
from trader_cli.strategy.loader import Library

LIMITS = {"cuts": 20, "warm_up_bars": 60}
BUILT_IN = Path(__file__).resolve().parents[2] / "strategies"


class Counting(Strategy):
    """Says something else each time."""

    asked: ClassVar[list[int]] = []

    def targets(self, bars: Bars) -> Levels:
        self.asked.append(1)
        return bars.close > indicators.sma(bars.close, 5) * (1.0 + 0.001 * len(self.asked))


def _bench(strategy: Strategy) -> Bench:
    lab = lab_of(strategy, walk(500, 1), walk(500, 2, symbol="BBB/USD"))
    return Bench(lab, lab.run(), Tried(0, (), None, {}), LIMITS, 1)


@pytest.mark.req("X1")
def test_a_strategy_from_its_file_gives_the_same_fills_in_every_way() -> None:
    strategy = Library(None, BUILT_IN).load("demo_ma").cls(fast=3, slow=10)
    bench = _bench(strategy)
    found = determinism(bench)
    assert found.status is Status.PASS, found.message
    assert f"the same {len(bench.base.fills)} fills" in found.message
    assert "without the compiler (" in found.message


@pytest.mark.req("X1")
def test_the_interpreter_of_another_process_makes_the_same_fills() -> None:
    lab = _bench(Library(None, BUILT_IN).load("trend_breakout").cls(fast=3, slow=9, atr_period=3)).lab
    once = rows_of(lab.run().fills)
    assert len(once) >= 10
    assert np.array_equal(once, fills_interpreted(lab, 60.0))


def test_what_it_keeps_between_questions_is_named_and_located() -> None:
    found = determinism(_bench(Counting()))
    assert found.status is Status.FAIL
    assert "`target` was" in found.message
    assert found.details["findings"][0]["symbol"] == "AAA/USD"


def test_the_check_leaves_random_numbers_as_they_were() -> None:
    random.seed(5)
    np.random.seed(5)
    strategy = Library(None, BUILT_IN).load("demo_ma").cls(fast=3, slow=10)
    bench = _bench(strategy)
    determinism(bench)
    seen = random.random(), float(np.random.rand())
    random.seed(5)
    np.random.seed(5)
    assert seen == (random.random(), float(np.random.rand()))


def test_what_cannot_be_sent_to_another_process_is_said() -> None:
    class Local(Counting):
        """Of a function's own."""

    with pytest.raises(ValueError, match="cannot be sent to another process"):
        fills_interpreted(_bench(Local()).lab, 60.0)
