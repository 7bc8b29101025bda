"""Splits and dividends by hand; the raw bars stay, and the adjusted series is whatever they and the actions make of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Page, Wanted
from trader_cli.market.fetching_adjust import adjusted
from trader_cli.market.fetching_stocks import StockShelf
from trader_cli.market.files import load
from trader_cli.market.listing import Series
from trader_cli.market.store import BarStore
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import DAY_MS, Timeframe

pytestmark = pytest.mark.req("R3.4")
DAILY = Timeframe.parse("1d")
MONDAY = 19_905 * DAY_MS


def at(day: int) -> int:
    return MONDAY + day * DAY_MS


def bars(*closes: float) -> Bars:
    close = np.array(closes)
    return Bars(
        "AAPL", "yahoo", DAILY, np.array([at(n) for n in range(len(closes))], np.int64),
        close, close + 2, close - 2, close, np.full(len(closes), 1000.0),
    )  # fmt: skip


def test_a_dividend_lowers_what_was_before_it_by_its_share_of_the_last_close() -> None:
    """By hand: 1.02 on a close of 102 is 1 %; the bar of the day itself and later ones stay."""
    made = adjusted(bars(100.0, 102.0, 101.0), [Action(at(2), DIVIDEND, 1.02)])
    assert made.close.tolist() == pytest.approx([99.0, 100.98, 101.0])
    assert made.high.tolist() == pytest.approx([100.98, 102.96, 103.0])
    assert made.volume.tolist() == [1000.0] * 3


def test_a_split_divides_prices_and_multiplies_volumes_before_it() -> None:
    made = adjusted(bars(400.0, 404.0, 101.0), [Action(at(2), SPLIT, 4.0)])
    assert made.close.tolist() == [100.0, 101.0, 101.0]
    assert made.volume.tolist() == [4000.0, 4000.0, 1000.0]


def test_a_split_and_dividends_before_on_and_after_its_day_by_hand() -> None:
    """Closes as traded 100, 200, 51, 50; 2 paid on day 1 (1 - 2 / 100), 4 for 1 on day 2 with 0.5 paid on the new shares
    (1 - 0.5 * 4 / 200), 1.02 on day 3 (1 - 1.02 / 51)."""
    actions = [
        Action(at(1), DIVIDEND, 2.0), Action(at(2), SPLIT, 4.0), Action(at(2), DIVIDEND, 0.5), Action(at(3), DIVIDEND, 1.02),
    ]  # fmt: skip
    made = adjusted(bars(100.0, 200.0, 51.0, 50.0), actions)
    late, on, early = 1 - 1.02 / 51, 1 - 2.0 / 200, 1 - 2.0 / 100
    assert made.close.tolist() == pytest.approx([100 / 4 * early * on * late, 200 / 4 * on * late, 51 * late, 50.0])


def test_what_lies_before_the_first_bar_or_is_worth_the_share_changes_nothing() -> None:
    whole = bars(100.0, 101.0)
    for one in (Action(at(0), DIVIDEND, 5.0), Action(at(-9), SPLIT, 2.0), Action(at(1), DIVIDEND, 100.0)):
        assert adjusted(whole, [one]).close.tolist() == whole.close.tolist()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([SPLIT, DIVIDEND]), st.floats(0.1, 5.0)), max_size=6),
    st.lists(st.floats(50.0, 200.0), min_size=10, max_size=10),
)
def test_the_newest_bar_stays_and_no_return_without_an_action_changes(
    stated: list[tuple[int, str, float]], closes: list[float]
) -> None:
    actions = [Action(at(day), kind, value) for day, kind, value in stated]
    raw = bars(*closes)
    made = adjusted(raw, actions)
    assert made.close[-1] == raw.close[-1]
    touched = {one.time_ms for one in actions}
    for n in range(1, 10):
        if at(n) not in touched:
            assert made.close[n] / made.close[n - 1] == pytest.approx(raw.close[n] / raw.close[n - 1])
    assert np.all((made.low <= made.close) & (made.close <= made.high))


def page(first: int, closes: list[float], *actions: Action) -> Page:
    rows = [(at(first + n), close, close + 2, close - 2, close, 1000.0) for n, close in enumerate(closes)]
    return Page(rows, (at(first), at(first + len(closes))), newest=True, actions=actions)


def shelf(folder: Path, frame: str = "1d") -> StockShelf:
    return StockShelf(folder, Wanted("yahoo", "AAPL", Timeframe.parse(frame)))


def put(at_: StockShelf, one: Page) -> None:
    at_.put("yahoo", [one], asked_again=False, replacing=False)


def closes(folder: Path, *, raw: bool = False, frame: str = "1d") -> list[float]:
    path = folder / "yahoo" / ("raw" if raw else ".") / f"AAPL-{frame}.parquet"
    return load(Series("yahoo", "AAPL", Timeframe.parse(frame), path)).close.tolist()


def test_a_dividend_that_arrives_later_adjusts_from_the_raw_bars_which_stay(tmp_path: Path) -> None:
    put(shelf(tmp_path), page(0, [100.0, 102.0]))
    assert closes(tmp_path) == [100.0, 102.0]
    put(shelf(tmp_path), page(2, [101.0], Action(at(2), DIVIDEND, 1.02)))
    assert closes(tmp_path) == pytest.approx([99.0, 100.98, 101.0])
    put(shelf(tmp_path), page(3, [50.0], Action(at(3), SPLIT, 2.0)))
    assert closes(tmp_path) == pytest.approx([49.5, 50.49, 50.5, 50.0])
    assert closes(tmp_path, raw=True) == [100.0, 102.0, 101.0, 50.0]


def test_an_action_adjusts_every_series_of_the_stock(tmp_path: Path) -> None:
    half = shelf(tmp_path, "30m")
    put(half, page(0, [400.0]))
    put(shelf(tmp_path), page(0, [400.0, 101.0], Action(at(1), SPLIT, 4.0)))
    assert closes(tmp_path, frame="30m") == [100.0]
    put(half, page(1, [101.0]))
    assert closes(tmp_path, frame="30m") == [100.0, 101.0]


def test_raw_bars_are_no_series_of_their_own(tmp_path: Path) -> None:
    put(shelf(tmp_path), page(0, [100.0]))
    series = BarStore(tmp_path, tmp_path / "none").series()
    assert [(one.exchange, one.symbol, str(one.timeframe)) for one in series] == [("yahoo", "AAPL", "1d")]


def test_nights_weekends_and_holidays_are_no_gaps_but_a_missing_week_is(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    days = [day for day in range(60) if day % 7 < 5 and day not in (10, *range(28, 35))]
    for day in days:
        put(one, page(day, [100.0]))
    assert one.missing((at(0), at(60))) == [(at(26), at(35))]


def test_a_series_that_was_killed_before_it_was_adjusted_is_adjusted_by_the_next_fetch(tmp_path: Path) -> None:
    put(shelf(tmp_path), page(0, [100.0, 102.0, 101.0], Action(at(2), DIVIDEND, 1.02)))
    path = tmp_path / "yahoo" / "AAPL-1d.parquet"
    for ruin in (path.unlink, lambda: os.utime(path, ns=(1, 1))):
        ruin()
        assert shelf(tmp_path).unknown("yahoo", (at(0), at(3)), 10) == []
        assert closes(tmp_path) == pytest.approx([99.0, 100.98, 101.0])


@pytest.mark.parametrize("text", ["", "[]", '{"actions": 7}', '{"actions": [{"time_ms": 1}]}', "\x00"])
def test_a_damaged_file_of_actions_is_begun_anew(tmp_path: Path, text: str) -> None:
    put(shelf(tmp_path), page(0, [100.0, 102.0], Action(at(1), DIVIDEND, 1.0)))
    noted = tmp_path / "yahoo" / "raw" / "AAPL.actions.json"
    assert json.loads(noted.read_text())["actions"][0]["value"] == 1.0
    noted.write_text(text)
    put(shelf(tmp_path), page(2, [101.0], Action(at(2), DIVIDEND, 1.02)))
    assert closes(tmp_path) == pytest.approx([99.0, 100.98, 101.0])


def test_differences_of_single_precision_are_no_revision(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    put(one, page(0, [100.0]))
    assert one.put("yahoo", [page(0, [100.0 + 1e-5])], asked_again=False, replacing=False).revisions == ()
    assert len(one.put("yahoo", [page(0, [100.1])], asked_again=False, replacing=False).revisions) == 1
