"""Kraken's public endpoints."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .listing import Listing, kraken_altname, kraken_asset
from .orders import RefusedError
from .venue import Venue

_WINDOW = 720
_INTERVALS = ("1", "5", "15", "30", "60", "240", "1440", "10080", "21600")
_FIAT = ("USD", "EUR", "GBP")


class KrakenMarket:
    """Time, status, assets, pairs, candles, ticker and book."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def time(self, _: dict[str, str]) -> dict[str, Any]:
        """Return the venue's time, whole seconds."""
        now = self.venue.clock.now_ms() // 1000
        return {"unixtime": now, "rfc1123": datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %y %H:%M:%S +0000")}

    def status(self, _: dict[str, str]) -> dict[str, Any]:
        """Return online, maintenance, cancel_only or post_only."""
        now = datetime.fromtimestamp(self.venue.clock.now_ms() // 1000, UTC)
        return {"status": self.venue.mode, "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def assets(self, _: dict[str, str]) -> dict[str, Any]:
        """Return every asset by its id."""
        names = {name for listing in self.venue.listings.values() for name in (listing.base, listing.quote)}
        return {
            kraken_asset(name): {
                "aclass": "currency",
                "altname": kraken_altname(name),
                "decimals": 4 if name in _FIAT else 10 if name == "BTC" else 8,
                "display_decimals": 2 if name in _FIAT else 5,
                "status": "enabled",
            }
            for name in sorted(names | set(self.venue.account.totals))
        }

    def pairs(self, params: dict[str, str]) -> dict[str, Any]:
        """Return the rules of the pairs asked for, or of all."""
        return {listing.kraken_id: self._pair(listing) for listing in self._asked(params)}

    def ohlc(self, params: dict[str, str]) -> dict[str, Any]:
        """Return up to 720 candles, the last still forming. `since`: only those that open later."""
        listing = self.listing(params.get("pair", ""))
        if (minutes := params.get("interval", "1")) not in _INTERVALS:
            raise RefusedError("arguments", "interval")
        interval = int(minutes) * 60_000
        now = self.venue.clock.now_ms()
        since = int(float(params.get("since", "0")) * 1000)
        rows = self.venue.candles[listing.symbol].rows(interval, 0, now, _WINDOW, self.venue.books[listing.symbol].last)
        shown = [
            [row[0] // 1000, *row[1:5], row[4], row[5], 1 if row[5] not in ("0", "0.0") else 0]
            for row in rows
            if row[0] > since or not since
        ]
        last = rows[-2][0] // 1000 if len(rows) > 1 else now // 1000
        return {listing.kraken_id: shown, "last": last}

    def trades(self, params: dict[str, str]) -> dict[str, Any]:
        """Return up to 1000 trades later than `since` (ns), oldest first; `last` goes on there."""
        listing = self.listing(params.get("pair", ""))
        most = max(1, min(1000, int(params.get("count", "1000"))))
        since, now = int(params.get("since", "0")), self.venue.clock.now_ms()
        book, candles = self.venue.books[listing.symbol], self.venue.candles[listing.symbol]
        found = candles.trades(since, now, most, book.last)
        places = listing.price_decimals
        shown = [
            [f"{price:.{places}f}", f"{quantity:.8f}", float(Decimal(at) / 10**9), "b", "m", "", number]
            for at, price, quantity, number in found
        ]
        return {listing.kraken_id: shown, "last": str(found[-1][0] if found else since)}

    def ticker(self, params: dict[str, str]) -> dict[str, Any]:
        """Return best bid and ask, the last price and the day's numbers."""
        return {listing.kraken_id: self._tick(listing) for listing in self._asked(params)}

    def depth(self, params: dict[str, str]) -> dict[str, Any]:
        """Return the book's levels."""
        listing, most = self.listing(params.get("pair", "")), int(params.get("count", "100"))
        book, now = self.venue.books[listing.symbol], self.venue.clock.now_ms() // 1000
        places = listing.price_decimals

        def levels(side: list[tuple[Decimal, Decimal]]) -> list[list[Any]]:
            return [[f"{price:.{places}f}", f"{quantity:.3f}", now] for price, quantity in side[:most]]

        return {listing.kraken_id: {"asks": levels(book.asks), "bids": levels(book.bids)}}

    def listing(self, name: str) -> Listing:
        """Return the market that one of Kraken's three names means."""
        for listing in self.venue.listings.values():
            if name in (listing.kraken_id, listing.kraken_altname, listing.kraken_wsname):
                return listing
        raise RefusedError("unknown_pair")

    def _asked(self, params: dict[str, str]) -> list[Listing]:
        names = params.get("pair", "")
        return [self.listing(name) for name in names.split(",")] if names else list(self.venue.listings.values())

    def _pair(self, listing: Listing) -> dict[str, Any]:
        return {
            "altname": listing.kraken_altname,
            "wsname": listing.kraken_wsname,
            "aclass_base": "currency",
            "base": kraken_asset(listing.base),
            "aclass_quote": "currency",
            "quote": kraken_asset(listing.quote),
            "lot": "unit",
            "cost_decimals": listing.cost_decimals,
            "pair_decimals": listing.price_decimals,
            "lot_decimals": listing.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, float(self.venue.taker_fee * 100)]],
            "fees_maker": [[0, float(self.venue.maker_fee * 100)]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": format(listing.min_quantity, "f"),
            "costmin": format(listing.min_notional, "f"),
            "tick_size": format(listing.tick, "f"),
            "status": listing.status,
        }

    def _tick(self, listing: Listing) -> dict[str, Any]:
        book, places = self.venue.books[listing.symbol], listing.price_decimals

        def best(side: list[tuple[Decimal, Decimal]]) -> list[str]:
            price, quantity = side[0] if side else (Decimal(0), Decimal(0))
            return [f"{price:.{places}f}", str(int(quantity)), f"{quantity:.3f}"]

        last = f"{book.last:.{places}f}"
        day = {"a": best(book.asks), "b": best(book.bids), "c": [last, "0.01000000"], "v": ["10.0", "20.0"]}
        return {**day, "p": [last, last], "t": [10, 20], "l": [last, last], "h": [last, last], "o": last}
