"""Binance's public endpoints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .binance_limits import Limits
from .listing import Listing
from .orders import RefusedError
from .venue import Venue

INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440, "3d": 4320, "1w": 10080,
}  # fmt: skip

_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
UP, DOWN = Decimal(5), Decimal("0.2")
"""How far from the last price a limit may be, as factors."""

MOST_ORDERS, MOST_ALGO = 200, 5


class BinanceMarket:
    """Time, rules, candles, book."""

    def __init__(self, venue: Venue, limits: Limits) -> None:
        self.venue = venue
        self.limits = limits

    def time(self, _: dict[str, str]) -> dict[str, Any]:
        """Return the venue's time, ms."""
        return {"serverTime": self.venue.clock.now_ms()}

    def info(self, params: dict[str, str]) -> dict[str, Any]:
        """Return limits and every symbol's filters."""
        limits = self.limits
        rates = (
            ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_most),
            ("ORDERS", "SECOND", 10, limits.orders_most_10s),
            ("ORDERS", "DAY", 1, limits.orders_most_day),
        )
        names = (
            [params["symbol"]]
            if "symbol" in params
            else params.get("symbols", "").strip("[]").replace('"', "").split(",")
        )
        listings = [listing_of(self.venue, name) for name in names] if names != [""] else self.venue.listings.values()
        return {
            "timezone": "UTC",
            "serverTime": self.venue.clock.now_ms(),
            "rateLimits": [
                {"rateLimitType": kind, "interval": span, "intervalNum": number, "limit": most}
                for kind, span, number, most in rates
            ],
            "exchangeFilters": [],
            "symbols": [self._symbol(listing) for listing in listings],
        }

    def klines(self, params: dict[str, str]) -> list[list[Any]]:
        """Return up to 1000 candles, the last still forming."""
        listing = listing_of(self.venue, params.get("symbol", ""))
        if (minutes := INTERVALS.get(params.get("interval", ""))) is None:
            raise RefusedError("interval")
        step, now = minutes * 60_000, self.venue.clock.now_ms()
        most = max(1, min(1000, int(params.get("limit", "500"))))
        first, last = int(params.get("startTime", "0")), int(params.get("endTime", str(now)))
        # Without a start the newest are sent; with one, those that follow it.
        last_price = self.venue.books[listing.symbol].last
        rows = self.venue.candles[listing.symbol].rows(step, first, now, most, last_price, oldest=first > 0)
        rows = [row for row in rows if row[0] <= last]
        return [[row[0], *row[1:], row[0] + step - 1, _times(row[5], row[4]), 10, "0", "0", "0"] for row in rows]

    def depth(self, params: dict[str, str]) -> dict[str, Any]:
        """Return the book's levels."""
        listing, most = listing_of(self.venue, params.get("symbol", "")), int(params.get("limit", "100"))
        book = self.venue.books[listing.symbol]
        bids, asks = ([[f"{p:.8f}", f"{q:.8f}"] for p, q in side[:most]] for side in (book.bids, book.asks))
        return {"lastUpdateId": self.venue.clock.now_ms(), "bids": bids, "asks": asks}

    def book_ticker(self, params: dict[str, str]) -> Any:
        """Return best bid and ask of one symbol or of all."""
        return self._each(params, self._best)

    def price(self, params: dict[str, str]) -> Any:
        """Return the last price of one symbol or of all."""
        return self._each(
            params,
            lambda listing: {"symbol": listing.binance_id, "price": f"{self.venue.books[listing.symbol].last:.8f}"},
        )

    def day(self, params: dict[str, str]) -> Any:
        """Return a day's numbers of one symbol or of all."""
        return self._each(params, self._day)

    def _day(self, listing: Listing) -> dict[str, Any]:
        last, now = f"{self.venue.books[listing.symbol].last:.8f}", self.venue.clock.now_ms()
        prices = dict.fromkeys(
            ("lastPrice", "openPrice", "highPrice", "lowPrice", "weightedAvgPrice", "prevClosePrice"), last
        )
        return {
            **self._best(listing),
            **prices,
            "volume": "20",
            "quoteVolume": "20",
            "openTime": now - 86_400_000,
            "closeTime": now,
        }

    def _best(self, listing: Listing) -> dict[str, Any]:
        book, nothing = self.venue.books[listing.symbol], (Decimal(0), Decimal(0))
        (bid, bids), (ask, asks) = ((side[0] if side else nothing) for side in (book.bids, book.asks))
        return {
            "symbol": listing.binance_id, "bidPrice": f"{bid:.8f}", "bidQty": f"{bids:.8f}",
            "askPrice": f"{ask:.8f}", "askQty": f"{asks:.8f}",
        }  # fmt: skip

    def _each(self, params: dict[str, str], row: Any) -> Any:
        if "symbol" in params:
            return row(listing_of(self.venue, params["symbol"]))
        return [row(listing) for listing in self.venue.listings.values()]

    def _symbol(self, listing: Listing) -> dict[str, Any]:
        least = format(listing.min_notional, "f")
        notional: dict[str, Any] = {"filterType": listing.notional_filter, "minNotional": least}
        if listing.notional_filter == "NOTIONAL":
            notional |= {
                "applyMinToMarket": True,
                "maxNotional": "9000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            }
        else:
            notional |= {"applyToMarket": True, "avgPriceMins": 5}
        tick, lot = format(listing.tick, "f"), format(listing.lot, "f")
        return {
            "symbol": listing.binance_id,
            "status": "TRADING" if listing.status == "online" else "BREAK",
            "baseAsset": listing.base,
            "baseAssetPrecision": 8,
            "quoteAsset": listing.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": _TYPES,
            "icebergAllowed": True,
            "ocoAllowed": True,
            "otoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": format(listing.min_quantity, "f"), "maxQty": "9000000", "stepSize": lot},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "9000000", "stepSize": "0.00000000"},
                {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": str(UP), "bidMultiplierDown": str(DOWN),
                 "askMultiplierUp": str(UP), "askMultiplierDown": str(DOWN), "avgPriceMins": 5},
                notional,
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MOST_ORDERS},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_ALGO},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }  # fmt: skip


def listing_of(venue: Venue, name: str) -> Listing:
    """Return the market of Binance's name."""
    for listing in venue.listings.values():
        if listing.binance_id == name:
            return listing
    raise RefusedError("unknown_pair")


def _times(volume: str, price: str) -> str:
    try:
        return f"{Decimal(volume) * Decimal(price):.8f}"
    except ArithmeticError:
        return "0"
