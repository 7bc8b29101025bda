"""Alpaca's bars over real HTTP: closed ones of regular trading, as they were traded, and what was done to the shares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alpaca_server import DAY, KEY, SECRET, AlpacaServer, Listed, day_at

from trader_cli.errors import DataError, UsageError, VenueError
from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Page, Row
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.alpaca import AlpacaHistory
from trader_cli.venues.alpaca_post import AlpacaPost

pytestmark = pytest.mark.req("R3.4")
# Monday 2024-07-01, in New York's summer; that Wednesday trading ends at one, Thursday is a holiday.
MONDAY = 19_905 * DAY
HOUR, HALF = 3_600_000, 1_800_000
NOW = MONDAY + 5 * DAY
NAMES = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")


@pytest.fixture
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer() as made:
        yield made


class Slept:
    def __init__(self, ms: int = NOW) -> None:
        self.ms = ms
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)


def history(
    server: AlpacaServer,
    folder: Path,
    time: Slept | None = None,
    *,
    keys: tuple[str, str] = (KEY, SECRET),
    feed: str = "sip",
    delay_ms: int = 16 * 60_000,
) -> AlpacaHistory:
    at = time or Slept()
    post = AlpacaPost(server.url, folder / "alpaca.json", at.now_ms, at.sleep, 30.0, 200, NAMES, lambda: keys)
    return AlpacaHistory(post, at.now_ms, 10.0, feed, delay_ms)


def day(n: int, close: float, volume: float = 1000.0) -> tuple[int, float, float, float, float, float]:
    return (day_at(MONDAY + n * DAY), close, close + 1, close - 1, close, volume)


def halves(n: int, first: int = 8 * HOUR, end: int = 24 * HOUR) -> list[tuple[int, float, float, float, float, float]]:
    """Return half hours of a day from before the opening to after the close, the price counting on from 100."""
    return [
        (MONDAY + n * DAY + at, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 10.0)
        for i, at in enumerate(range(first, end, HALF))
    ]


def listed(server: AlpacaServer, *days: Any, **actions: Any) -> Listed:
    server.stocks["AAPL"] = stock = Listed({"1Day": list(days)}, actions)
    return stock


def pages(at: AlpacaHistory, first: int = 0, end: int = 5, symbol: str = "AAPL", frame: str = "1d") -> list[Page]:
    found, cursor = [], None
    while True:
        page, cursor = at.page(symbol, Timeframe.parse(frame), (MONDAY + first * DAY, MONDAY + end * DAY), cursor)
        found.append(page)
        if cursor is None:
            return found


def rows(found: list[Page]) -> list[Row]:
    return [row for page in found for row in page.rows]


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SPLIT_4 = {"symbol": "AAPL", "new_rate": 4, "old_rate": 1, "ex_date": "2024-07-03", "process_date": "2024-07-03"}
PAID = {
    "symbol": "AAPL", "rate": 0.8, "special": False, "foreign": False, "ex_date": "2024-07-02", "process_date": "2024-07-30",
}  # fmt: skip


def test_days_are_those_of_new_york_and_todays_is_still_forming(server: AlpacaServer, tmp_path: Path) -> None:
    at = Slept(MONDAY + 2 * DAY + 20 * HOUR)
    listed(server, day(0, 100.0), day(1, 101.0), day(2, 102.0))
    found = pages(history(server, tmp_path, at))
    assert [(row[0], row[4]) for row in rows(found)] == [(MONDAY, 100.0), (MONDAY + DAY, 101.0)]
    assert [page.span for page in found] == [(MONDAY, MONDAY), (MONDAY, MONDAY + 2 * DAY)]
    (_, actions), (path, asked) = server.asked
    assert actions["types"] == "forward_split,reverse_split,cash_dividend"
    assert (path, asked["symbols"], asked["timeframe"], asked["adjustment"], asked["feed"], asked["limit"]) == (
        "/v2/stocks/bars", "AAPL", "1Day", "raw", "sip", "10000",
    )  # fmt: skip
    assert asked["end"] == iso(at.ms - 16 * 60_000), "the free plan is refused what is newer"


def test_a_span_has_its_own_bars_only_and_the_few_days_before_it_show_that_the_symbol_lives(
    server: AlpacaServer, tmp_path: Path
) -> None:
    listed(server, *(day(n, 100.0 + n) for n in range(5)))
    at = history(server, tmp_path, Slept(MONDAY + 5 * DAY + 6 * HOUR))
    assert [row[4] for row in rows(pages(at, first=2, end=4))] == [102.0, 103.0]
    (*_, last) = pages(at, first=4, end=5)
    assert [row[4] for row in last.rows] == [104.0]
    assert server.asked[-1][1]["start"] == iso(MONDAY - 2 * DAY)
    server.page_bars = 2
    assert [row[4] for row in rows(pages(at, first=2, end=4))] == [102.0, 103.0]


@pytest.mark.parametrize(("late", "last"), [(30, "14:00"), (90, "14:30")])
def test_a_bar_is_left_alone_for_a_minute_whatever_the_plan(
    server: AlpacaServer, tmp_path: Path, late: int, last: str
) -> None:
    """Trades told late are worked into it half a minute after it is over."""
    server.stocks["AAPL"] = Listed({"30Min": halves(0)})
    at = history(server, tmp_path, Slept(MONDAY + 15 * HOUR + late * 1000), delay_ms=0)
    assert iso(rows(pages(at, end=1, frame="30m"))[-1][0])[11:16] == last


@pytest.mark.parametrize(("hours", "days"), [(3.9, 1), (4.2, 1), (4.3, 2)])
def test_a_day_is_over_when_it_is_over_in_new_york_and_told_late_enough(
    server: AlpacaServer, tmp_path: Path, hours: float, days: int
) -> None:
    """By hand: Tuesday ends at 04:00 UTC, and is to be had 16 minutes later."""
    listed(server, day(0, 100.0), day(1, 101.0))
    found = pages(history(server, tmp_path, Slept(MONDAY + 2 * DAY + round(hours * HOUR))))
    assert len(rows(found)) == days


def test_bars_are_as_they_were_traded_and_actions_as_they_were_told_but_for_those_to_come(
    server: AlpacaServer, tmp_path: Path
) -> None:
    late = {**PAID, "ex_date": "2024-07-08", "process_date": "2024-08-01"}
    special = {**PAID, "rate": 0.2, "special": True}
    reverse = {**SPLIT_4, "new_rate": 1, "old_rate": 8, "ex_date": "2024-07-04"}
    listed(
        server, day(0, 400.0), day(1, 404.0), day(2, 101.0, 4000.0), day(4, 808.0),
        forward_splits=[SPLIT_4], reverse_splits=[reverse], cash_dividends=[PAID, dict(PAID), special, late],
    )  # fmt: skip
    found = pages(history(server, tmp_path))
    assert [row[4:] for row in rows(found)] == [(400.0, 1000.0), (404.0, 1000.0), (101.0, 4000.0)]
    assert [one for page in found for one in page.actions] == [
        Action(MONDAY + DAY, DIVIDEND, 1.0), Action(MONDAY + 2 * DAY, SPLIT, 4.0), Action(MONDAY + 3 * DAY, SPLIT, 0.125),
    ]  # fmt: skip


def test_a_split_is_no_leap_out_of_all_reason_but_a_leap_without_one_is(server: AlpacaServer, tmp_path: Path) -> None:
    """D5. By hand: 1 for 20 takes 5 to 100."""
    reverse = {**SPLIT_4, "new_rate": 1, "old_rate": 20, "ex_date": "2024-07-02"}
    stock = listed(server, day(0, 5.0), day(1, 100.0), reverse_splits=[reverse])
    assert [row[4] for row in rows(pages(history(server, tmp_path)))] == [5.0, 100.0]
    stock.actions.clear()
    for server.page_bars in (1, 10):
        with pytest.raises(DataError, match="times off the close before it"):
            pages(history(server, tmp_path))


def test_hours_hold_regular_trading_only_and_begin_on_the_hour(server: AlpacaServer, tmp_path: Path) -> None:
    """By hand: New York opens at 13:30 UTC, the 12th half hour since eight; the last of 13 begins at 19:30."""
    server.stocks["AAPL"] = Listed({"30Min": halves(0)})
    found = rows(pages(history(server, tmp_path), end=1, frame="1h"))
    assert [iso(row[0])[11:16] for row in found] == ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00", "19:00"]
    assert found[0][1:] == (111.0, 112.0, 110.0, 111.5, 10.0)
    assert found[1][1:] == (112.0, 114.0, 111.0, 113.5, 20.0)
    assert found[-1][1:] == (122.0, 124.0, 121.0, 123.5, 20.0)
    half = rows(pages(history(server, tmp_path), end=1, frame="30m"))
    assert [iso(row[0])[11:16] for row in (half[0], half[-1])] == ["13:30", "19:30"]
    assert len(half) == 13


def test_trading_ends_at_one_before_a_holiday(server: AlpacaServer, tmp_path: Path) -> None:
    server.stocks["AAPL"] = Listed({"30Min": halves(2)})
    found = rows(pages(history(server, tmp_path), first=2, end=3, frame="30m"))
    assert [iso(row[0])[11:16] for row in (found[0], found[-1])] == ["13:30", "16:30"]


def test_the_hour_that_is_not_over_and_the_one_whose_second_half_is_late_are_left_out(
    server: AlpacaServer, tmp_path: Path
) -> None:
    server.stocks["AAPL"] = Listed({"30Min": halves(0, end=15 * HOUR)})
    for hours, last in ((15.1, "13:00"), (15.3, "14:00")):
        found = pages(history(server, tmp_path, Slept(MONDAY + round(hours * HOUR))), end=1, frame="1h")
        assert iso(rows(found)[-1][0])[11:16] == last
        assert found[-1].span[1] == rows(found)[-1][0] + HOUR
    server.stocks["AAPL"].bars["30Min"].pop()
    found = pages(history(server, tmp_path, Slept(MONDAY + 16 * HOUR)), end=1, frame="1h")
    assert iso(rows(found)[-1][0])[11:16] == "13:00"
    found = pages(history(server, tmp_path, Slept(MONDAY + 8 * DAY)), end=1, frame="1h")
    assert rows(found)[-1][1:] == (112.0, 113.0, 111.0, 112.5, 10.0), "a week later it does not come any more"


def test_a_clock_of_ours_that_is_ahead_stores_no_bar_that_is_still_forming(
    server: AlpacaServer, tmp_path: Path
) -> None:
    """By hand: an hour ahead, at 15:10 in truth; the half hour of 14:30 is the last that is over."""
    server.stocks["AAPL"] = Listed({"30Min": halves(0)})
    server.date_s = (MONDAY + 15 * HOUR) // 1000 + 600
    at = history(server, tmp_path, Slept(MONDAY + 16 * HOUR + 600_000), delay_ms=0)
    assert iso(rows(pages(at, end=1, frame="30m"))[-1][0])[11:16] == "14:30"
    assert MONDAY + 15 * HOUR <= at.now_ms() - 600_000 < MONDAY + 15 * HOUR + 5000


def test_nothing_is_asked_of_nights_and_weekends_in_which_nothing_is_traded(
    server: AlpacaServer, tmp_path: Path
) -> None:
    """By hand: Friday's trading ends at 20:00 UTC, Monday's begins at 13:30."""
    server.stocks["AAPL"] = Listed({"30Min": halves(4)})
    at = history(server, tmp_path, Slept(MONDAY + 7 * DAY + 13 * HOUR))
    (*_, last) = pages(at, first=4, end=7, frame="1h")
    assert last.span[1] == MONDAY + 7 * DAY, "no bar of the weekend is only late"
    asked = len(server.asked)
    hour = Timeframe.parse("1h")
    for first, end in ((MONDAY + 4 * DAY + 20 * HOUR, MONDAY + 7 * DAY + 12 * HOUR), (MONDAY, MONDAY + 13 * HOUR)):
        (page, _) = at.page("AAPL", hour, (first, end), None)
        assert (page.rows, page.span, page.proves) == ((), (first, end), True)
    assert len(server.asked) == asked
    at.page("AAPL", hour, (MONDAY + 4 * DAY + 19 * HOUR, MONDAY + 7 * DAY), None)
    assert len(server.asked) == asked + 1


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize("frame", ["30m", "1h"])
def test_pages_of_any_length_give_the_same_bars_and_answer_for_all_between_them(
    server: AlpacaServer, tmp_path: Path, size: int, frame: str
) -> None:
    server.stocks["AAPL"] = Listed({"30Min": [bar for n in (0, 2) for bar in halves(n)]})
    whole = rows(pages(history(server, tmp_path), frame=frame))
    server.page_bars = size
    found = pages(history(server, tmp_path), frame=frame)
    assert rows(found) == whole
    assert all(one.span[1] == other.span[0] for one, other in pairwise(found))
    assert all(one.proves for one in found if one.rows)


def test_a_symbol_it_does_not_know_is_a_matter_of_usage_and_one_without_bars_in_a_span_is_not(
    server: AlpacaServer, tmp_path: Path
) -> None:
    for symbol in ("FOO", "FOO1"):
        with pytest.raises(UsageError, match=f"alpaca has no bars of `{symbol}`"):
            pages(history(server, tmp_path), symbol=symbol)
    listed(server, day(0, 100.0))
    at = history(server, tmp_path)
    (*_, last) = pages(at, first=-900, end=-800)
    assert (list(last.rows), last.span, last.proves) == ([], (MONDAY - 900 * DAY, MONDAY - 800 * DAY), True)
    asked = len(server.asked)
    pages(at, first=-900, end=-800)
    assert len(server.asked) == asked + 1, "what is known of it, and its actions, are not asked for again"


def test_a_class_of_shares_is_spelled_its_way(server: AlpacaServer, tmp_path: Path) -> None:
    server.stocks["BRK.B"] = Listed({"1Day": [day(0, 400.0)]})
    for symbol in ("BRK/B", "BRK-B", "BRK.B"):
        assert len(rows(pages(history(server, tmp_path), symbol=symbol))) == 1


def test_lengths_it_does_not_serve_are_named(server: AlpacaServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`alpaca` serves no bars of 4h"):
        pages(history(server, tmp_path), frame="4h")
    assert server.asked == []


# Key and secret


def test_key_and_secret_go_into_the_headers_and_nowhere_else(server: AlpacaServer, tmp_path: Path) -> None:
    listed(server, day(0, 100.0))
    pages(history(server, tmp_path))
    assert all((one["apca-api-key-id"], one["apca-api-secret-key"]) == (KEY, SECRET) for one in server.headers)
    assert SECRET not in json.dumps(server.asked) + (tmp_path / "alpaca.json").read_text()


def test_wrong_ones_are_said_once_and_nothing_more_is_asked(server: AlpacaServer, tmp_path: Path) -> None:
    at = history(server, tmp_path, keys=("PKWRONG", "wrong"))
    for _ in range(2):
        with pytest.raises(VenueError, match="does not accept the key and secret of `APCA_API_KEY_ID`") as caught:
            pages(at)
        assert caught.value.resolution == "skip_cycle"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_that_is_no_json_is_about_the_key_too(server: AlpacaServer, tmp_path: Path, status: int) -> None:
    server.answers = [(status, {"Content-Type": "text/html"}, "<html>Authorization Required</html>")]
    with pytest.raises(VenueError, match="does not accept the key and secret"):
        pages(history(server, tmp_path))


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "ключ"])
def test_what_can_be_no_key_is_not_sent_and_not_shown(server: AlpacaServer, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="`APCA_API_SECRET_KEY` holds what is no key") as caught:
        pages(history(server, tmp_path, keys=(KEY, text)))
    assert server.asked == []
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_an_answer_that_repeats_the_secret_is_not_repeated(server: AlpacaServer, tmp_path: Path, status: int) -> None:
    server.answers = [(status, {}, json.dumps({"message": f"subscription symbol {SECRET} {KEY}"}))]
    with pytest.raises((VenueError, UsageError)) as caught:
        pages(history(server, tmp_path))
    said = " ".join([caught.value.message, *caught.value.hints])
    assert SECRET not in said
    assert KEY not in said


def test_an_answer_that_points_elsewhere_is_not_followed_with_the_key(server: AlpacaServer, tmp_path: Path) -> None:
    with AlpacaServer() as other:
        server.answers = [(302, {"Location": f"{other.url}/v2/stocks/bars"}, "{}")]
        with pytest.raises(VenueError):
            pages(history(server, tmp_path))
        assert other.asked == []


def test_a_plan_without_the_newest_bars_is_told_what_to_do(server: AlpacaServer, tmp_path: Path) -> None:
    server.free_ms = NOW
    listed(server, day(0, 100.0))
    with pytest.raises(VenueError, match="subscription does not permit querying recent SIP data") as caught:
        pages(history(server, tmp_path, delay_ms=0))
    assert "fetch.alpaca_delay_min=16" in caught.value.hints[0]
    assert len(rows(pages(history(server, tmp_path)))) == 1
    assert len(rows(pages(history(server, tmp_path, feed="iex", delay_ms=0)))) == 1


# Its rate


def test_it_is_asked_no_more_often_than_the_plan_allows(server: AlpacaServer, tmp_path: Path) -> None:
    """By hand: 200 a minute is one in 0.3 s."""
    listed(server, day(0, 100.0))
    at = Slept()
    for _ in range(2):
        pages(history(server, tmp_path, at))
    assert at.slept == [0.3, 0.3, 0.3]


def test_several_processes_stand_in_one_line(server: AlpacaServer, tmp_path: Path) -> None:
    """By hand: four that come at once wait 0, 0.3, 0.6 and 0.9 s; a clock that was put back a day waits for nobody."""
    waited: list[float] = []
    server.answers = [(200, {}, NONE)] * 5
    for now_ms in (NOW, NOW, NOW, NOW, NOW - DAY):
        post = AlpacaPost(
            server.url, tmp_path / "alpaca.json", lambda at=now_ms: at, waited.append, 30.0, 200, NAMES,
            lambda: (KEY, SECRET),
        )  # fmt: skip
        post("/v2/stocks/bars", {})
    assert waited == [0.3, 0.6, 0.9]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": str(NOW // 1000 + 42)}, 42), ({"Retry-After": "120"}, 120), ({}, 60),
        ({"X-RateLimit-Reset": str(NOW // 1000 - 1)}, 60), ({"X-RateLimit-Reset": "9" * 30}, 60),
        ({"X-RateLimit-Reset": "soon"}, 60),
    ],
)  # fmt: skip
def test_where_it_turns_us_away_no_process_asks_before_that_ends(
    server: AlpacaServer, tmp_path: Path, headers: dict[str, str], seconds: int
) -> None:
    """B1."""
    listed(server, day(0, 100.0))
    server.answers = [(429, headers, '{"message": "too many requests."}')]
    at = Slept()
    for _ in range(2):
        with pytest.raises(VenueError) as caught:
            pages(history(server, tmp_path, at))
        assert caught.value.retry_ms == NOW + seconds * 1000
    assert len(server.asked) == 1
    at.ms = NOW + seconds * 1000
    assert len(rows(pages(history(server, tmp_path, at)))) == 1


# What is no answer

BAR = {"t": "2024-07-01T04:00:00Z", "o": 100, "h": 101, "l": 99, "c": 100.5, "v": 1000, "n": 3, "vw": 100.1}
NONE = '{"corporate_actions": {}, "next_page_token": null}'


def of(*bars: object, more: object = None, symbol: str = "AAPL") -> str:
    return json.dumps({"bars": {symbol: list(bars)}, "next_page_token": more})


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "<html>"), (200, ""), (200, "[]"), (200, "{}"), (502, "<html>"), (503, "{}"), (200, '{"bars": 7}'),
        (200, '{"bars": {"AAPL": 7}}'), (200, of(7)), (200, of(BAR, symbol="MSFT")), (200, of(BAR, more=7)),
        (200, of({**BAR, "c": None})), (200, of({**BAR, "c": "x"})), (200, of({**BAR, "v": -1})), (200, of({**BAR, "t": "?"})),
        (200, of({**BAR, "t": "2024-07-01T04:00:00"})), (200, of({**BAR, "t": "2024-07-01T04:30:00Z"})), (200, of(BAR, BAR)),
        (200, of({**BAR, "c": float("nan")})), (200, of({**BAR, "c": float("inf")})), (200, of({**BAR, "t": 5})),
        (200, of({**BAR, "t": "0001-01-01T00:00:00Z"})), (200, of({**BAR, "t": "9999-12-31T00:00:00Z"})),
        (200, of({**BAR, "t": "2024-07-02T04:00:00Z"}, BAR)), (200, of(more="x")),
        (200, '{"bars": null, "next_page_token": "x"}'),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_asked_for_again_and_nothing_is_concluded_from_it(
    server: AlpacaServer, tmp_path: Path, status: int, text: str
) -> None:
    server.answers = [(200, {}, NONE), (status, {}, text)]
    with pytest.raises(VenueError) as caught:
        pages(history(server, tmp_path))
    assert caught.value.resolution == "retry"


@pytest.mark.parametrize(
    "actions",
    [
        7, None, {"forward_splits": 7}, {"forward_splits": [7]}, {"forward_splits": [{**SPLIT_4, "old_rate": 0}]},
        {"forward_splits": [{**SPLIT_4, "new_rate": None}]}, {"reverse_splits": [{**SPLIT_4, "ex_date": "soon"}]},
        {"cash_dividends": [{**PAID, "rate": -1}]}, {"cash_dividends": [{**PAID, "symbol": "MSFT"}]},
        {"cash_dividends": [{**PAID, "ex_date": None}]},
    ],
)  # fmt: skip
def test_actions_that_are_none_are_asked_for_again_before_any_bar_is(
    server: AlpacaServer, tmp_path: Path, actions: object
) -> None:
    server.answers = [(200, {}, json.dumps({"corporate_actions": actions, "next_page_token": None}))]
    with pytest.raises(VenueError) as caught:
        pages(history(server, tmp_path))
    assert (caught.value.resolution, len(server.asked)) == ("retry", 1)


def test_pages_that_repeat_end_nothing_in_a_circle(server: AlpacaServer, tmp_path: Path) -> None:
    server.answers = [(200, {}, NONE), (200, {}, of(BAR, more="again")), (200, {}, of(BAR, more="again"))]
    with pytest.raises(VenueError, match="repeat or go back"):
        pages(history(server, tmp_path))
    told = json.dumps({"corporate_actions": {"cash_dividends": [PAID]}, "next_page_token": "again"})
    server.answers = [(200, {}, told), (200, {}, told)]
    with pytest.raises(VenueError, match="a page that repeats"):
        pages(history(server, tmp_path))


def test_actions_come_in_pages_too(server: AlpacaServer, tmp_path: Path) -> None:
    server.page_actions = 1
    special = {**PAID, "rate": 0.2, "special": True}
    listed(server, day(0, 400.0), forward_splits=[SPLIT_4], cash_dividends=[PAID, special])
    found = pages(history(server, tmp_path))
    assert [page.actions for page in found[:3]] == [
        (), (), (Action(MONDAY + DAY, DIVIDEND, 1.0), Action(MONDAY + 2 * DAY, SPLIT, 4.0)),
    ]  # fmt: skip


def test_damaged_bars_are_refused(server: AlpacaServer, tmp_path: Path) -> None:
    listed(server, (day_at(MONDAY), 100.0, 99.0, 101.0, 100.0, 5.0))
    with pytest.raises(DataError, match="has its high below its low"):
        pages(history(server, tmp_path))


def test_an_answer_that_does_not_come_or_not_whole_is_asked_for_again(server: AlpacaServer, tmp_path: Path) -> None:
    at = Slept()
    post = AlpacaPost(server.url, tmp_path / "alpaca.json", at.now_ms, at.sleep, 0.3, 200, NAMES, lambda: (KEY, SECRET))
    server.hang_at = 0
    server.answers = [(200, {}, NONE), (200, {"Content-Length": "9999", "Connection": "close"}, NONE[:20])]
    for pattern in ("timeout", "http"):
        with pytest.raises(VenueError) as caught:
            pages(AlpacaHistory(post, at.now_ms, 10.0, "sip", 0))
        assert (caught.value.pattern, caught.value.resolution) == (pattern, "retry")
        server.released.set()


def test_nobody_there_is_said(tmp_path: Path) -> None:
    at = Slept()
    post = AlpacaPost(
        "http://127.0.0.1:9", tmp_path / "alpaca.json", at.now_ms, at.sleep, 5.0, 200, NAMES, lambda: (KEY, SECRET)
    )
    with pytest.raises(VenueError, match="no connection could be made"):
        pages(AlpacaHistory(post, at.now_ms, 10.0, "sip", 0))
