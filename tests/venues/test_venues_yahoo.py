"""Yahoo's bars over real HTTP: closed ones, as they were traded, with what the company did to its shares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yahoo_server import DAY, OPENS, Stock, YahooServer

from trader_cli.errors import DataError, UsageError, VenueError
from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Page
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.yahoo import YahooHistory
from trader_cli.venues.yahoo_post import YahooPost

pytestmark = pytest.mark.req("R3.4")
# Monday 2024-07-01, in New York's summer.
MONDAY = 19_905 * DAY
NOW = MONDAY + 5 * DAY
DAILY = Timeframe.parse("1d")


@pytest.fixture
def server() -> Iterator[YahooServer]:
    with YahooServer() as made:
        yield made


class Slept:
    def __init__(self) -> None:
        self.ms = NOW
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)


def history(server: YahooServer, folder: Path, time: Slept | None = None) -> YahooHistory:
    at = time or Slept()
    return YahooHistory(YahooPost(server.url, folder / "yahoo.json", at.now_ms, at.sleep, 30.0), at.now_ms, 10.0)


def day(n: int, close: float, volume: float = 1000.0) -> tuple[int, Any]:
    return (MONDAY + n * DAY + OPENS, (close, close + 1, close - 1, close, volume))


def week(server: YahooServer, *bars: tuple[int, Any], **more: Any) -> Stock:
    server.stocks["AAPL"] = stock = Stock(list(bars), **more)
    return stock


def page(at: YahooHistory, first: int = 0, end: int = 5, symbol: str = "AAPL", frame: Timeframe = DAILY) -> Page:
    made, cursor = at.page(symbol, frame, (MONDAY + first * DAY, MONDAY + end * DAY), None)
    assert cursor is None
    return made


def test_days_are_those_of_the_exchange_and_today_is_still_forming(server: YahooServer, tmp_path: Path) -> None:
    at = Slept()
    at.ms = MONDAY + 2 * DAY + 20 * 3_600_000
    week(server, day(0, 100.0), day(1, 101.0), day(2, 102.0))
    made = page(history(server, tmp_path, at))
    assert [(row[0], row[4]) for row in made.rows] == [(MONDAY, 100.0), (MONDAY + DAY, 101.0)]
    assert made.span == (MONDAY, MONDAY + 2 * DAY)
    path, asked = server.asked[0]
    assert (path, asked["interval"], asked["events"]) == ("/v8/finance/chart/AAPL", "1d", "div,splits")
    assert asked["period2"] == str(at.ms // 1000), "up to now: every split since has to be known"


def test_prices_and_volumes_are_as_they_were_traded_and_dividends_as_they_were_paid(
    server: YahooServer, tmp_path: Path
) -> None:
    """By hand: 400 traded before 4 for 1 comes as 100, and its volume of 1,000 as 4,000; 0.80 paid comes as 0.20."""
    week(
        server, day(0, 400.0), day(1, 404.0), day(2, 101.0, 4000.0),
        splits={MONDAY + 2 * DAY: (4, 1)}, dividends={MONDAY + DAY: 0.8},
    )  # fmt: skip
    raw = json.loads(server.answer("/AAPL", {"period1": "0", "period2": str(NOW // 1000)})[2])
    assert raw["chart"]["result"][0]["indicators"]["quote"][0]["close"] == [100.0, 101.0, 101.0]
    made = page(history(server, tmp_path))
    assert [row[4:] for row in made.rows] == [(400.0, 1000.0), (404.0, 1000.0), (101.0, 4000.0)]
    assert made.actions == (
        Action(MONDAY + DAY, DIVIDEND, pytest.approx(0.8)),
        Action(MONDAY + 2 * DAY, SPLIT, 4.0),
    )


def test_a_day_without_trading_and_the_price_of_now_are_no_bars(server: YahooServer, tmp_path: Path) -> None:
    at = Slept()
    at.ms = MONDAY + 3 * DAY + 3_600_000
    live = (MONDAY + 2 * DAY + OPENS + 6 * 3_600_000, (9.0, 9.0, 9.0, 9.0, 0.0))
    week(server, day(0, 100.0), (MONDAY + DAY + OPENS, None), day(2, 102.0), live)
    assert [row[4] for row in page(history(server, tmp_path, at)).rows] == [100.0, 102.0]


def test_half_hours_are_on_the_grid_and_hours_are_made_of_them(server: YahooServer, tmp_path: Path) -> None:
    half = 1_800_000
    bars = [(MONDAY + OPENS + n * half, (10.0, 11.0, 9.0, 10.5, 5.0)) for n in range(13)]
    week(server, *bars)
    made = page(history(server, tmp_path), frame=Timeframe.parse("30m"))
    assert [row[0] for row in made.rows] == [at for at, _ in bars]
    hours = page(history(server, tmp_path), frame=Timeframe.parse("1h"))
    assert [row[0] for row in hours.rows] == [MONDAY + n * 2 * half for n in range(13, 20)]
    assert [row[1:] for row in hours.rows[:2]] == [(10.0, 11.0, 9.0, 10.5, 5.0), (10.0, 11.0, 9.0, 10.5, 10.0)]
    assert hours.span == (MONDAY, MONDAY + 40 * half)
    with pytest.raises(DataError, match="serves no bars of 4h"):
        page(history(server, tmp_path), frame=Timeframe.parse("4h"))


def test_the_hour_whose_second_half_is_not_there_yet_is_left_out(server: YahooServer, tmp_path: Path) -> None:
    half, hour = 1_800_000, Timeframe.parse("1h")
    at = Slept()
    for now, bars, last in ((14.9, 3, 13), (15.4, 4, 14), (16.1, 4, 14), (16.1, 3, 14), (16.1, 2, 13)):
        week(server, *((MONDAY + OPENS + n * half, (10.0, 11.0, 9.0, 10.5, 5.0)) for n in range(bars)))
        at.ms = MONDAY + round(now * 2 * half)
        made = page(history(server, tmp_path, at), end=1, frame=hour)
        assert (made.rows[-1][0], made.span[1]) == (MONDAY + last * 2 * half, MONDAY + (last + 1) * 2 * half)


def test_within_the_day_it_is_asked_for_the_last_60_days_only(server: YahooServer, tmp_path: Path) -> None:
    week(server, day(0, 100.0))
    frame = Timeframe.parse("30m")
    at, span = history(server, tmp_path), (MONDAY - 200 * DAY, MONDAY + 5 * DAY)
    old, cursor = at.page("AAPL", frame, span, None)
    assert (old.rows, old.span[0], old.proves, server.asked) == ((), span[0], True, [])
    new, after = at.page("AAPL", frame, span, cursor)
    assert (len(new.rows), new.span[0], after) == (1, old.span[1], None)
    assert int(server.asked[0][1]["period1"]) * 1000 == new.span[0] > NOW - 60 * DAY
    made = page(at, first=-200, end=-100, frame=frame)
    assert (made.rows, made.span, made.proves) == ((), (span[0], MONDAY - 100 * DAY), True)
    assert len(server.asked) == 1


def test_a_dividend_that_is_told_weeks_late_still_comes(server: YahooServer, tmp_path: Path) -> None:
    week(server, *(day(n, 100.0) for n in range(-25, 5)), dividends={MONDAY - 20 * DAY: 0.5})
    made = page(history(server, tmp_path), first=4)
    assert ([row[0] for row in made.rows], made.actions) == (
        [MONDAY + 4 * DAY],
        (Action(MONDAY - 20 * DAY, DIVIDEND, 0.5),),
    )


def test_a_symbol_it_does_not_know_is_a_matter_of_usage(server: YahooServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yahoo has no bars of `FOO`: No data found, symbol may be delisted"):
        page(history(server, tmp_path), symbol="FOO")


def test_a_class_of_shares_is_spelled_its_way(server: YahooServer, tmp_path: Path) -> None:
    server.stocks["BRK-B"] = Stock([day(0, 400.0)])
    assert len(page(history(server, tmp_path), symbol="BRK/B").rows) == 1


def test_it_is_not_asked_twice_within_half_a_second_by_any_process(server: YahooServer, tmp_path: Path) -> None:
    week(server, day(0, 100.0))
    at = Slept()
    for _ in range(3):
        page(history(server, tmp_path, at))
    assert at.slept == [0.5, 0.5]


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "120"}, 120), ({}, 60)])
def test_where_it_turns_us_away_no_process_asks_before_that_ends(
    server: YahooServer, tmp_path: Path, headers: dict[str, str], seconds: int
) -> None:
    """B1."""
    week(server, day(0, 100.0))
    server.answers = [(429, headers, "Too Many Requests")]
    at = Slept()
    for _ in range(2):
        with pytest.raises(VenueError) as caught:
            page(history(server, tmp_path, at))
        assert caught.value.retry_ms == NOW + seconds * 1000
    assert len(server.asked) == 1
    at.ms = NOW + seconds * 1000
    assert len(page(history(server, tmp_path, at)).rows) == 1


GOOD = Stock([day(0, 100.0)]).chart({"period1": "0", "period2": str(NOW // 1000)}, "AAPL")
QUOTE = "result.0.indicators.quote.0"


def bent(where: str, value: object) -> str:
    """Return the good answer with another value at a place; a place that ends in `-` is left out."""
    answer = json.loads(json.dumps(GOOD))
    *path, last = ["chart", *where.rstrip("-").split(".")]
    inner: Any = answer
    for key in path:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    if where.endswith("-"):
        del inner[last]
    return json.dumps(answer)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "<html>"), (200, ""), (200, "[]"), (200, "{}"), (200, '{"chart": null}'), (502, "<html>"), (503, "{}"),
        (200, '{"chart": {"result": [], "error": null}}'),
        (200, bent(f"{QUOTE}.close", [1, 1])), (200, bent(f"{QUOTE}.close", ["x"])),
        (200, bent(f"{QUOTE}.close", [float("nan")])), (200, bent("result.0.meta-", 0)),
        (200, bent("result.0.timestamp", [None])), (200, bent("result.0.events", 7)),
        (200, bent("result.0.events", {"splits": {"1": {"date": 1, "numerator": 0, "denominator": 0}}})),
        (200, bent("result.0.events", {"dividends": {"1": {"date": 1, "amount": -1}}})),
        (200, bent("error", {"code": "Internal", "description": ""})),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_asked_for_again_and_nothing_is_concluded_from_it(
    server: YahooServer, tmp_path: Path, status: int, text: str
) -> None:
    server.answers = [(status, {}, text)]
    with pytest.raises(VenueError) as caught:
        page(history(server, tmp_path))
    assert caught.value.resolution == "retry"


def test_a_price_that_leaps_out_of_all_reason_is_refused(server: YahooServer, tmp_path: Path) -> None:
    """D5."""
    week(server, day(0, 100.0), day(1, 5000.0))
    with pytest.raises(DataError, match="times off the close before it"):
        page(history(server, tmp_path))


def test_nobody_there_is_said(tmp_path: Path) -> None:
    at = Slept()
    one = YahooHistory(
        YahooPost("http://127.0.0.1:9", tmp_path / "yahoo.json", at.now_ms, at.sleep, 5.0), at.now_ms, 10.0
    )
    with pytest.raises(VenueError, match="no connection could be made"):
        page(one)
