"""Each kind of defect, planted by hand and named with its time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trader_cli.errors import DataError
from trader_cli.market.check import Health, check
from trader_cli.market.files import load
from trader_cli.market.importer import read_raw
from trader_cli.market.listing import series_of
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe

MINUTE = Timeframe(60_000)
LATER = 10**13


def series(count: int = 40) -> dict[str, np.ndarray]:
    stamps = np.arange(count, dtype=np.int64) * 60_000
    close = 100.0 + np.sin(np.arange(count))
    return {
        "open_ms": stamps,
        "open": close.copy(),
        "high": close + 1,
        "low": close - 1,
        "close": close.copy(),
        "volume": np.ones(count),
    }


def judged(columns: dict[str, np.ndarray], now_ms: int = LATER) -> Health:
    return check(Bars("T/USD", "test", MINUTE, **columns), now_ms)


def kinds(health: Health) -> dict[str, tuple[str, ...]]:
    return {one.kind: one.times for one in health.defects}


def test_a_clean_series_has_grade_a() -> None:
    assert judged(series()).grade == "A"
    assert judged(series()).defects == ()


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("close", np.nan, "not a number"),
        ("volume", np.inf, "not a number"),
        ("low", 0.0, "zero or negative"),
        ("open", -5.0, "zero or negative"),
        ("high", 50.0, "high below low"),
        ("close", 150.0, "open or close outside"),
    ],
)
def test_a_bad_price_is_named_with_its_time_and_damages_the_file(column: str, value: float, kind: str) -> None:
    columns = series()
    columns[column][7] = value
    health = judged(columns)
    assert kinds(health)[kind] == ("1970-01-01T00:07:00Z",)
    assert health.grade == "F"


def test_gaps_are_counted_in_bars_and_named_by_the_bar_before() -> None:
    columns = {name: np.delete(column, [5, 6, 20]) for name, column in series().items()}
    health = judged(columns)
    gap = next(one for one in health.defects if one.kind == "gap")
    assert (gap.bars, gap.places, gap.times) == (3, 2, ("1970-01-01T00:04:00Z", "1970-01-01T00:19:00Z"))
    assert health.grade == "D"  # 3 of 40


def test_duplicates_agreeing_and_conflicting_are_told_apart() -> None:
    columns = series()
    columns = {name: np.insert(column, 11, column[10]) for name, column in columns.items()}
    assert kinds(judged(columns))["duplicate"] == ("1970-01-01T00:10:00Z",)
    columns["close"][11] += 0.5
    assert kinds(judged(columns))["conflicting duplicate"] == ("1970-01-01T00:10:00Z",)


def test_out_of_order_and_off_the_grid_are_named() -> None:
    columns = series()
    columns["open_ms"][[3, 4]] = columns["open_ms"][[4, 3]]
    columns["open_ms"][30] += 17
    found = kinds(judged(columns))
    assert found["out of order"] == ("1970-01-01T00:03:00Z",)
    assert found["off the grid"] == ("1970-01-01T00:30:00Z",)


def test_a_spike_comes_back_and_a_crash_does_not() -> None:
    columns = series()
    columns["close"][15] *= 10
    columns["high"][15] *= 10.2
    assert kinds(judged(columns))["spike"] == ("1970-01-01T00:15:00Z",)
    crash = series()
    for name in ("open", "high", "low", "close"):
        crash[name][20:] /= 2
    crash["open"][20], crash["high"][20] = crash["close"][20], 60
    assert "spike" not in kinds(judged(crash))


def test_the_last_bar_is_forming_until_its_end() -> None:
    columns = series(3)
    assert kinds(judged(columns, now_ms=3 * 60_000 - 1))["still forming"] == ("1970-01-01T00:02:00Z",)
    assert "still forming" not in kinds(judged(columns, now_ms=3 * 60_000))


def test_zero_volume_is_named_and_costs_no_grade() -> None:
    columns = series()
    columns["volume"][9] = 0.0
    health = judged(columns)
    assert kinds(health)["zero volume"] == ("1970-01-01T00:09:00Z",)
    assert health.grade == "A"


def test_weekends_of_a_stock_are_no_gaps() -> None:
    day = 86_400_000
    # 1970-01-05 was a Monday: four weeks of Monday to Friday, one Wednesday missing in the third week, and a hole of a week
    days = np.array([4 + 7 * week + d for week in (0, 1, 2, 4, 5, 6) for d in range(5)], np.int64)
    columns = {name: column[: len(days)] for name, column in series().items()} | {"open_ms": days * day}
    health = check(Bars("AAPL", "us", Timeframe(day), **columns), LATER)
    assert health.calendar == "exchange hours"
    assert [one.places for one in health.defects if one.kind == "gap"] == [1]


def test_the_real_exchange_outage_of_august_2016_is_found(shared_data: Path) -> None:
    path = shared_data / "defects" / "bitfinex" / "BTC-USD-1m.parquet"
    (bars,) = read_raw(path, None)
    health = check(bars, LATER)
    gap = next(one for one in health.defects if one.kind == "gap")
    assert (gap.bars, gap.places) == (233_809, 63_912)  # as the data's own README counts them
    assert health.grade == "D"


@pytest.mark.parametrize(
    "name", ["forex/oanda/NZD-USD-1h", "stocks/us-stocks/AAPL-1d", "stocks/us-stocks/SPY-1h", "pypi/forex/EUR-USD-1h"]
)
def test_closed_hours_of_forex_and_stocks_do_not_drown_the_report(shared_data: Path, name: str) -> None:
    path = next((shared_data / name).parent.glob(Path(name).name + ".*"))
    (bars,) = read_raw(path, None)
    health = check(bars, LATER)
    assert health.calendar == "exchange hours"
    assert health.grade in "ABC"
    named = series_of(path, "x", sample=False)
    assert named is not None
    assert len(load(named)) == health.bars


def test_loading_refuses_what_check_calls_damage(tmp_path: Path) -> None:
    path = tmp_path / "A-USD-1m.csv"
    path.write_text("timestamp,open,high,low,close,volume\n0,1,2,1,1.5,1\n60000,1,2,1,nan,1\n")
    named = series_of(path, "x", sample=False)
    assert named is not None
    with pytest.raises(DataError, match=r"row 2 \(1970-01-01T00:01:00Z\).*close nan"):
        load(named)
