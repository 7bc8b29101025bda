"""Pages of history from the local exchange, by real requests: closed bars only, each once, to the end of the span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from exchange import ExchangeServer
from hypothesis import given
from hypothesis import strategies as st
from rig import Rig, rig

from trader_cli.errors import VenueError
from trader_cli.jobs.fetch import Page, Span
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.candles import Candles
from trader_cli.venues.history import BinanceHistory, KrakenHistory
from trader_cli.venues.history_rest import Rest
from trader_cli.venues.history_trades import Trades

# A quarter past some hour: 2026-03-01T12:15:00Z.
NOON = 1_772_367_300_000
HOUR = Timeframe.parse("1h")
H = HOUR.ms
CLOSED = NOON // H * H


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(now_ms=NOON) as made:
        yield made


def walk(history: BinanceHistory | KrakenHistory, symbol: str, span: Span, frame: Timeframe = HOUR) -> list[Page]:
    """Return every page of a span."""
    pages, cursor = [], None
    while True:
        page, cursor = history.page(symbol, frame, span, cursor)  # type: ignore[arg-type]
        pages.append(page)
        if cursor is None:
            return pages


def histories(at: Rig) -> BinanceHistory | KrakenHistory:
    def pair(symbol: str) -> str:
        return str(at.rulebook.raw([symbol])[symbol]["id"])

    def trades(params: Mapping[str, Any]) -> object:
        return at.client.read("public_get_trades", params, kind="market_data")

    candles = Candles(at.venue, at.client.candles, pair, at.client.now_ms, 10.0)
    if at.venue == "binance":
        return BinanceHistory(candles, at.client.now_ms)
    return KrakenHistory(candles, Trades(trades, pair), at.client.now_ms)


def test_binance_gives_a_thousand_a_page_until_the_span_ends(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "binance", tmp_path)
    history = histories(at)
    span = (CLOSED - 2500 * H, CLOSED)
    pages = walk(history, "BTC/USDT", span)
    assert [len(one.rows) for one in pages] == [1000, 1000, 500]
    times = [row[0] for one in pages for row in one.rows]
    assert times == list(range(span[0], span[1], H))
    assert pages[0].span[0] == span[0]
    assert pages[-1].span[1] == span[1]
    assert all(left.span[1] == right.span[0] for left, right in pairwise(pages))
    assert len(server.requests("klines")) == 3 == history.requests(HOUR, span)


def test_the_forming_bar_is_in_no_page(server: ExchangeServer, tmp_path: Path) -> None:
    for venue in ("binance", "kraken"):
        at = rig(server, venue, tmp_path)
        (page,) = walk(histories(at), at.symbol, (CLOSED - 3 * H, CLOSED + 9 * H))
        assert [row[0] for row in page.rows] == [CLOSED - 3 * H, CLOSED - 2 * H, CLOSED - H]
        assert page.span == (CLOSED - 3 * H, CLOSED)


def test_a_market_that_opened_later_has_no_bars_before(server: ExchangeServer, tmp_path: Path) -> None:
    server.do("history", venue="binance", symbol="BTC/USDT", days=1)
    at = rig(server, "binance", tmp_path)
    (page,) = walk(histories(at), "BTC/USDT", (CLOSED - 900 * H, CLOSED))
    assert page.rows[0][0] == CLOSED - 23 * H
    assert page.span == (CLOSED - 900 * H, CLOSED)


def minutes(count: int, end_ms: int, quiet: set[int] = frozenset()) -> list[list[Any]]:
    """Return candles of a minute up to a time; those of the `quiet` numbers hold no trade."""
    rows = []
    for n in range(count):
        first, last = 50_000 + 7 * n % 90, 50_000 + 7 * (n + 1) % 90
        volume = "0" if n in quiet else f"{0.1 + n % 13 / 100:.8f}"
        prices = (first, max(first, last) + 2, min(first, last) - 3, last)
        rows.append([end_ms - (count - n) * 60_000, *(f"{price}.0" for price in prices), volume])
    return rows


MINUTE = Timeframe.parse("1m")


@pytest.mark.parametrize("frame", ["1m", "5m", "15m", "1h"])
def test_bars_of_trades_are_the_venues_own_candles_to_the_last_digit(
    server: ExchangeServer, tmp_path: Path, frame: str
) -> None:
    server.do("candles", venue="kraken", symbol="BTC/USD", interval_ms=60_000, rows=minutes(700, CLOSED))
    at = rig(server, "kraken", tmp_path)
    length = Timeframe.parse(frame)
    span = (-(-(CLOSED - 699 * 60_000) // length.ms) * length.ms, CLOSED)
    history = histories(at)
    assert isinstance(history, KrakenHistory)
    told = [row for page in walk(history, "BTC/USD", span, length) for row in page.rows]
    cursor, made = history._trades.begin(span), []
    while cursor is not None:
        page, cursor = history._trades.page("BTC/USD", length, cursor)
        assert page.proves
        made += page.rows
    assert len(made) == (span[1] - span[0]) // length.ms
    assert made == told
    assert len(server.requests("Trades", venue="kraken")) == 6, "4,893 trades, and that there is no more"


def test_kraken_is_paged_by_trades_beyond_its_720_candles(server: ExchangeServer, tmp_path: Path) -> None:
    """A minute without trades is in no page, and its page proves that it does not exist."""
    quiet = {100, 101, 555}
    server.do("candles", venue="kraken", symbol="BTC/USD", interval_ms=60_000, rows=minutes(1500, CLOSED, quiet))
    server.do("clock", set_ms=CLOSED + 30_000)
    at = rig(server, "kraken", tmp_path)
    span = (CLOSED - 1500 * 60_000, CLOSED)
    pages = walk(histories(at), "BTC/USD", span, MINUTE)
    candles, *older = pages
    # The 720th candle is still forming, but a loaded market stands still then: all 720 are closed.
    assert len(candles.rows) == 720
    assert all(page.proves for page in older)
    assert older[0].span[0] == span[0]
    assert older[-1].span[1] == candles.span[0]
    times = [row[0] for page in older for row in page.rows]
    assert times == [span[0] + n * 60_000 for n in range(780) if n not in quiet]
    assert len(server.requests("Trades", venue="kraken")) == len(older) == 6


def test_a_walk_goes_on_where_a_request_failed(server: ExchangeServer, tmp_path: Path) -> None:
    server.do("candles", venue="kraken", symbol="BTC/USD", interval_ms=60_000, rows=minutes(900, CLOSED))
    at = rig(server, "kraken", tmp_path)
    history = histories(at)
    span = (CLOSED - 900 * 60_000, CLOSED - 720 * 60_000)
    server.fault(path="Trades", nth=2, kind="status", status=503)
    page, cursor = history.page("BTC/USD", MINUTE, span, None)
    page, cursor = history.page("BTC/USD", MINUTE, span, cursor)  # type: ignore[arg-type]
    with pytest.raises(VenueError):
        history.page("BTC/USD", MINUTE, span, cursor)  # type: ignore[arg-type]
    rest, cursor = history.page("BTC/USD", MINUTE, span, cursor)  # type: ignore[arg-type]
    times = [row[0] for one in (page, rest) for row in one.rows]
    assert (cursor, times) == (None, list(range(span[0], span[1], 60_000)))


class Answers:
    """A venue that gives prepared answers, and keeps what was asked since."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.since: list[int] = []

    def __call__(self, params: Mapping[str, Any]) -> object:
        self.since.append(params["since"])
        return self.answers.pop(0)


def answer(*trades: tuple[str, int], last_ns: int) -> object:
    rows = [["100.0", "0.5", Decimal(time), "b", "m", "", number] for time, number in trades]
    return {"error": [], "result": {"XXBTZUSD": rows, "last": str(last_ns)}}


def test_trades_of_one_moment_on_both_sides_of_a_page_are_counted_once_each() -> None:
    """The venue's time to go on at is finer than the times of its trades: 0.1 us."""
    ask = Answers(
        answer(("60.0", 1), ("61.1234567", 2), ("61.1234567", 3), last_ns=61_123_456_712),
        answer(("61.1234567", 3), ("61.1234567", 4), ("61.1234568", 5), ("120.0", 6), last_ns=120_000_000_000),
    )
    trades = Trades(ask, lambda _: "XBTUSD")
    page, cursor = trades.page("BTC/USD", MINUTE, trades.begin((60_000, 120_000)))
    assert (page.rows, page.span) == ([], (60_000, 60_000))
    assert cursor is not None
    page, cursor = trades.page("BTC/USD", MINUTE, cursor)
    assert (page.rows, page.span, cursor) == ([(60_000, 100.0, 100.0, 100.0, 100.0, 2.5)], (60_000, 120_000), None)
    assert ask.since == [59_999_999_999, 61_123_456_711]


class Tape:
    """A venue with these trades, a few a page, later than `since`; their times are told in tenths of microseconds."""

    def __init__(self, trades: list[tuple[int, str, str]], page: int) -> None:
        self.trades, self.page = trades, page

    def __call__(self, params: Mapping[str, Any]) -> object:
        found = [(n, one) for n, one in enumerate(self.trades) if one[0] > params["since"]][: self.page]
        rows = [
            [price, quantity, Decimal(at // 100).scaleb(-7), "b", "m", "", number]
            for number, (at, price, quantity) in found
        ]
        last = found[-1][1][0] if found else params["since"]
        return {"error": [], "result": {"XXBTZUSD": rows, "last": str(last)}}


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 3), st.integers(1, 9), st.integers(1, 10**9)),
        max_size=40,
        unique_by=lambda one: one[:2],
    ),
    st.integers(6, 12),
    st.integers(0, 5),
)
def test_whatever_the_trades_and_the_pages_each_trade_is_in_one_bar(
    drawn: list[tuple[int, int, int, int]], page: int, late: int
) -> None:
    """Seconds of a minute, clusters within a few ns, prices and quantities; five bars of 12 s made by hand beside them."""
    start = 1_700_000_040_000
    tape = sorted(
        (start * 10**6 + second * 10**9 + few, f"{price}.5", str(Decimal(quantity).scaleb(-8)))
        for second, few, price, quantity in drawn
    )
    frame = Timeframe(12_000)
    span = (start, start + 60_000 - late * 12_000)
    trades = Trades(Tape(tape, page), lambda _: "XBTUSD")
    cursor, made = trades.begin(span), []
    while cursor is not None:
        one, cursor = trades.page("BTC/USD", frame, cursor)
        made += one.rows
    groups: dict[int, list[tuple[float, Decimal]]] = {}
    for at, price, quantity in tape:
        opens = frame.floor(at // 10**6)
        if span[0] <= opens < span[1]:
            groups.setdefault(opens, []).append((float(price), Decimal(quantity)))
    by_hand = []
    for opens, deals in sorted(groups.items()):
        prices = [price for price, _ in deals]
        volume = float(sum(quantity for _, quantity in deals))
        by_hand.append((opens, prices[0], max(prices), min(prices), prices[-1], volume))
    assert made == by_hand


def test_a_market_without_trades_has_no_bars() -> None:
    trades = Trades(Answers(answer(last_ns=1)), lambda _: "XBTUSD")
    page, cursor = trades.page("BTC/USD", MINUTE, trades.begin((60_000, 120_000)))
    assert (page.rows, page.span, page.proves, cursor) == ([], (60_000, 120_000), True, None)


@pytest.mark.parametrize(
    "bad",
    [
        None, "", [], {}, "<html>", {"error": ["EGeneral:Internal error"]}, {"error": [], "result": {"last": "1"}},
        {"error": [], "result": {"XXBTZUSD": []}},
        {"error": [], "result": {"XXBTZUSD": [], "XETHZUSD": [], "last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [7], "last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [["nan", "1", 1, "b", "m", "", 1]], "last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [["0", "1", 1, "b", "m", "", 1]], "last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [["1", "-1", 1, "b", "m", "", 1]], "last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [["1", "1", 1, "b", "m", ""]], "last": "1"}},
    ],
)  # fmt: skip
def test_an_answer_without_trades_is_no_proof_of_absence(bad: object) -> None:
    """A12b; also one that no longer has the trade it has to go on at."""
    trades = Trades(Answers(bad), lambda _: "XBTUSD")
    with pytest.raises(VenueError) as caught:
        trades.page("BTC/USD", MINUTE, trades.begin((60_000, 120_000)))
    assert (caught.value.pattern, caught.value.resolution) == ("no_trades", "retry")
    ask = Answers(answer(("60.0", 1), last_ns=60_000_000_000), answer(last_ns=60_000_000_000))
    trades = Trades(ask, lambda _: "XBTUSD")
    _, cursor = trades.page("BTC/USD", MINUTE, trades.begin((60_000, 120_000)))
    assert cursor is not None
    with pytest.raises(VenueError, match="the trade before them is missing"):
        trades.page("BTC/USD", MINUTE, cursor)


def test_a_question_rests_after_the_answer_before_whichever_it_was() -> None:
    now, slept, asked = [0], [], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += round(seconds * 1000)

    def ask(params: Mapping[str, Any]) -> object:
        asked.append(now[0])
        now[0] += 300
        if params.get("fails"):
            raise VenueError("away")
        return params

    rest = Rest(lambda: 1_000, lambda: now[0], sleep)
    candles, trades = rest.between(ask), rest.between(ask)
    assert candles({"a": 1}) == {"a": 1}
    with pytest.raises(VenueError):
        trades({"fails": 1})
    now[0] += 400
    candles({})
    assert (asked, slept) == ([0, 1_300, 2_600], [1.0, 0.6])
    now[0] -= 3_600_000
    trades({})
    assert slept[-1] == 1.0, "a clock that was put back"
