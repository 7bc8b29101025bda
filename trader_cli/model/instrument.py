"""What can be traded in which steps, and how its prices and quantities become integers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trader_cli.errors import UsageError

CASH_DECIMALS = 8
QUANTITY_DECIMALS = 8
CASH_ONE = 10**CASH_DECIMALS
QUANTITY_ONE = 10**QUANTITY_DECIMALS
PRICE_DECIMALS_MIN = 8
PRICE_DECIMALS_MAX = 12


@dataclass(frozen=True)
class Instrument:
    """Steps and minimums of one symbol, in Decimal as the venue states them.

    tick: price step, quote per base. lot: quantity step, base. min_quantity: base; min_notional: quote; 0 = none.
    learned_minimum: the smallest order in quote that the venue's refusals have taught us (R1.4); 0 = none.
    described is False where nobody stated the steps and 1e-8 is assumed.
    """

    symbol: str
    tick: Decimal = Decimal("0.00000001")
    lot: Decimal = Decimal("0.00000001")
    min_quantity: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    quote_currency: str = "USD"
    described: bool = False
    learned_minimum: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("tick", "lot"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise UsageError(f"instrument `{self.symbol}`: {name} is {value}, it must be above 0")
        for name in ("min_quantity", "min_notional", "learned_minimum"):
            value = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise UsageError(f"instrument `{self.symbol}`: {name} is {value}, it cannot be negative")
        if _decimals(self.lot) > QUANTITY_DECIMALS:
            raise UsageError(f"instrument `{self.symbol}`: lot {self.lot} is finer than 1e-{QUANTITY_DECIMALS}")
        if _decimals(self.tick) > PRICE_DECIMALS_MAX:
            raise UsageError(f"instrument `{self.symbol}`: tick {self.tick} is finer than 1e-{PRICE_DECIMALS_MAX}")

    @property
    def base(self) -> str:
        """The asset that is bought: `BTC` of `BTC/USD`, `AAPL` of `AAPL`."""
        return self.symbol.partition("@")[0].split("/")[0]

    @property
    def quote(self) -> str:
        """The asset it is paid in: `USD` of `BTC/USD` and of `BTC/USD@kraken`; without a slash it is `quote_currency`."""
        _, slash, quote = self.symbol.partition("@")[0].partition("/")
        return quote if slash else self.quote_currency

    @property
    def price_decimals(self) -> int:
        """Prices of this symbol are integers of 10**-price_decimals quote: 8, more where the tick is finer."""
        return max(PRICE_DECIMALS_MIN, _decimals(self.tick))

    @property
    def price_one(self) -> int:
        """Price units in one unit of the quote."""
        return int(10**self.price_decimals)

    @property
    def tick_units(self) -> int:
        """The tick in price units."""
        return int(self.tick.scaleb(self.price_decimals))

    @property
    def lot_units(self) -> int:
        """The lot in units of 1e-8 base."""
        return int(self.lot.scaleb(QUANTITY_DECIMALS))

    @property
    def min_quantity_units(self) -> int:
        """The smallest order in units of 1e-8 base, rounded up."""
        return -int(-self.min_quantity.scaleb(QUANTITY_DECIMALS) // 1)

    @property
    def min_notional_units(self) -> int:
        """The smallest order in units of 1e-8 quote, rounded up."""
        return -int(-self.min_notional.scaleb(CASH_DECIMALS) // 1)

    @property
    def learned_minimum_units(self) -> int:
        """The learned smallest order in units of 1e-8 quote, rounded up."""
        return -int(-self.learned_minimum.scaleb(CASH_DECIMALS) // 1)

    def price_units(self, price: float) -> int:
        """Return a price in this symbol's price units, rounded to the nearest, as the compiled path does."""
        return int(price * float(self.price_one) + 0.5)

    def value_units(self, price: int, quantity: int) -> int:
        """Return what `quantity` (1e-8 base) is worth at `price` (price units), 1e-8 quote, rounded down."""
        return price * quantity // self.price_one


def _decimals(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))
