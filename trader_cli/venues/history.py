"""The history of a market, page after page: what a fetch asks Kraken and Binance for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trader_cli.jobs.fetch import Page, Span
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.candles import BINANCE_PAGE, Candles

KRAKEN_WINDOW = 719
"""Closed candles of Kraken's newest 720: the last is forming."""


class BinanceHistory:
    """Binance's klines, a thousand a request, from whenever the market opened.

    now_ms: the venue's time, asked of it.
    """

    name = "binance"

    def __init__(self, candles: Candles, now_ms: Callable[[], int]) -> None:
        self._candles = candles
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        return self._now_ms()

    def page_bars(self) -> int:
        """Return how many bars one answer holds."""
        return BINANCE_PAGE

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        """Return how many requests a span takes."""
        return max(1, -(-(span[1] - span[0]) // (timeframe.ms * BINANCE_PAGE)))

    def pages(self, symbol: str, timeframe: Timeframe, span: Span) -> Iterator[Page]:
        """Yield the closed bars of a span of opens. Raises VenueError, or DataError for damaged ones."""
        at, end = span
        while at < end:
            rows = self._candles(symbol, timeframe, at)
            # A bar that is missing behind the last one may come late: nothing is said of it.
            reached = min(rows[-1][0] + timeframe.ms, end) if rows else at
            if reached > at:
                yield Page([row for row in rows if row[0] < end], (at, reached))
            if len(rows) < BINANCE_PAGE:
                return
            at = reached


class KrakenHistory:
    """Kraken's newest candles, one request for all there are."""

    name = "kraken"

    def __init__(self, candles: Candles, now_ms: Callable[[], int]) -> None:
        self._candles = candles
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        return self._now_ms()

    def page_bars(self) -> int:
        """Return how many bars one answer holds."""
        return KRAKEN_WINDOW

    def requests(self, timeframe: Timeframe, span: Span) -> float:  # noqa: ARG002
        """Return how many requests a span takes."""
        return 1

    def pages(self, symbol: str, timeframe: Timeframe, span: Span) -> Iterator[Page]:
        """Yield the closed bars of a span of opens. Raises VenueError, or DataError for damaged ones."""
        rows = [row for row in self._candles(symbol, timeframe, span[0]) if row[0] < span[1]]
        if rows:
            yield Page(rows, (rows[0][0], min(rows[-1][0] + timeframe.ms, span[1])))
