"""What can be traded: steps, minimums and the two venues' names for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_KRAKEN_ASSETS = {
    "BTC": ("XXBT", "XBT"), "ETH": ("XETH", "ETH"), "LTC": ("XLTC", "LTC"), "XRP": ("XXRP", "XRP"), "XLM": ("XXLM", "XLM"),
    "DOGE": ("XXDG", "XDG"), "USD": ("ZUSD", "USD"), "EUR": ("ZEUR", "EUR"), "GBP": ("ZGBP", "GBP"),
}  # fmt: skip
"""Our name -> Kraken's id and alternative name, where they differ."""

_FIAT = ("USD", "EUR", "GBP")


@dataclass(frozen=True)
class Listing:
    """One market. `tick` and `lot` are steps of price and quantity; `status` as Kraken says it (`online`, `cancel_only` …)."""

    base: str
    quote: str
    mid: Decimal
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    status: str = "online"
    notional_filter: str = "NOTIONAL"

    @property
    def symbol(self) -> str:
        """Return our name."""
        return f"{self.base}/{self.quote}"

    @property
    def price_decimals(self) -> int:
        """Return the decimals of a price."""
        return max(0, -int(self.tick.normalize().as_tuple().exponent))

    @property
    def lot_decimals(self) -> int:
        """Return the decimals of a quantity."""
        return max(0, -int(self.lot.normalize().as_tuple().exponent))

    @property
    def cost_decimals(self) -> int:
        """Return the decimals of Kraken's costs and fees."""
        return 5 if self.quote in (*_FIAT, "USDT") else 10

    @property
    def binance_id(self) -> str:
        """Return Binance's name."""
        return self.base + self.quote

    @property
    def kraken_id(self) -> str:
        """Return Kraken's key of the pair: XXBTZUSD, but ADAUSD."""
        base, quote = kraken_asset(self.base), kraken_asset(self.quote)
        old = base[0] == "X" and base != kraken_altname(self.base) and self.quote in _FIAT
        return base + quote if old else self.kraken_altname

    @property
    def kraken_altname(self) -> str:
        """Return the name that Kraken's orders carry: XBTUSD."""
        return kraken_altname(self.base) + kraken_altname(self.quote)

    @property
    def kraken_wsname(self) -> str:
        """Return Kraken's readable name: XBT/USD."""
        return f"{kraken_altname(self.base)}/{kraken_altname(self.quote)}"


def kraken_asset(name: str) -> str:
    """Return Kraken's id of an asset."""
    return _KRAKEN_ASSETS.get(name, (name, name))[0]


def kraken_altname(name: str) -> str:
    """Return Kraken's alternative name of an asset."""
    return _KRAKEN_ASSETS.get(name, (name, name))[1]


def _listing(text: str, **more: str) -> Listing:
    symbol, mid, tick, lot, least, notional = text.split()
    base, quote = symbol.split("/")
    return Listing(
        base, quote, Decimal(mid), Decimal(tick), Decimal(lot), Decimal(least), Decimal(notional), **more
    )  # fmt: skip


KRAKEN = tuple(
    _listing(line)
    for line in (
        "BTC/USD 50000 0.1 0.00000001 0.00005 0.5",
        "ETH/USD 2500 0.01 0.00000001 0.002 0.5",
        "ADA/USD 0.5 0.000001 0.00000001 10 0.5",
        "SOL/USD 150 0.01 0.00000001 0.02 0.5",
        "XRP/USD 0.6 0.00001 0.00000001 4 0.5",
        "DOGE/USD 0.1 0.0000001 0.00000001 40 0.5",
        "BTC/EUR 46000 0.1 0.00000001 0.00005 0.45",
        "ETH/BTC 0.05 0.00001 0.00000001 0.002 0.00002",
    )
)

BINANCE = (
    *(
        _listing(line)
        for line in (
            "BTC/USDT 50000 0.01 0.00001 0.00001 5",
            "ETH/USDT 2500 0.01 0.0001 0.0001 5",
            "BNB/USDT 600 0.01 0.001 0.001 5",
            "ADA/USDT 0.5 0.0001 0.1 0.1 5",
            "SOL/USDT 150 0.01 0.001 0.001 5",
            "DOGE/USDT 0.1 0.00001 1 1 1",
        )
    ),
    _listing("ETH/BTC 0.05 0.00001 0.0001 0.0001 0.0001", notional_filter="MIN_NOTIONAL"),
)


def synthetic(count: int, quote: str) -> tuple[Listing, ...]:
    """Return `count` made-up markets S001/quote …, each with another price and steps that differ."""
    return tuple(
        Listing(
            base=f"S{number:03d}",
            quote=quote,
            mid=Decimal(1 + number * 7 % 97),
            tick=Decimal(1).scaleb(-2 - number % 4),
            lot=Decimal(1).scaleb(-3 - number % 5),
            min_quantity=Decimal(1).scaleb(-3 + number % 3),
            min_notional=Decimal(5),
        )
        for number in range(1, count + 1)
    )
