"""Round trips as the table of `--trades`: decimals as the ledger's integers have them, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from trader_cli.jobs.report import exact
from trader_cli.jobs.summary import times
from trader_cli.model.fills import Fills, Reason, RoundTrips
from trader_cli.model.instrument import Instrument

_DECIMALS = 8
_BUY, _SELL = 0, 1


def trade_rows(trips: RoundTrips, fills: Fills, instruments: Sequence[Instrument]) -> dict[str, Any]:
    """Return round trips as columns; times ISO 8601 UTC, prices in quote, amounts of money in quote after fees.

    A price is that of the fill; of several, their average by quantity, to 1e-8 or the instrument's finer step.
    """
    entries, exits = _prices(fills, [one.price_decimals for one in instruments])
    return {
        "symbol": [trips.symbols[i] for i in trips.symbol.tolist()],
        "entry_time": times(trips.entry_ms),
        "entry_price": entries,
        "exit_time": times(trips.exit_ms),
        "exit_price": exits,
        "quantity": _amounts(trips.quantity.tolist()),
        "pnl": _amounts(trips.pnl.tolist()),
        "return_pct": trips.pnl / trips.bought.astype(np.float64) * 100,
        "fees": _amounts(trips.fees.tolist()),
        "exit_reason": [Reason(i).label for i in trips.reason.tolist()],
    }


def _prices(fills: Fills, decimals: Sequence[int]) -> tuple[list[Decimal], list[Decimal]]:
    """Return what each round trip paid and got, in the order they closed."""
    found: tuple[list[Decimal], list[Decimal]] = [], []
    # Of each row under way: what is held, and quantity and price x quantity of its buys and of its sells.
    rows: dict[tuple[int, int], list[int]] = {}
    columns = (fills.wallet, fills.symbol, fills.side, fills.quantity, fills.price)
    for w, s, side, quantity, price in zip(*(one.tolist() for one in columns), strict=True):
        row = rows.setdefault((w, s), [0] * 5)
        row[0] += side * quantity
        first = 1 if side > 0 else 3
        row[first] += quantity
        row[first + 1] += quantity * price
        if row[0] == 0:
            for way, at in ((_BUY, 1), (_SELL, 3)):
                found[way].append(_average(row[at + 1], row[at], decimals[s]))
            del rows[w, s]
    return found


def _average(product: int, quantity: int, decimals: int) -> Decimal:
    """Return product / quantity, in units of 10**-decimals, as decimal rounded half up."""
    more = max(_DECIMALS - decimals, 0)
    units = (2 * product * 10**more + quantity) // (2 * quantity)
    return Decimal(exact(units, decimals + more))


def _amounts(units: Sequence[int]) -> list[Decimal]:
    return [Decimal(exact(one)) for one in units]
