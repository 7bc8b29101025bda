"""Pages of history from the local exchange, by real requests: closed bars only, each once, to the end of the span."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from exchange import ExchangeServer
from rig import Rig, rig

from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.candles import Candles
from trader_cli.venues.history import BinanceHistory, KrakenHistory

# A quarter past some hour: 2026-03-01T12:15:00Z.
NOON = 1_772_367_300_000
HOUR = Timeframe.parse("1h")
H = HOUR.ms
CLOSED = NOON // H * H


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(now_ms=NOON) as made:
        yield made


def candles(at: Rig) -> Candles:
    def pair(symbol: str) -> str:
        return str(at.rulebook.raw([symbol])[symbol]["id"])

    return Candles(at.venue, at.client.candles, pair, at.client.now_ms, 10.0)


def test_binance_gives_a_thousand_a_page_until_the_span_ends(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "binance", tmp_path)
    history = BinanceHistory(candles(at), at.client.now_ms)
    span = (CLOSED - 2500 * H, CLOSED)
    pages = list(history.pages("BTC/USDT", HOUR, span))
    assert [len(one.rows) for one in pages] == [1000, 1000, 500]
    times = [row[0] for one in pages for row in one.rows]
    assert times == list(range(span[0], span[1], H))
    assert pages[0].span[0] == span[0]
    assert pages[-1].span[1] == span[1]
    assert all(left.span[1] == right.span[0] for left, right in pairwise(pages))
    assert len(server.requests("klines")) == 3 == history.requests(HOUR, span)


def test_the_forming_bar_is_in_no_page(server: ExchangeServer, tmp_path: Path) -> None:
    for venue, made in (("binance", BinanceHistory), ("kraken", KrakenHistory)):
        at = rig(server, venue, tmp_path)
        (page,) = made(candles(at), at.client.now_ms).pages(at.symbol, HOUR, (CLOSED - 3 * H, CLOSED + 9 * H))
        assert [row[0] for row in page.rows] == [CLOSED - 3 * H, CLOSED - 2 * H, CLOSED - H]
        assert page.span == (CLOSED - 3 * H, CLOSED)


def test_a_market_that_opened_later_has_no_bars_before(server: ExchangeServer, tmp_path: Path) -> None:
    server.do("history", venue="binance", symbol="BTC/USDT", days=1)
    at = rig(server, "binance", tmp_path)
    (page,) = BinanceHistory(candles(at), at.client.now_ms).pages("BTC/USDT", HOUR, (CLOSED - 900 * H, CLOSED))
    assert page.rows[0][0] == CLOSED - 23 * H
    assert page.span == (CLOSED - 900 * H, CLOSED)
