"""The history of a market, page after page: what a fetch asks Kraken and Binance for."""

from __future__ import annotations

from collections.abc import Callable

from trader_cli.jobs.fetch import Page, Span
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.candles import BINANCE_PAGE, Candles
from trader_cli.venues.history_trades import Bookmark, Trades

KRAKEN_WINDOW = 719
"""Closed candles of Kraken's newest 720: the last is forming."""
# Trades an hour of a market nobody has counted yet, in pages.
_PAGES_AN_HOUR = 1.0
_HOUR_MS = 3_600_000


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

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: int | None) -> tuple[Page, int | None]:
        """Return closed bars from the cursor on, and where to go on: ms UTC. Raises VenueError, or DataError for damage."""
        at = span[0] if cursor is None else cursor
        rows = self._candles(symbol, timeframe, at)
        # A bar that is missing behind the last one may come late: nothing is said of it.
        reached = min(rows[-1][0] + timeframe.ms, span[1]) if rows else at
        more = len(rows) == BINANCE_PAGE and reached < span[1]
        page = Page([row for row in rows if row[0] < span[1]], (at, reached), newest=not more)
        return page, reached if more else None


class KrakenHistory:
    """Kraken's newest 720 candles in one request; older bars are made of its trades, a thousand a request.

    trades: what makes them. now_ms: the venue's time, asked of it.
    """

    name = "kraken"

    def __init__(self, candles: Candles, trades: Trades, now_ms: Callable[[], int]) -> None:
        self._candles = candles
        self._trades = trades
        self._now_ms = now_ms
        self._pages_an_hour: float | None = None

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        return self._now_ms()

    def page_bars(self) -> int:
        """Return how many bars one answer holds."""
        return KRAKEN_WINDOW

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        """Return about how many requests a span takes, of trades as many as it took so far."""
        window = self._window_ms(timeframe)
        older_ms = min(span[1], window) - span[0]
        candles = 1.0 if span[1] > window else 0.0
        return candles + max(0.0, older_ms / _HOUR_MS * (self._pages_an_hour or _PAGES_AN_HOUR))

    def page(
        self, symbol: str, timeframe: Timeframe, span: Span, cursor: Bookmark | None
    ) -> tuple[Page, Bookmark | None]:
        """Return the newest candles first, then bars of trades from the oldest on, up to those candles.

        Raises VenueError, or DataError for damaged bars.
        """
        if cursor is not None:
            page, after = self._trades.page(symbol, timeframe, cursor)
            self._count(cursor, after)
            return page, after
        if span[1] <= self._window_ms(timeframe):
            return Page((), (span[0], span[0])), self._trades.begin(span)
        rows = self._candles(symbol, timeframe, span[0])
        if not rows:
            return Page((), (span[0], span[0]), newest=True), None
        covered = (min(rows[0][0], span[1]), min(rows[-1][0] + timeframe.ms, span[1]))
        page = Page([row for row in rows if row[0] < span[1]], covered, newest=True)
        # An answer that begins later than it was asked to was cut at its 720, or the market is younger: trades tell.
        return page, None if covered[0] <= span[0] else self._trades.begin((span[0], covered[0]))

    def _window_ms(self, timeframe: Timeframe) -> int:
        return timeframe.floor(self._now_ms()) - KRAKEN_WINDOW * timeframe.ms

    def _count(self, before: Bookmark, after: Bookmark | None) -> None:
        if after is not None and after.since_ns > before.since_ns:
            hours = (after.since_ns - before.since_ns) / 1_000_000 / _HOUR_MS
            known = self._pages_an_hour
            # Half of what the last page was, half of what was known: a busy day soon shows.
            self._pages_an_hour = 1 / hours if known is None else (known + 1 / hours) / 2
