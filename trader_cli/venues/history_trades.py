"""Bars made of Kraken's public trades: what is older than its 720 candles is to be had no other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.jobs.fetch import Page, Row, Span
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.answers import MalformedError, amount, number, rows, table
from trader_cli.venues.envelope import result_of

_NS = 1_000_000
_COUNT = 1000
# Times of trades are told in tenths of microseconds, the time to go on at in nanoseconds.
_COARSE_NS = 1_000


@dataclass(frozen=True)
class _Forming:
    """The bar that the last trades are in. Prices in quote, volume in base, exact."""

    open_ms: int
    first: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal

    def row(self) -> Row:
        prices = (self.first, self.high, self.low, self.last, self.volume)
        first, high, low, last, volume = map(float, prices)
        return (self.open_ms, first, high, low, last, volume)


@dataclass(frozen=True)
class Bookmark:
    """Where a walk over trades is. since_ns: of the last trade seen. at_ms: first open whose bar is not given yet.

    seen: numbers of the last trades, those that may come once more.
    """

    since_ns: int
    at_ms: int
    end_ms: int
    seen: frozenset[int] = frozenset()
    forming: _Forming | None = None


@dataclass(frozen=True)
class _Trade:
    at_ns: int
    price: Decimal
    quantity: Decimal
    number: int


class Trades:
    """Walks over a market's trades, oldest first; the bars of a span are given as the trades pass them by.

    Open is the first trade's price, close the last one's, volume the sum of quantities in base. A bar without a trade does
    not exist; a price far off the others is what was traded, and stays. ask: sends the venue's request for trades and returns
    the raw answer. pair: the venue's name of a symbol.
    """

    def __init__(self, ask: Callable[[Mapping[str, Any]], object], pair: Callable[[str], str]) -> None:
        self._ask = ask
        self._pair = pair

    def begin(self, span: Span) -> Bookmark:
        """Return the beginning of a walk over a span of opens."""
        return Bookmark(span[0] * _NS - 1, span[0], span[1])

    def page(self, symbol: str, timeframe: Timeframe, at: Bookmark) -> tuple[Page, Bookmark | None]:
        """Return the bars that one answer completes, and where to go on; None = the span is done.

        Raises VenueError for an answer that is none.
        """
        # Trades of one nanosecond may stand on both sides of a page's end: the last one's come again and are known.
        since_ns = at.since_ns - 1 if at.seen else at.since_ns
        told, last_ns = self._trades(symbol, self._ask({"pair": self._pair(symbol), "since": since_ns}))
        trades = [one for one in told if one.number not in at.seen]
        if at.seen and not told:
            raise _malformed(symbol, "the trade before them is missing")
        if not trades and len(told) >= _COUNT:
            raise _malformed(symbol, "a full page, and none of them new")
        found: list[Row] = []
        forming, ended = at.forming, not trades
        for one in trades:
            open_ms = timeframe.floor(one.at_ns // _NS)
            if open_ms >= at.end_ms:
                ended = True
                break
            if forming is not None and forming.open_ms == open_ms:
                forming = replace(
                    forming,
                    high=max(forming.high, one.price),
                    low=min(forming.low, one.price),
                    last=one.price,
                    volume=forming.volume + one.quantity,
                )
                continue
            if forming is not None:
                found.append(forming.row())
            forming = _Forming(open_ms, one.price, one.price, one.price, one.price, one.quantity)
        if ended:
            if forming is not None:
                found.append(forming.row())
            return Page(found, (at.at_ms, at.end_ms), proves=True), None
        reached = at.at_ms if forming is None else forming.open_ms
        newest_ns = trades[-1].at_ns
        seen = frozenset(one.number for one in told if newest_ns - one.at_ns <= _COARSE_NS)
        return Page(found, (at.at_ms, reached), proves=True), Bookmark(last_ns, reached, at.end_ms, seen, forming)

    def _trades(self, symbol: str, answer: object) -> tuple[list[_Trade], int]:
        """Return the trades of an answer, oldest first, and the time of the last one, ns."""
        try:
            result = table(result_of(answer), "the answer")
            named = [one for name, one in result.items() if name != "last"]
            if len(named) != 1:
                raise MalformedError(f"they are of {len(named)} markets")
            found = [_trade(one) for one in rows(named[0], "the list")]
            return sorted(found, key=lambda one: (one.at_ns, one.number)), int(number(result, "last"))
        except MalformedError as error:
            raise _malformed(symbol, str(error)) from None


def _malformed(symbol: str, what: str) -> VenueError:
    return VenueError(
        f"`kraken` answered with trades of `{symbol}` that are none: {what}",
        "nothing was concluded from it; the next run asks again",
        pattern="no_trades",
        resolution="retry",
    )


def _trade(entry: object) -> _Trade:
    if not isinstance(entry, list) or len(entry) < 7:
        raise MalformedError("a trade without its columns")
    own = entry[6]
    if not isinstance(own, int) or isinstance(own, bool):
        raise MalformedError("a trade without its number")
    price, quantity = amount(entry[0], "a price"), amount(entry[1], "a quantity")
    if not price:
        raise MalformedError("a price of zero")
    return _Trade(int(amount(entry[2], "a time") * 10**9), price, quantity, own)
