"""A recorded run laid out again: what is stepped anew is the run itself, and bars are as a session saw them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insight_home import FIRST, HOUR, Home, at
from report_books import session

from trader_cli.errors import DataError
from trader_cli.jobs.drift_rerun import SeenSource, exchanges_of, laid_out, params_of, stepped, steps_as_recorded
from trader_cli.ledger.asked import asked_of
from trader_cli.model.bars import Bars
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.wiring import Wiring

CLOSES = [100, 101, 99, 103, 104, 90, 95, 96, 97, 98, 99, 100]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.make(tmp_path, costs__fee_bps="10", costs__slippage_bps="5")
    made.bars(CLOSES)
    made.want(3, 1.0, stop=95.0)
    made.want(7, 0.0)
    made.want(8, 1.0)
    return made


@pytest.mark.req("X7")
def test_every_bar_decided_on_gives_the_backtest_and_the_settings_are_the_run_s_own(home: Home) -> None:
    result = home.backtest("--set", "sizing.quantity=2")
    parts = Wiring.find(home.folder, None, {})
    asked = asked_of(parts.ledger, result["run_id"])
    assert (asked.mode, asked.account, dict(asked.outside)) == ("backtest", "", {})
    request = parts.again(asked, ("AA/USD",), at(0), at(len(CLOSES)))
    scene = laid_out(request, parts.bars, steps_as_recorded(asked, parts.instrument))
    again = stepped(request, scene, range(len(CLOSES)))
    assert again.fills.digest() == result["digest"]
    assert set(again.fills.quantity.tolist()) == {2 * 10**8}


@pytest.mark.req("X7")
def test_bars_that_are_passed_over_are_filled_and_not_decided_on(home: Home) -> None:
    """The stop at 95 is reached in a bar that nobody decided on, and where letting go passed unseen nothing is bought again."""
    home.backtest()
    parts = Wiring.find(home.folder, None, {})
    asked = asked_of(parts.ledger, parts.ledger.runs(1)[0].run_id)
    request = parts.again(asked, ("AA/USD",), None, at(len(CLOSES)))
    scene = laid_out(request, parts.bars, parts.instrument)
    found = stepped(request, scene, [1, 2, 6, 8, 9]).fills
    assert found.time_ms.tolist() == [at(3), at(5), at(9)]
    assert found.side.tolist() == [1, -1, 1]
    assert stepped(request, scene, [1, 2, 7, 8, 9]).fills.time_ms.tolist() == [at(3), at(5)]


def test_a_run_that_is_not_there_is_refused(home: Home) -> None:
    home.backtest()
    with pytest.raises(DataError, match="there is no run `nothing`"):
        asked_of(home.ledger(), "nothing")


class Stored:
    """The named fake: one series."""

    def __init__(self, closes: list[float]) -> None:
        column = np.array(closes)
        times = FIRST + np.arange(len(closes), dtype=np.int64) * HOUR
        self.bars = Bars("AA/USD", "test", Timeframe.parse("1h"), times, column, column + 1, column - 1, column, column)

    def load(self, *_: Any) -> Bars:
        return self.bars

    def digest(self, bars: Bars) -> str:
        return str(len(bars))


@pytest.mark.req("X7")
def test_closes_are_as_they_were_seen_and_the_range_holds_them() -> None:
    stored = Stored([100, 101, 102])
    steps = Instrument("AA/USD").price_one
    seen = SeenSource(stored, lambda *_: Instrument("AA/USD"), {"AA/USD": {at(0): 100 * steps, at(1): 105 * steps}})
    bars = seen.load("AA/USD", None, None)
    assert bars.close.tolist() == [100, 105, 102]
    assert bars.high.tolist() == [101, 105, 103]
    assert bars.low.tolist() == [99, 100, 101]
    assert seen.revised == {"AA/USD": [at(1)]}
    assert stored.bars.close.tolist() == [100, 101, 102]


def test_bars_that_were_seen_as_they_are_stay_the_very_same() -> None:
    stored = Stored([100.1, 100.2])
    one = Instrument("AA/USD")
    closes = {at(i): one.price_units(price) for i, price in enumerate((100.1, 100.2))}
    seen = SeenSource(stored, lambda *_: one, {"AA/USD": closes})
    assert seen.load("AA/USD", None, None) is stored.bars
    assert (seen.revised, seen.digest(stored.bars)) == ({}, "2")


def test_where_a_run_had_its_bars_and_parameters_from() -> None:
    live = session()
    assert exchanges_of(live) == ("kraken",)
    assert exchanges_of(replace(live, exchange="replay:test")) == ("test",)
    tested = replace(live, mode="backtest", exchange="a,b", config={"data": {"exchange": "b, a"}})
    assert exchanges_of(tested) == ("b", "a")
    assert exchanges_of(replace(tested, config={})) == ()
    assert params_of(replace(live, params={"fast": 3}), "momentum") == {"fast": 3}
    several = session(wallets={"main": ("momentum", "grid")})
    assert params_of(replace(several, params={"grid": {"step": 1}}), "grid") == {"step": 1}
    assert params_of(replace(several, params={}), "grid") == {}
