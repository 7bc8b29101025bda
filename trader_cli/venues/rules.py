"""What a venue allows on the markets we trade, asked once and kept on disk for those markets alone (R1.6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.model.orders import MarketRules, Resolution
from trader_cli.venues import statefile
from trader_cli.venues.envelope import result_of
from trader_cli.venues.limits import KRAKEN_OPEN_ORDERS
from trader_cli.venues.names import Names, spellings

_VERSION = 1
_HOUR_MS = 3_600_000
# Our own quantities are whole 1e-8: a finer step of the venue's is of no use to us, and every 1e-8 is a multiple of it.
_FINEST_LOT = Decimal("0.00000001")
# States in which new orders are taken as a rule; `limit_only` refuses the market orders that exits need.
_KRAKEN_OPEN = ("online", "post_only", "limit_only")
_KRAKEN_PASSIVE = ("post_only", "limit_only")
_KRAKEN_CANCELS = ("cancel_only", "reduce_only")
_BINANCE_CANCELS = ("HALT", "AUCTION_MATCH", "PRE_TRADING", "POST_TRADING", "END_OF_DAY")


class Rulebook:
    """The rules of the markets that were asked for.

    path: the copy on disk. tier: of the account, it decides how many orders may be open. hours: how old the copy may be.
    fetch: asks the venue for its list of markets (AssetPairs, exchangeInfo) with these parameters and returns the raw answer.
    """

    def __init__(
        self,
        path: Path,
        venue: str,
        tier: str,
        hours: float,
        fetch: Callable[[Mapping[str, str]], object],
        now_ms: Callable[[], int],
    ) -> None:
        self.path = path
        self.venue = venue
        self._tier = tier
        self._most_ms = int(hours * _HOUR_MS)
        self._fetch = fetch
        self._now_ms = now_ms

    def rules(self, symbols: Sequence[str]) -> Mapping[str, MarketRules]:
        """Return the rules by symbol; one that the venue does not trade, or describes in no sense of ours, is absent."""
        raw = self.raw(symbols)
        found: dict[str, MarketRules] = {}
        for symbol in symbols:
            if symbol in raw:
                made = self._made(symbol, raw[symbol])
                if made is not None:
                    found[symbol] = made
        return found

    def raw(self, symbols: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the venue's own entries by our symbol, with their id as `id`; from disk while that copy is young enough."""
        kept, absent = self._kept()
        if not set(symbols) <= kept.keys() | absent:
            kept, absent = self._ask(sorted({*symbols, *kept}))
        return {symbol: kept[symbol] for symbol in symbols if symbol in kept}

    def refresh(self) -> None:
        """Forget the copy: the venue refused an order that these rules allow."""
        with statefile.locked(self.path):
            self.path.unlink(missing_ok=True)

    def _kept(self) -> tuple[dict[str, Mapping[str, Any]], set[str]]:
        with statefile.locked(self.path):
            stored, _ = statefile.read(self.path)
        try:
            age_ms = self._now_ms() - int(stored["time_ms"])
            if stored["version"] != _VERSION or stored["venue"] != self.venue or not 0 <= age_ms < self._most_ms:
                return {}, set()
            return {str(name): dict(one) for name, one in stored["markets"].items()}, set(map(str, stored["absent"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            # Missing or damaged: the venue is asked anew.
            return {}, set()

    def _ask(self, symbols: list[str]) -> tuple[dict[str, Mapping[str, Any]], set[str]]:
        found = self._few(symbols)
        if len(found) < len(symbols):
            # The venue refuses a list with one unknown name as a whole, or writes one otherwise than we do.
            found = _entries(self.venue, self._fetch({}), symbols)
        absent = set(symbols) - found.keys()
        stored = {
            "version": _VERSION,
            "venue": self.venue,
            "time_ms": self._now_ms(),
            "markets": found,
            "absent": sorted(absent),
        }
        with statefile.locked(self.path):
            statefile.write(self.path, stored, lasting=False)
        return found, absent

    def _few(self, symbols: list[str]) -> dict[str, Mapping[str, Any]]:
        """Return what the venue says of these markets alone; nothing where it does not take the question."""
        try:
            answer = self._fetch(_asked(self.venue, symbols))
        except VenueError as error:
            if error.resolution != Resolution.SKIP_SYMBOL.value:
                raise
            return {}
        return _entries(self.venue, answer, symbols)

    def _made(self, symbol: str, raw: Mapping[str, Any]) -> MarketRules | None:
        try:
            return _kraken(symbol, raw, self._tier) if self.venue == "kraken" else _binance(symbol, raw)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
            return None


def restore(exchange: Any, entries: Iterable[Mapping[str, Any]]) -> None:
    """Give a ccxt exchange these markets as if it had asked for them, without a request.

    ccxt's own reading is used, because `set_markets` alone leaves Kraken without `marketsByAltname`: orders would come back
    under foreign names, and a question for one market's open orders would answer that there are none.
    """
    raw = [dict(one) for one in entries]
    if exchange.id == "kraken":
        answer: dict[str, Any] = {"error": [], "result": {one["id"]: one for one in raw}}
        name = "publicGetAssetPairs"
    else:
        answer = {"symbols": raw}
        name = "publicGetExchangeInfo"
    setattr(exchange, name, lambda _params=None: answer)
    try:
        exchange.set_markets(exchange.fetch_markets())
    finally:
        delattr(exchange, name)


def _asked(venue: str, symbols: Iterable[str]) -> dict[str, str]:
    ids = [spellings(venue, symbol)[0] for symbol in symbols]
    if venue == "kraken":
        return {"pair": ",".join(ids)}
    return {"symbols": json.dumps(ids, separators=(",", ":"))}


def _entries(venue: str, answer: object, symbols: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the wanted markets of a raw answer by our symbol. Raises VenueError for one that is no list of markets (A12b)."""
    listed: object = None
    if venue == "kraken":
        result = result_of(answer)
        if isinstance(result, dict):
            listed = [{**one, "id": name} for name, one in result.items() if isinstance(one, dict)]
    elif isinstance(answer, dict):
        listed = answer.get("symbols")
    if not isinstance(listed, list) or not listed:
        raise VenueError(
            f"`{venue}` answered with no list of markets: {str(answer)[:80]!r}",
            "nothing was concluded from it; the next run asks again",
            pattern="no_markets",
        )
    names = Names(venue, symbols)
    wanted = set(symbols)
    found: dict[str, Mapping[str, Any]] = {}
    for one in listed:
        if not isinstance(one, dict):
            continue
        for key in ("id", "altname", "wsname", "symbol"):
            symbol = names.symbol(str(one.get(key, "")))
            if symbol in wanted:
                found.setdefault(symbol, {**one, "id": str(one.get("id", one.get("symbol")))})
                break
    return found


def _kraken(symbol: str, raw: Mapping[str, Any], tier: str) -> MarketRules:
    status = str(raw.get("status", ""))
    tick = _number(raw.get("tick_size")) or _step(raw["pair_decimals"])
    lot = _step(raw["lot_decimals"]) * (_number(raw.get("lot_multiplier")) or Decimal(1))
    return MarketRules(
        symbol,
        tick=tick,
        lot=max(lot, _FINEST_LOT),
        min_quantity=_number(raw.get("ordermin")),
        min_notional=_number(raw.get("costmin")),
        open=status in _KRAKEN_OPEN,
        cancel_only=status in _KRAKEN_CANCELS,
        post_only=status in _KRAKEN_PASSIVE,
        pairs=False,
        orders_most=KRAKEN_OPEN_ORDERS[tier],
        reduce_only=status == "reduce_only",
    )


def _binance(symbol: str, raw: Mapping[str, Any]) -> MarketRules:
    filters = {str(one["filterType"]): one for one in raw["filters"]}
    lots = [filters.get(name, {}) for name in ("LOT_SIZE", "MARKET_LOT_SIZE")]
    # Exits go to market: both kinds of order have to fit, so the coarser step and the larger minimum count.
    lot = max((_number(one.get("stepSize")) for one in lots), default=Decimal(0))
    notional = filters.get("NOTIONAL", filters.get("MIN_NOTIONAL", {}))
    status = str(raw["status"])
    spot = bool(raw.get("isSpotTradingAllowed", True))
    return MarketRules(
        symbol,
        tick=_number(filters.get("PRICE_FILTER", {}).get("tickSize")) or _step(raw["quotePrecision"]),
        lot=max(lot or _step(raw["baseAssetPrecision"]), _FINEST_LOT),
        min_quantity=max(_number(one.get("minQty")) for one in lots),
        min_notional=_number(notional.get("minNotional")),
        open=status == "TRADING" and spot,
        cancel_only=status in _BINANCE_CANCELS,
        post_only=False,
        pairs=bool(raw.get("ocoAllowed", False)),
        orders_most=int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 0)),
    )


def _number(value: object) -> Decimal:
    """Return a number as the venue wrote it; 0 where it says nothing. Raises ValueError for one that no rule can have."""
    if value is None or value == "":
        return Decimal(0)
    number = Decimal(str(value))
    if not number.is_finite() or number < 0:
        raise ValueError(f"{number} as a rule")
    return number


def _step(decimals: object) -> Decimal:
    return Decimal(1).scaleb(-int(str(decimals)))
