"""Stops and targets of a page: those of the engine's book, bar by bar, held against tables worked by hand."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insight_home import HOUR, Home, at

from trader_cli.cli.page import page_text
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CEILING, FLOOR, QUANTITY, new_book, new_log
from trader_cli.errors import DataError
from trader_cli.jobs import page_levels, page_walk
from trader_cli.jobs.drift_rerun import laid_out, steps_as_recorded
from trader_cli.jobs.page import Page
from trader_cli.jobs.page_levels import recorded_levels
from trader_cli.jobs.page_markets import Shown
from trader_cli.jobs.page_walk import Past, replayed_levels
from trader_cli.ledger.asked import asked_of
from trader_cli.ledger.seen import digests_of
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.reports.page_data import blocks
from trader_cli.wiring import Wiring

STOPS = (Reason.STOP, Reason.TRAIL, Reason.BREAK_EVEN)


@dataclass(frozen=True)
class Held:
    """One holding as the page's script reads it: (from when on, stop, target), prices, 0 = none."""

    wallet: str
    until_ms: int
    rows: list[tuple[int, float, float]]

    def at(self, ms: int) -> tuple[float, float] | None:
        """Return what was in force in the bar that opened then, None where the holding was not protected in it."""
        if not self.rows[0][0] <= ms <= self.until_ms:
            return None
        return next((stop, target) for when, stop, target in reversed(self.rows) if when <= ms)


def made(home: Home, run_id: str = "") -> Page:
    parts = Wiring.find(home.folder, None, {})
    return page_text(parts, run_id or parts.ledger.runs(1)[0].run_id)[0]


def told(page: Page, market: int = 0) -> list[Held]:
    """Return the levels in a page's data, summed up as its script does it."""
    levels: dict[str, Any] = json.loads(blocks(page)[f"candles-{market}"])["levels"]
    until, times, stops, targets = (np.cumsum(levels[name]) for name in ("until", "time", "stop", "target"))
    unit = 10 ** levels["places"]
    rows = list(zip(times.tolist(), (stops / unit).tolist(), (targets / unit).tolist(), strict=True))
    edges = pairwise([0, *np.cumsum(levels["rows"]).tolist()])
    return [
        Held(levels["wallets"][w], end, rows[first:last])
        for w, end, (first, last) in zip(levels["wallet"], until.tolist(), edges, strict=True)
    ]


def atr_trail(folder: Path) -> Home:
    """Bars of which the first two have the average range 2, as the third has."""
    home = Home.make(folder, exits__stop_atr="2", exits__trail_atr="1.5", exits__atr_period=2)
    home.bars([100, 104, 102, 104, 104, 102.75, 106, 101, 100])
    home.want(3, 1.0)
    return home


def table(held: Held, first: int, last: int) -> list[tuple[float, float] | None]:
    """Return what was in force in each bar from `first` to `last`."""
    return [held.at(at(hour)) for hour in range(first, last + 1)]


@pytest.mark.req("R3.7")
def test_an_atr_stop_and_the_atr_trail_are_told_for_every_bar_of_the_holding(tmp_path: Path) -> None:
    """True ranges are the moves from close to close, their average half of the one before and half of the newest.

    Bought at the open of bar 3 at 102, where the average is 2: the stop is 102 - 2 x 2 = 98, the trail 102 - 1.5 x 2 = 99.

    bar  open    close   high  range  average  trail at its close, in force in the next bar
     3   102     104     104   2      2        104 - 3       = 101
     4   104     104     104   0      1        104 - 1.5     = 102.5
     5   104     102.75  104   1.25   1.125    104 - 1.6875  = 102.3125, lower: 102.5 stays
     6   102.75  106     106   3.25   2.1875   106 - 3.28125 = 102.71875
     7   106     101                           sold at 102.71875
    """
    home = atr_trail(tmp_path)
    result = home.backtest()
    (held,) = told(made(home))
    assert table(held, 2, 8) == [None, (99, 0), (101, 0), (102.5, 0), (102.5, 0), (102.71875, 0), None]
    # Each change once.
    assert [row[1] for row in held.rows] == [99, 101, 102.5, 102.71875]
    (trip,) = home.ledger().rows("trades", result["run_id"])
    assert (trip["reason"], trip["sold"]) == (Reason.TRAIL, 10_271_875_000)


@pytest.mark.req("R3.7")
def test_the_strategy_s_own_stop_and_target_stand_from_the_bar_after_they_were_stated(tmp_path: Path) -> None:
    """Bought at 102 with a stop at 95; at the close of bar 4 the strategy says 97, which is reached in bar 6 at the latest."""
    home = Home.make(tmp_path, risk__target_pct="10")
    home.bars([100, 101, 102, 103, 104, 103, 90, 91])
    home.want(3, 1.0, stop=95.0)
    home.want(5, 1.0, stop=97.0)
    home.backtest()
    (held,) = told(made(home))
    assert table(held, 2, 7) == [None, (95, 112.2), (95, 112.2), (97, 112.2), (97, 112.2), None]


@pytest.mark.req("R3.7")
def test_a_trailing_stop_of_the_bar_bought_in_is_not_moved_by_that_bar_s_own_high(tmp_path: Path) -> None:
    """Bought at 100 with 5 % of trail: 95 in that bar though it goes to 104, then 98.8, and after the high of 110 104.5.

    Break-even at 3 %: from the high of 104 on no stop is under 100.
    """
    home = Home.make(tmp_path, risk__trail_pct="5", exits__break_even_pct="3")
    home.bars([100, 100, 100, 104, 110, 104, 104])
    home.want(3, 1.0)
    home.backtest()
    (held,) = told(made(home))
    assert table(held, 3, 6) == [(95, 0), (100, 0), (104.5, 0), None]
    assert held.until_ms == at(5)


def test_what_is_sold_at_an_open_was_protected_up_to_the_bar_before_and_what_is_held_up_to_the_end(
    tmp_path: Path,
) -> None:
    home = Home.make(tmp_path, risk__stop_pct="10")
    home.bars([100, 100, 100, 101, 102, 103, 104, 105])
    home.want(3, 1.0)
    home.want(5, 0.0)
    home.want(6, 1.0)
    home.backtest()
    first, second = told(made(home))
    assert table(first, 2, 5) == [None, (90, 0), (90, 0), None]
    assert (second.at(at(5)), second.at(at(6)), second.at(at(7)), second.until_ms) == (
        None,
        (92.7, 0),
        (92.7, 0),
        at(8),
    )


def test_a_run_without_stops_has_none_and_one_stopped_in_the_bar_it_bought_in_has_that_bar_s(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "without")
    home.bars([100, 100, 100, 101, 102])
    home.want(3, 1.0)
    home.backtest()
    (bare,) = told(made(home))
    assert [row[1:] for row in bare.rows] == [(0, 0)]
    home = Home.make(tmp_path / "with", risk__stop_pct="10")
    home.bars([100, 100, 100, 80, 102])
    home.want(3, 1.0)
    home.backtest()
    (held,) = told(made(home))
    assert (held.rows, held.until_ms) == ([(at(3), 90.0, 0.0)], at(3))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two symbols of four hundred bars by chance, every exit there is, wishes with levels of their own every nine bars."""
    home = Home.make(
        tmp_path_factory.mktemp("busy"),
        data__symbols=["AA/USD", "BB/USD"],
        risk__stop_pct="3",
        risk__trail_pct="3.5",
        risk__target_pct="4",
        exits__trail_atr="5",
        exits__break_even_pct="1",
        exits__partial_pct="2",
        exits__partial_share_pct="50",
        exits__atr_period=5,
    )
    random = np.random.default_rng(11)
    plan: dict[str, list[Any]] = {}
    for symbol in ("AA/USD", "BB/USD"):
        closes = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.008, 400))), 2)
        home.bars(closes.tolist(), symbol, gone=(50, 51, 200) if symbol == "BB/USD" else ())
        rows = plan.setdefault(symbol, [])
        for hour in range(6, 395, 9):
            stop = float(np.round(closes[hour - 1] * random.uniform(0.96, 0.99), 2))
            rows.append([at(hour), {"target": float(random.uniform() < 0.8), "stop": stop}])
            rows.append([at(hour + 7), {"target": 0.0}])
    (home.folder / "strategies" / "planned.json").write_text(json.dumps(plan))
    home.backtest()
    return home


@pytest.mark.req("R3.7")
def test_every_exit_by_a_level_filled_at_the_level_that_the_page_has_in_force_in_its_bar(busy: Home) -> None:
    """Without costs a sale at a stop brings the lower of stop and open, one at a target the higher of target and open."""
    page = made(busy)
    run = busy.ledger().runs(1)[0].run_id
    seen = set()
    for market, shown in enumerate(page.shown):
        holdings = told(page, market)
        opens = dict(zip(shown.bars.open_ms.tolist(), shown.bars.open.tolist(), strict=True))
        for fill in busy.ledger().rows("fills", run):
            if fill["symbol"] != shown.symbol or fill["side"] > 0 or fill["kind"] == OrderKind.MARKET:
                continue
            (stop, target) = next(found for one in holdings if (found := one.at(fill["time_ms"])) is not None)
            level, opened = fill["price"] / 1e8, opens[fill["time_ms"]]
            assert level == (min(stop, opened) if fill["reason"] in STOPS else max(target, opened)), fill
            seen.add(Reason(fill["reason"]))
    assert seen == {*STOPS, Reason.TARGET, Reason.PARTIAL}


def test_the_levels_are_those_of_the_book_after_the_bar_before_also_where_candles_are_coarse(
    busy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk that looks at every bar of the whole run is the law; the page's own looks at few, and its log grows."""
    monkeypatch.setattr(page_walk, "_ROOM", 16)
    parts = Wiring.find(busy.folder, None, {})
    run = parts.ledger.runs(1)[0]
    asked = asked_of(parts.ledger, run.run_id)
    request = parts.again(asked, run.symbols, run.start_ms, run.end_ms)
    scene = laid_out(request, parts.bars, steps_as_recorded(asked, parts.instrument))
    book, log, seen = new_book(2, scene.purses), new_log(len(scene.open_ms), 16), []
    for bar in range(len(scene.open_ms)):
        log = run_bars(scene.market, book, log, scene.rules, scene.steps, bar, bar, bar + 1)
        seen.append(book.position[:, [QUANTITY, FLOOR, CEILING]].tolist())
    past = Past(asked, request, parts.instrument, digests_of(parts.ledger, run.run_id), run.digest, pytest.fail)
    fills = parts.ledger.rows("fills", run.run_id)
    ends = []
    for frame in ("1h", "4h"):
        shown = [Shown(one.symbol, one, resample(one, Timeframe.parse(frame))) for one in scene.series]
        found = replayed_levels(past, parts.bars, fills, shown)
        assert sum(len(one.time_ms) for one in found) > 100
        for one in found:
            row = scene.symbols.index(one.symbol)
            whole = dict(
                zip(one.time_ms.tolist(), zip(one.stop.tolist(), one.target.tolist(), strict=True), strict=True)
            )
            # What was bought in a bar is not in the book before it.
            for ms, levels in list(whole.items())[1:]:
                held, floor, ceiling = seen[int(np.searchsorted(scene.open_ms + HOUR, ms))][row]
                assert held > 0
                assert levels == (floor, ceiling)
        ends.append([(one.symbol, one.until_ms, one.stop[-1], one.target[-1]) for one in found])
    # What was in force in the bar of the exit is known also where that bar is in the middle of a candle.
    assert ends[0] == ends[1]


def test_bars_that_changed_or_are_gone_leave_the_levels_out_and_the_page_says_so(tmp_path: Path) -> None:
    home = Home.make(tmp_path, risk__stop_pct="10")
    home.bars([100, 100, 100, 101, 102])
    home.want(3, 1.0)
    home.backtest()
    assert len(made(home).protections) == 1
    # A high nobody traded at: the account is the same, a trailing stop would not be.
    home.bars([100, 101, 100, 101, 102])
    page = made(home)
    assert page.protections == ()
    assert page.notes[0] == "the stops in force are left out: the bars of AA/USD are not those that the run saw"
    shutil.rmtree(home.folder / "data" / "test")
    assert made(home).protections == ()


def test_a_strategy_that_changed_is_named_and_where_it_trades_otherwise_its_levels_are_left_out(
    tmp_path: Path,
) -> None:
    home = Home.make(tmp_path, risk__stop_pct="10")
    home.bars([100, 100, 100, 101, 102])
    home.want(3, 1.0)
    home.backtest()
    path = home.folder / "strategies" / "planned.py"
    source = path.read_text()
    path.write_text(source + "\n# changed\n")
    page = made(home)
    assert len(page.protections) == 1
    assert (
        page.notes[0]
        == "the strategy or the program changed since: stops are those it sets now, its fills are the same"
    )
    home.want(4, 0.0)
    page = made(home)
    assert page.protections == ()
    assert "replayed now, the run fills otherwise" in page.notes[0]
    path.unlink()
    assert "the stops in force are left out" in made(home).notes[0]


@pytest.mark.req("R3.7")
def test_a_paper_session_has_the_levels_that_its_steps_wrote_down(tmp_path: Path) -> None:
    """The table of the ATR trail: what stood in the bar bought in no step saw, from the next on it is the backtest's."""
    home = atr_trail(tmp_path)
    home.paper(9)
    page = made(home)
    (held,) = told(page)
    assert table(held, 3, 8) == [None, (101, 0), (102.5, 0), (102.5, 0), (102.71875, 0), None]
    assert page.notes == ()


def test_what_a_session_sold_at_an_open_was_protected_up_to_the_bar_before(tmp_path: Path) -> None:
    """Bought at the open of bar 3, let go at the close of bar 5, sold at the next open. What is open: up to the next bar."""
    home = Home.make(tmp_path, risk__stop_pct="10")
    home.bars([100, 100, 100, 101, 102, 103, 104, 105, 106, 107])
    home.want(3, 1.0)
    home.want(6, 0.0)
    home.want(8, 1.0)
    home.paper(9)
    first, second = told(made(home))
    assert table(first, 3, 6) == [None, (90, 0), (90, 0), None]
    assert (table(second, 8, 9), second.until_ms) == ([None, (94.5, 0)], at(9))


def test_bars_of_a_paper_session_that_no_cycle_looked_at_are_left_out_and_counted(tmp_path: Path) -> None:
    home = atr_trail(tmp_path)
    home.paper(9)
    parts = Wiring.find(home.folder, None, {})
    ledger = parts.ledger
    run = ledger.runs(1)[0].run_id
    steps = [one for one in ledger.steps(run, 100)[::-1] if one.bar_ms not in (at(4), at(5))]
    bars = {one.symbol: one.bars for one in made(home).shown}
    first, second = recorded_levels(steps, {"AA/USD": 8}, bars, rests=False)[0]
    assert (first.time_ms.tolist(), first.until_ms) == ([at(4)], at(4))
    assert (second.time_ms.tolist(), second.until_ms) == ([at(7)], at(7))
    assert recorded_levels(steps, {"AA/USD": 8}, bars, rests=False)[1] == 2
    # At a venue the stop of bar 4 rests until the step of bar 6 moves it.
    (whole,), unknown = recorded_levels(steps, {"AA/USD": 8}, bars, rests=True)
    assert (whole.time_ms.tolist(), whole.until_ms, unknown) == ([at(4), at(7)], at(7), 0)


def test_of_a_long_session_the_newest_steps_are_read_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_levels, "_MOST_STEPS", 3)
    home = atr_trail(tmp_path)
    home.paper(7)
    page = made(home)
    (held,) = told(page)
    assert [row[0] for row in held.rows] == [at(5), at(7)]
    assert page.notes == ("stops in force are shown of the newest 3 steps",)


def test_the_bars_of_a_run_that_is_not_there_are_not_known(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars([1, 1, 1])
    home.backtest()
    with pytest.raises(DataError, match="there is no run `nothing`"):
        digests_of(home.ledger(), "nothing")
