"""Raw candles: closed ones alone, sound or refused, and an answer that is none is never `no candles`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import DataError, VenueError
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.candles import Candles, Row, checked

HOUR = Timeframe.parse("1h")
H = 3_600_000
T0 = 1_700_002_800_000 // H * H


def kraken_rows(count: int, first_ms: int = T0, price: float = 100.0) -> list[list[Any]]:
    return [[(first_ms + i * H) // 1000, f"{price}", "101.0", "99.0", "100.5", "100.2", "3.5", 7] for i in range(count)]


def binance_rows(count: int, first_ms: int = T0) -> list[list[Any]]:
    return [
        [
            first_ms + i * H,
            "100.0",
            "101.0",
            "99.0",
            "100.5",
            "3.5",
            first_ms + (i + 1) * H - 1,
            "350",
            7,
            "1",
            "1",
            "0",
        ]
        for i in range(count)
    ]


class Ask:
    """A venue that gives one prepared answer and keeps the questions."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, params: Mapping[str, Any]) -> object:
        self.asked.append(dict(params))
        return self.answer


def kraken(rows: object, now_ms: int) -> tuple[Candles, Ask]:
    ask = Ask({"error": [], "result": {"XXBTZUSD": rows, "last": 1}})
    return Candles("kraken", ask, lambda _: "XBTUSD", lambda: now_ms, 10.0), ask


def binance(rows: object, now_ms: int) -> tuple[Candles, Ask]:
    ask = Ask(rows)
    return Candles("binance", ask, lambda _: "BTCUSDT", lambda: now_ms, 10.0), ask


SOUND: Row = (T0, 100.0, 101.0, 99.0, 100.5, 3.5)


@pytest.mark.parametrize(("late_ms", "closed"), [(-1, 2), (0, 3), (H - 1, 3), (H, 4)])
@pytest.mark.parametrize(("make", "rows"), [(kraken, kraken_rows), (binance, binance_rows)])
def test_the_forming_bar_is_dropped_by_time(make: Any, rows: Any, late_ms: int, closed: int) -> None:
    """D1: a bar is closed from the millisecond its span ends on."""
    candles, _ = make(rows(4), T0 + 3 * H + late_ms)
    got = candles("BTC/USD", HOUR, T0)
    assert len(got) == closed
    assert got[0] == SOUND


def test_kraken_is_asked_for_what_is_later_than_the_second_before_and_binance_from_the_open() -> None:
    candles, ask = kraken(kraken_rows(3), T0 + 9 * H)
    candles("BTC/USD", HOUR, T0)
    candles("BTC/USD", HOUR, None)
    assert ask.asked == [
        {"pair": "XBTUSD", "interval": 60, "since": T0 // 1000 - 1},
        {"pair": "XBTUSD", "interval": 60},
    ]
    candles, ask = binance(binance_rows(3), T0 + 9 * H)
    candles("BTC/USD", HOUR, T0)
    assert ask.asked == [{"symbol": "BTCUSDT", "interval": "1h", "limit": 1000, "startTime": T0}]


def test_what_is_older_than_asked_for_is_left_out() -> None:
    candles, _ = kraken(kraken_rows(5), T0 + 9 * H)
    assert [row[0] for row in candles("BTC/USD", HOUR, T0 + 3 * H)] == [T0 + 3 * H, T0 + 4 * H]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "<html>502 Bad Gateway</html>",
        [],
        {},
        {"error": ["EGeneral:Internal error"]},
        {"error": ["EQuery:Unknown asset pair"], "result": {"XXBTZUSD": kraken_rows(3)}},
        {"error": [], "result": None},
        {"error": [], "result": {"last": 1}},
        {"error": [], "result": {"XXBTZUSD": [], "last": 1}},
        {"error": [], "result": {"XXBTZUSD": "x", "last": 1}},
        {"error": [], "result": {"XXBTZUSD": kraken_rows(3), "XETHZUSD": kraken_rows(3), "last": 1}},
        {"error": [], "result": {"XXBTZUSD": [7], "last": 1}},
        {"error": [], "result": {"XXBTZUSD": [[T0 // 1000, "1"]], "last": 1}},
        {"error": [], "result": {"XXBTZUSD": [[None, *kraken_rows(1)[0][1:]]], "last": 1}},
        {"error": [], "result": {"XXBTZUSD": [[T0 // 1000, "one", "1", "1", "1", "1", "1", 1]], "last": 1}},
    ],
)
def test_an_answer_without_candles_is_no_answer_at_kraken(answer: object) -> None:
    """A12b."""
    one = Candles("kraken", Ask(answer), lambda _: "XBTUSD", lambda: T0 + 9 * H, 10.0)
    with pytest.raises(VenueError) as caught:
        one("BTC/USD", HOUR, T0)
    assert caught.value.pattern == "no_candles"


@pytest.mark.parametrize("answer", [None, "", "<html>", [], {}, {"code": -1121}, [7], [[T0]], [["x", *"12345"]]])
def test_an_answer_without_candles_is_no_answer_at_binance(answer: object) -> None:
    """A12b."""
    with pytest.raises(VenueError):
        binance(answer, T0 + 9 * H)[0]("BTC/USDT", HOUR, T0)


def test_out_of_order_and_repeated_candles_are_sorted_and_kept_once() -> None:
    """D3."""
    rows = kraken_rows(4)
    candles, _ = kraken([rows[2], rows[0], rows[1], rows[2], rows[3]], T0 + 9 * H)
    assert [row[0] for row in candles("BTC/USD", HOUR, T0)] == [T0 + i * H for i in range(4)]


def test_a_repeated_candle_with_other_values_refuses_the_market() -> None:
    """D3."""
    rows = kraken_rows(3)
    candles, _ = kraken([*rows, [rows[1][0], "100", "101", "99", "100.6", "100", "3.5", 7]], T0 + 9 * H)
    with pytest.raises(DataError, match=r"2023-11-15T00:00:00Z is there twice.*c 100.5.*c 100.6"):
        candles("BTC/USD", HOUR, T0)


def test_the_forming_candle_may_be_there_twice_with_other_values() -> None:
    rows = kraken_rows(3)
    candles, _ = kraken([*rows, [rows[2][0], "100", "102", "99", "101", "100", "9", 9]], T0 + 2 * H + 1)
    assert len(candles("BTC/USD", HOUR, T0)) == 2


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        (1, "nan", "no number"),
        (2, "inf", "no number"),
        (4, "0", "zero or less"),
        (3, "-5", "zero or less"),
        (6, "-1", "volume below zero"),
        (2, "98", "high below its low"),
        (4, "102", "outside its high and low"),
        (1, "98.9", "outside its high and low"),
    ],
)
def test_damage_refuses_the_market_and_names_the_candle(column: int, value: str, what: str) -> None:
    """D4."""
    rows = kraken_rows(3)
    if what.startswith("zero"):
        rows[1][3] = "-5" if value == "-5" else "0"
    rows[1][column] = value
    candles, _ = kraken(rows, T0 + 9 * H)
    with pytest.raises(DataError, match=rf"2023-11-15T00:00:00Z .*{what}"):
        candles("BTC/USD", HOUR, T0)


def test_damage_in_the_forming_candle_harms_nobody() -> None:
    rows = kraken_rows(3)
    rows[2][4] = "nan"
    assert len(kraken(rows, T0 + 2 * H)[0]("BTC/USD", HOUR, T0)) == 2


@pytest.mark.parametrize(("factor", "fine"), [(9.99, True), (10.0, False), (0.1001, True), (0.1, False)])
def test_a_price_ten_times_off_the_close_before_it_refuses_the_market(factor: float, fine: bool) -> None:
    """D5."""
    price = 100.0 * factor
    rows: list[Row] = [(T0, 100.0, 100.0, 100.0, 100.0, 1.0), (T0 + H, price, price, price, price, 1.0)]
    if fine:
        assert checked(rows, "BTC/USD", HOUR, 10.0) == rows
        return
    with pytest.raises(DataError, match="10 times off the close before it, 100"):
        checked(rows, "BTC/USD", HOUR, 10.0)


def test_a_wick_alone_is_a_spike_too() -> None:
    """D5."""
    rows: list[Row] = [(T0, 100.0, 100.0, 100.0, 100.0, 1.0), (T0 + H, 100.0, 1_000.0, 100.0, 100.0, 1.0)]
    with pytest.raises(DataError, match="times off"):
        checked(rows, "BTC/USD", HOUR, 10.0)


def test_a_time_off_the_grid_refuses_the_market() -> None:
    """D9."""
    with pytest.raises(DataError, match="is not on the grid of 1h"):
        kraken(kraken_rows(3, T0 + 60_000), T0 + 9 * H)[0]("BTC/USD", HOUR, T0)


@pytest.mark.parametrize(("venue", "frame"), [("kraken", "2h"), ("kraken", "1w"), ("binance", "7m"), ("binance", "3d")])
def test_a_timeframe_that_is_not_served_is_refused_before_the_venue_is_asked(venue: str, frame: str) -> None:
    """D9."""
    ask = Ask([])
    one = Candles(venue, ask, lambda _: "X", lambda: T0, 10.0)
    with pytest.raises(DataError, match=f"serves no candles of {frame}"):
        one("BTC/USD", Timeframe.parse(frame), None)
    assert ask.asked == []


def test_a_hole_is_left_a_hole() -> None:
    """D2."""
    rows = kraken_rows(6)
    candles, _ = kraken(rows[:2] + rows[5:], T0 + 9 * H)
    assert [row[0] for row in candles("BTC/USD", HOUR, T0)] == [T0, T0 + H, T0 + 5 * H]


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4), st.integers(0, 7))
def test_whatever_order_and_repetition_the_same_rows_come_out(order: list[int], again: list[int], hours: int) -> None:
    rows = kraken_rows(6)
    candles, _ = kraken([rows[i] for i in [*order, *again]], T0 + hours * H)
    got = candles("BTC/USD", HOUR, T0)
    assert [row[0] for row in got] == [T0 + i * H for i in range(min(hours, 6))]
