"""Every market of a venue at once: what it is called, whether it is open, and its last 24 hours, in two requests (R2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.jobs.scanning.filters import Traded
from trader_cli.venues import statefile
from trader_cli.venues.answers import MalformedError, amount, rows, table, text
from trader_cli.venues.client import Client
from trader_cli.venues.envelope import result_of
from trader_cli.venues.names import asset

_VERSION = 1
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Market:
    """A market as a list shows it. id: the venue's name of it. open: whether orders are taken there now."""

    symbol: str
    id: str
    open: bool

    @property
    def quote(self) -> str:
        """The currency it is counted in."""
        return self.symbol.partition("/")[2]


class Markets:
    """The list of a venue's markets, asked for once and kept on disk.

    path: the copy. hours: how old it may be. fetch: asks the venue for the whole list and returns the raw answer.
    """

    def __init__(
        self,
        path: Path,
        venue: str,
        hours: float,
        fetch: Callable[[Mapping[str, str]], object],
        now_ms: Callable[[], int],
    ) -> None:
        self.path = path
        self.venue = venue
        self._most_ms = int(hours * _HOUR_MS)
        self._fetch = fetch
        self._now_ms = now_ms

    def all(self) -> dict[str, Market]:
        """Return the markets by our symbol. Raises VenueError for an answer that is no list of them."""
        with statefile.locked(self.path):
            stored, _ = statefile.read(self.path)
        try:
            age_ms = self._now_ms() - int(stored["time_ms"])
            if stored["version"] == _VERSION and stored["venue"] == self.venue and 0 <= age_ms < self._most_ms:
                return {name: Market(str(name), str(one[0]), bool(one[1])) for name, one in stored["markets"].items()}
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            # Missing or damaged: the venue is asked anew.
            pass
        found = markets_of(self.venue, self._fetch({}))
        kept = {one.symbol: [one.id, one.open] for one in found.values()}
        told = {"version": _VERSION, "venue": self.venue, "time_ms": self._now_ms(), "markets": kept}
        with statefile.locked(self.path):
            statefile.write(self.path, told, lasting=False)
        return found


def markets_of(venue: str, answer: object) -> dict[str, Market]:
    """Return the markets of a raw list by our symbol; entries that make no sense are absent. Raises VenueError for no list."""
    found: dict[str, Market] = {}
    for name, entry in _listed(venue, answer):
        try:
            one = _kraken(name, entry) if venue == "kraken" else _binance(entry)
        except MalformedError:
            continue
        if one is not None:
            found.setdefault(one.symbol, one)
    if not found:
        raise _no(venue, "list of markets", "no_markets", answer)
    return found


def _listed(venue: str, answer: object) -> list[tuple[str, dict[str, Any]]]:
    if venue == "kraken":
        result = result_of(answer)
        entries = list(result.items()) if isinstance(result, dict) else []
    else:
        symbols = answer.get("symbols") if isinstance(answer, dict) else None
        entries = [("", one) for one in symbols] if isinstance(symbols, list) else []
    return [(str(name), one) for name, one in entries if isinstance(one, dict)]


def _kraken(name: str, entry: dict[str, Any]) -> Market | None:
    base, slash, quote = text(entry, "wsname").partition("/")
    ours = asset("kraken", base), asset("kraken", quote)
    if not slash or None in ours:
        return None
    return Market(f"{ours[0]}/{ours[1]}", name, entry.get("status") in ("online", "limit_only"))


def _binance(entry: dict[str, Any]) -> Market:
    spot = bool(entry.get("isSpotTradingAllowed", True))
    symbol = f"{text(entry, 'baseAsset')}/{text(entry, 'quoteAsset')}"
    return Market(symbol, text(entry, "symbol"), spot and entry.get("status") == "TRADING")


def tickers(client: Client) -> dict[str, Traded]:
    """Return what was traded at every market in 24 hours and its best prices now, by the venue's id; one request.

    A market whose figures make no sense is absent. Raises VenueError for an answer that is no list of tickers.
    """
    if client.venue == "kraken":
        answer = result_of(client.read("public_get_ticker", kind="market_data"))
        listed = list(answer.items()) if isinstance(answer, dict) else []
    else:
        answer = client.read("public_get_ticker_24hr", kind="market_data", call="ticker24hr")
        listed = (
            [(one.get("symbol"), one) for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []
        )
    found: dict[str, Traded] = {}
    for name, entry in listed:
        try:
            found[str(name)] = _kraken_day(entry) if client.venue == "kraken" else _binance_day(entry)
        except MalformedError:
            continue
    if not found:
        raise _no(client.venue, "list of tickers", "no_tickers", answer)
    return found


def _kraken_day(entry: object) -> Traded:
    """`v` and `p`: volume and its average price, today and in 24 hours; `a` and `b`: best ask and bid, price first."""
    one = table(entry, "the ticker")
    volume, price = (_of(one, name, 1) for name in ("v", "p"))
    return Traded(volume * price, _of(one, "b", 0), _of(one, "a", 0))


def _of(entry: dict[str, Any], name: str, place: int) -> float:
    listed = rows(entry.get(name), f"`{name}`")
    if len(listed) <= place:
        raise MalformedError(f"`{name}` is too short")
    return float(amount(listed[place], f"`{name}`"))


def _binance_day(entry: dict[str, Any]) -> Traded:
    volume, bid, ask = (float(amount(entry.get(name), f"`{name}`")) for name in ("quoteVolume", "bidPrice", "askPrice"))
    return Traded(volume, bid, ask)


def _no(venue: str, what: str, pattern: str, answer: object) -> VenueError:
    return VenueError(
        f"`{venue}` answered with no {what}: {str(answer)[:80]!r}",
        "nothing was concluded from it; the next run asks again",
        pattern=pattern,
    )
