"""The names of assets and markets: what a venue writes and what we write (R1.6). This is the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterable

_OURS = {"XBT": "BTC", "XDG": "DOGE", "BCHSV": "BSV"}
_KRAKENS = {ours: theirs for theirs, ours in _OURS.items()}
_KRAKEN_COINS = ("XETC", "XETH", "XLTC", "XMLN", "XREP", "XXBT", "XXDG", "XXLM", "XXMR", "XXRP", "XZEC")
_KRAKEN_LONG = frozenset((*_KRAKEN_COINS, "ZAUD", "ZCAD", "ZEUR", "ZGBP", "ZJPY", "ZUSD"))
"""Kraken's old assets carry a letter in front, X for coins and Z for money; new ones do not."""


def asset(venue: str, theirs: str) -> str | None:
    """Return our name of an asset (`BTC` for `XXBT`), None for a form that cannot be spent: staked, lent or held back."""
    if venue == "binance":
        # `LDBTC` is bitcoin lent out through Simple Earn; `LDO` is a coin of its own.
        return None if theirs.startswith("LD") and len(theirs) > len("LDO") else theirs
    if "." in theirs:
        return None
    short = theirs[1:] if theirs in _KRAKEN_LONG else theirs
    return _OURS.get(short, short)


def spellings(venue: str, symbol: str) -> tuple[str, ...]:
    """Return every way the venue writes one of our symbols; the first is the one we send."""
    base, _, quote = symbol.partition("@")[0].partition("/")
    if venue == "binance":
        return (base + quote,)
    bases, quotes = _forms(base), _forms(quote)
    return tuple(dict.fromkeys(b + slash + q for slash in ("", "/") for b in bases for q in quotes))


def _forms(ours: str) -> tuple[str, ...]:
    short = _KRAKENS.get(ours, ours)
    return tuple(dict.fromkeys((short, *(f"{mark}{short}" for mark in "XZ" if mark + short in _KRAKEN_LONG), ours)))


class Names:
    """The symbols we trade at one venue, found again from the venue's spelling."""

    def __init__(self, venue: str, symbols: Iterable[str]) -> None:
        self._venue = venue
        self._symbols: dict[str, str] = {}
        self.add(symbols)

    def add(self, symbols: Iterable[str]) -> None:
        """Learn more symbols."""
        for symbol in symbols:
            for theirs in spellings(self._venue, symbol):
                self._symbols.setdefault(theirs, symbol)

    def symbol(self, theirs: str) -> str:
        """Return our symbol, or the venue's own name of a market we do not trade."""
        return self._symbols.get(theirs, theirs)
