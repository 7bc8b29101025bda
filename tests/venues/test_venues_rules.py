"""What the venue allows on our markets: read from its own list, kept for those markets, never guessed (R1.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trader_cli.errors import VenueError
from trader_cli.model.orders import MarketRules
from trader_cli.venues.library import exchange_class
from trader_cli.venues.rules import Rulebook, restore

NOW = 1_700_000_000_000
HOUR = 3_600_000


def pair(altname: str, base: str, quote: str, **more: object) -> dict[str, Any]:
    """One entry of Kraken's AssetPairs."""
    return {
        "altname": altname,
        "wsname": f"{altname[:-3]}/{altname[-3:]}",
        "base": base,
        "quote": quote,
        "pair_decimals": 1,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "leverage_buy": [],
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.1",
        "status": "online",
        **more,
    }


KRAKEN = {
    "XXBTZUSD": pair("XBTUSD", "XXBT", "ZUSD"),
    "XETHZUSD": pair("ETHUSD", "XETH", "ZUSD", pair_decimals=2, tick_size="0.01", ordermin="0.002"),
    "XDGUSD": pair("XDGUSD", "XXDG", "ZUSD", pair_decimals=7, tick_size="0.0000001", ordermin="13"),
    "SOLUSD": pair("SOLUSD", "SOL", "ZUSD", pair_decimals=2, tick_size="0.01", status="cancel_only"),
    "ADAUSD": pair("ADAUSD", "ADA", "ZUSD", status="post_only"),
    "DOTUSD": pair("DOTUSD", "DOT", "ZUSD", status="delisted"),
}


def spot(name: str, base: str, quote: str, *filters: dict[str, Any], **more: object) -> dict[str, Any]:
    """One entry of Binance's exchangeInfo."""
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "isSpotTradingAllowed": True,
        "ocoAllowed": True,
        "filters": list(filters),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        **more,
    }


TICK = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01000000"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000", "stepSize": "0.00001000"}
MARKET_LOT = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100", "stepSize": "0.00000000"}
NOTIONAL = {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
ORDERS = {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}
BINANCE = [
    spot("BTCUSDT", "BTC", "USDT", TICK, LOT, MARKET_LOT, NOTIONAL, ORDERS),
    spot("ETHUSDT", "ETH", "USDT", TICK, LOT, {**MARKET_LOT, "minQty": "0.01", "stepSize": "0.001"}, NOTIONAL, ORDERS),
    spot("SOLUSDT", "SOL", "USDT", TICK, LOT, NOTIONAL, ORDERS, status="BREAK"),
    spot("ADAUSDT", "ADA", "USDT", TICK, LOT, NOTIONAL, ORDERS, status="HALT"),
]


class Listing:
    """A venue's list of markets: counts the questions, answers those it is asked for or refuses the unknown as a whole."""

    def __init__(self, venue: str, answer: object = None) -> None:
        self.venue = venue
        self.answer = answer
        self.asked: list[Mapping[str, str]] = []
        self.failing: VenueError | None = None

    def __call__(self, params: Mapping[str, str]) -> object:
        self.asked.append(dict(params))
        if self.failing is not None:
            raise self.failing
        if self.answer is not None:
            return self.answer
        if self.venue == "kraken":
            wanted = params.get("pair", "").split(",")
            known = {one["altname"]: name for name, one in KRAKEN.items()}
            if not params:
                return {"error": [], "result": dict(KRAKEN)}
            self._refuse(wanted, known, "EQuery:Unknown asset pair")
            return {"error": [], "result": {known[one]: KRAKEN[known[one]] for one in wanted}}
        named = {one["symbol"]: one for one in BINANCE}
        if not params:
            return {"symbols": list(BINANCE)}
        wanted = json.loads(params["symbols"])
        self._refuse(wanted, named, "-1121 Invalid symbol.")
        return {"symbols": [named[one] for one in wanted]}

    def _refuse(self, wanted: list[str], known: Mapping[str, object], text: str) -> None:
        if any(one not in known for one in wanted):
            raise VenueError(text, resolution="skip_symbol")


class Clock:
    """A clock that stands until it is moved."""

    now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


def book(folder: Path, fetch: Listing, clock: Clock | None = None, tier: str = "starter") -> Rulebook:
    return Rulebook(folder / "rules.json", fetch.venue, tier, 24, fetch, clock or Clock())


@pytest.mark.req("R1.6")
def test_kraken_rules_are_the_venues_own_decimals_under_our_names(tmp_path: Path) -> None:
    """B9, B10, D10."""
    found = book(tmp_path, Listing("kraken")).rules(["BTC/USD", "ETH/USD", "DOGE/USD"])
    assert found == {
        "BTC/USD": MarketRules(
            "BTC/USD", Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00005"), Decimal("0.5"), orders_most=60
        ),
        "ETH/USD": MarketRules(
            "ETH/USD", Decimal("0.01"), Decimal("0.00000001"), Decimal("0.002"), Decimal("0.5"), orders_most=60
        ),
        "DOGE/USD": MarketRules(
            "DOGE/USD", Decimal("0.0000001"), Decimal("0.00000001"), Decimal(13), Decimal("0.5"), orders_most=60
        ),
    }


def test_binance_rules_fit_limit_and_market_orders_alike(tmp_path: Path) -> None:
    """B9, B10: the coarser of both steps, the larger of both minimums."""
    found = book(tmp_path, Listing("binance")).rules(["BTC/USDT", "ETH/USDT"])
    assert found["BTC/USDT"] == MarketRules(
        "BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5), pairs=True, orders_most=200
    )
    assert (found["ETH/USDT"].lot, found["ETH/USDT"].min_quantity) == (Decimal("0.001"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("venue", "symbol", "state"),
    [
        ("kraken", "BTC/USD", (True, False, False)),
        ("kraken", "SOL/USD", (False, True, False)),
        ("kraken", "ADA/USD", (True, False, True)),
        ("kraken", "DOT/USD", (False, False, False)),
        ("binance", "BTC/USDT", (True, False, False)),
        ("binance", "SOL/USDT", (False, False, False)),
        ("binance", "ADA/USDT", (False, True, False)),
    ],
)
def test_the_markets_state_is_told(tmp_path: Path, venue: str, symbol: str, state: tuple[bool, bool, bool]) -> None:
    """B5, B12: (open, cancel_only, post_only)."""
    one = book(tmp_path, Listing(venue)).rules([symbol])[symbol]
    assert (one.open, one.cancel_only, one.post_only) == state


@pytest.mark.parametrize(("tier", "most"), [("starter", 60), ("intermediate", 80), ("pro", 225)])
def test_krakens_open_orders_depend_on_the_tier(tmp_path: Path, tier: str, most: int) -> None:
    assert book(tmp_path, Listing("kraken"), tier=tier).rules(["BTC/USD"])["BTC/USD"].orders_most == most


@pytest.mark.parametrize(("venue", "symbol"), [("kraken", "BTC/USD"), ("binance", "BTC/USDT")])
def test_only_the_wanted_markets_are_asked_for_and_kept_until_they_are_too_old(
    tmp_path: Path, venue: str, symbol: str
) -> None:
    listing, clock = Listing(venue), Clock()
    book(tmp_path, listing, clock).rules([symbol])
    clock.now_ms = NOW + 24 * HOUR - 1
    # Another process.
    book(tmp_path, listing, clock).rules([symbol])
    assert len(listing.asked) == 1
    assert listing.asked[0]
    assert (tmp_path / "rules.json").stat().st_size < 2_000
    clock.now_ms += 1
    book(tmp_path, listing, clock).rules([symbol])
    assert len(listing.asked) == 2


def test_a_new_market_is_asked_for_with_those_known(tmp_path: Path) -> None:
    listing = Listing("kraken")
    one = book(tmp_path, listing)
    one.rules(["BTC/USD"])
    one.rules(["ETH/USD"])
    assert listing.asked == [{"pair": "XBTUSD"}, {"pair": "XBTUSD,ETHUSD"}]
    assert set(one.rules(["BTC/USD", "ETH/USD"])) == {"BTC/USD", "ETH/USD"}
    assert len(listing.asked) == 2


def test_a_market_the_venue_does_not_trade_is_absent_the_others_go_on_and_it_is_not_asked_for_again(
    tmp_path: Path,
) -> None:
    """B12."""
    listing = Listing("kraken")
    one = book(tmp_path, listing)
    assert set(one.rules(["BTC/USD", "GONE/USD"])) == {"BTC/USD"}
    # The list of two is refused as a whole, so the whole list is asked for.
    assert listing.asked == [{"pair": "XBTUSD,GONEUSD"}, {}]
    assert set(one.rules(["BTC/USD", "GONE/USD"])) == {"BTC/USD"}
    assert len(listing.asked) == 2


def test_a_refusal_of_an_order_has_the_rules_asked_for_anew(tmp_path: Path) -> None:
    """B9, B10."""
    listing = Listing("kraken")
    one = book(tmp_path, listing)
    one.rules(["BTC/USD"])
    one.refresh()
    one.refresh()
    book(tmp_path, listing).rules(["BTC/USD"])
    assert len(listing.asked) == 2


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b"\xff", b'{"version":1,"venue":"kraken","time_ms":"x","markets":{},"absent":[]}']
)
def test_a_damaged_copy_is_fetched_anew(tmp_path: Path, damage: bytes) -> None:
    listing = Listing("kraken")
    (tmp_path / "rules.json").write_bytes(damage)
    assert set(book(tmp_path, listing).rules(["BTC/USD"])) == {"BTC/USD"}
    assert len(listing.asked) == 1


def test_a_copy_from_the_future_is_fetched_anew(tmp_path: Path) -> None:
    """E12."""
    listing, clock = Listing("kraken"), Clock()
    book(tmp_path, listing, clock).rules(["BTC/USD"])
    clock.now_ms -= 1
    book(tmp_path, listing, clock).rules(["BTC/USD"])
    assert len(listing.asked) == 2


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        ("kraken", {"error": [], "result": {}}),
        ("kraken", {"error": ["EService:Unavailable"]}),
        ("kraken", {"error": ["EGeneral:Internal error"], "result": dict(KRAKEN)}),
        ("kraken", {"error": [], "result": []}),
        ("kraken", "<html>502</html>"),
        ("kraken", ""),
        ("kraken", []),
        ("binance", {"symbols": []}),
        ("binance", {"symbols": None}),
        ("binance", {}),
        ("binance", "<html>"),
        ("binance", [1, 2]),
    ],
)
def test_an_answer_without_markets_is_not_believed_and_not_kept(tmp_path: Path, venue: str, answer: object) -> None:
    """A12b."""
    with pytest.raises(VenueError, match="no list of markets") as caught:
        book(tmp_path, Listing(venue, answer)).rules(["BTC/USD"])
    assert caught.value.pattern == "no_markets"
    assert not (tmp_path / "rules.json").exists()


def test_a_venue_that_cannot_be_asked_is_no_venue_without_markets(tmp_path: Path) -> None:
    listing = Listing("kraken")
    listing.failing = VenueError("time-out", pattern="timeout", resolution="retry")
    with pytest.raises(VenueError, match="time-out"):
        book(tmp_path, listing).rules(["BTC/USD"])
    assert len(listing.asked) == 1
    listing.failing = None
    assert set(book(tmp_path, listing).rules(["BTC/USD"])) == {"BTC/USD"}


@pytest.mark.parametrize(
    "odd",
    [{"pair_decimals": None, "tick_size": None}, {"tick_size": "nan"}, {"ordermin": "-1"}, {"lot_decimals": "many"}],
)
def test_a_market_described_in_no_sense_is_left_out_and_the_others_go_on(tmp_path: Path, odd: dict[str, Any]) -> None:
    """A13."""
    answer = {"error": [], "result": {**KRAKEN, "XETHZUSD": {**KRAKEN["XETHZUSD"], **odd}}}
    assert set(book(tmp_path, Listing("kraken", answer)).rules(["BTC/USD", "ETH/USD"])) == {"BTC/USD"}


def test_a_lot_finer_than_ours_is_ours(tmp_path: Path) -> None:
    answer = {"error": [], "result": {"XXBTZUSD": {**KRAKEN["XXBTZUSD"], "lot_decimals": 10, "tick_size": None}}}
    one = book(tmp_path, Listing("kraken", answer)).rules(["BTC/USD"])["BTC/USD"]
    assert (one.lot, one.tick) == (Decimal("0.00000001"), Decimal("0.1"))


def test_krakens_answer_is_understood_without_its_envelope_too(tmp_path: Path) -> None:
    assert set(book(tmp_path, Listing("kraken", dict(KRAKEN))).rules(["BTC/USD"])) == {"BTC/USD"}


@pytest.mark.req("R1.6")
def test_ccxt_restored_from_the_copy_knows_krakens_other_names(tmp_path: Path) -> None:
    """The `XBTUSD` trap: without this, one market's open orders are an empty list."""
    one = book(tmp_path, Listing("kraken"))
    one.rules(["BTC/USD"])
    exchange = exchange_class("kraken")()
    restore(exchange, book(tmp_path, Listing("kraken", "never asked")).raw(["BTC/USD"]).values())
    assert list(exchange.markets) == ["BTC/USD"]
    assert exchange.markets["BTC/USD"]["id"] == "XXBTZUSD"
    assert exchange.options["marketsByAltname"]["XBTUSD"]["symbol"] == "BTC/USD"
    order = {"descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1"}, "status": "open"}
    assert exchange.parse_order({**order, "vol": "1", "vol_exec": "0"})["symbol"] == "BTC/USD"
    # The next question goes to the venue again.
    assert "publicGetAssetPairs" not in vars(exchange)


def test_ccxt_restored_from_the_copy_rounds_as_binance_asks(tmp_path: Path) -> None:
    one = book(tmp_path, Listing("binance"))
    one.rules(["BTC/USDT"])
    exchange = exchange_class("binance")({"options": {"fetchMarkets": {"types": ["spot"]}}})
    restore(exchange, one.raw(["BTC/USDT"]).values())
    assert exchange.market("BTC/USDT")["id"] == "BTCUSDT"
    assert exchange.amount_to_precision("BTC/USDT", 0.123456789) == "0.12345"
