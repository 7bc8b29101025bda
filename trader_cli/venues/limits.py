"""What Kraken and Binance allow, and what each kind of request costs there. The only place with their numbers.

Kraken: docs.kraken.com "Spot REST Rate Limits" (call counter a key, tiers, +2 for ledgers and trade history, none for AddOrder
and CancelOrder) and "Spot Trading Limits" (engine counter a pair, cancels by the age of the order, open orders a pair); public
calls: support.kraken.com 206548367 "What is the API call rate limit": one a second or less "would remain within the rate
limits"; "public endpoints are rate limited by IP address and currency pair for calls to Trades and OHLC, and by IP address only
for calls to all other public endpoints"; too many are "restricted for a few seconds (or possibly longer if calls continue)".
ccxt 4.5 takes 1.2 s for OHLC and Depth, so do we. Who asks for candles by pair (`call="OHLC"`) is held to 1.2 s a pair, and to
five a second over all pairs, for which Kraken states no number (ccxt issue 20648: one pair asked without any pause was turned
away after 103 answers, with `EGeneral:Too many requests`).
Binance: developers.binance.com "Spot REST API", weights of each endpoint, and `rateLimits` of exchangeInfo (REQUEST_WEIGHT
an address, ORDERS an account).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.venues.meters import ONE, Decaying, Meter, Paced, Spanned

KINDS = ("place", "cancel", "read", "history", "market_data")
TIERS = ("starter", "intermediate", "pro")
CANDLES = "OHLC"
"""The call that Kraken counts by pair."""
_MINUTE, _DAY = 60_000, 86_400_000

# Call counter of a key: 15 at 0.33 a second, 20 at 0.5, 20 at 1.
_KRAKEN_KEY: Mapping[str, Decaying] = {
    "starter": Decaying(15, 330),
    "intermediate": Decaying(20, 500),
    "pro": Decaying(20, 1_000),
}
# Engine counter of a pair: 60 at 1 a second, 125 at 2.34, 180 at 3.75.
_KRAKEN_PAIR: Mapping[str, Decaying] = {
    "starter": Decaying(60, 1_000),
    "intermediate": Decaying(125, 2_340),
    "pro": Decaying(180, 3_750),
}
_KRAKEN_PUBLIC = Paced(1_200)
_KRAKEN_CANDLES = Paced(200)
# A cancel of an order younger than (ms) costs (counts); of an older one nothing.
_KRAKEN_CANCEL = ((5_000, 8), (10_000, 6), (15_000, 5), (45_000, 4), (90_000, 2), (300_000, 1))
KRAKEN_OPEN_ORDERS: Mapping[str, int] = {"starter": 60, "intermediate": 80, "pro": 225}

_BINANCE_WEIGHT = Spanned(6_000, _MINUTE, 1_000)
_BINANCE_ORDERS = Spanned(100, 10_000, 500)
_BINANCE_ORDERS_DAY = Spanned(200_000, _DAY, 3_600_000)
# Weight of a call; a call that is not named costs as the heaviest that its kind is used for.
BINANCE_WEIGHTS: Mapping[str, int] = {
    "time": 1,
    "exchangeInfo": 20,
    "depth": 5,
    "klines": 2,
    "bookTicker": 2,
    "ticker24hr": 80,
    "order": 4,
    "openOrders": 80,
    "account": 20,
    "myTrades": 20,
    "allOrders": 20,
    "orderList": 4,
}
_BINANCE_KINDS: Mapping[str, int] = {"place": 1, "cancel": 1, "read": 80, "history": 20, "market_data": 20}
_BINANCE_OPEN_ORDERS_OF_ONE = 6
_BINANCE_READ_OF_ONE = 20


@dataclass(frozen=True)
class Charge:
    """What one request costs on one meter. name: of the meter, with account and market where it is theirs. cost: millionths."""

    name: str
    meter: Meter
    cost: int


def charges(
    venue: str, tier: str, account: str, kind: str, symbol: str = "", age_ms: int = 0, call: str = ""
) -> list[Charge]:
    """Return what a request of this kind costs. age_ms: of the order to cancel. call: the endpoint, where its cost differs."""
    if kind not in KINDS:
        raise UsageError(f"`{kind}` is no kind of request", *did_you_mean(kind, KINDS))
    if venue == "kraken":
        return _kraken(tier, account, kind, symbol, age_ms, call)
    if venue == "binance":
        return _binance(account, kind, symbol, call)
    raise UsageError(f"no limits are known for venue `{venue}`", *did_you_mean(venue, ("kraken", "binance")))


def _kraken(tier: str, account: str, kind: str, symbol: str, age_ms: int, call: str) -> list[Charge]:
    if kind in ("place", "cancel"):
        counts = 1
        if kind == "cancel":
            counts = next((cost for younger, cost in _KRAKEN_CANCEL if age_ms < younger), 0)
        return [Charge(f"pair:{account}:{symbol}", _KRAKEN_PAIR[tier], counts * ONE)]
    if kind == "market_data" and call == CANDLES:
        return [Charge(f"ohlc:{symbol}", _KRAKEN_PUBLIC, ONE), Charge("ohlc", _KRAKEN_CANDLES, ONE)]
    if kind == "market_data":
        return [Charge("public", _KRAKEN_PUBLIC, ONE)]
    return [Charge(f"key:{account}", _KRAKEN_KEY[tier], (2 if kind == "history" else 1) * ONE)]


def _binance(account: str, kind: str, symbol: str, call: str) -> list[Charge]:
    weight = BINANCE_WEIGHTS.get(call, 0) if kind not in ("place", "cancel") else 0
    if call == "openOrders" and symbol:
        weight = _BINANCE_OPEN_ORDERS_OF_ONE
    if weight == 0:
        weight = _BINANCE_READ_OF_ONE if kind == "read" and symbol else _BINANCE_KINDS[kind]
    spent = [Charge("weight", _BINANCE_WEIGHT, weight * ONE)]
    if kind == "place":
        orders = (2 if call == "oco" else 1) * ONE
        spent.append(Charge(f"orders:{account}", _BINANCE_ORDERS, orders))
        spent.append(Charge(f"day:{account}", _BINANCE_ORDERS_DAY, orders))
    return spent


def rest_ms(venue: str, *, by_pair: bool) -> int:
    """Return how long to rest between an answer to a public question and the next one; 0 = the meters are enough.

    Our pace counts from when a request should have left. Where a busy machine sends it late, the next one would arrive too soon
    after it; it cannot where it leaves a whole second after the answer. by_pair: candles of one pair never follow each other.
    """
    return 1_000 if venue == "kraken" and not by_pair else 0


def order_meters(venue: str, tier: str, account: str, symbol: str) -> list[Charge]:
    """Return the meters that an order on this market is counted on."""
    return [one for one in charges(venue, tier, account, "place", symbol) if one.name != "weight"]
