"""Double entry: what a run's fills do to which account, in every asset.

Positive = into the account. For each transaction and each asset the amounts sum to zero:

- opening: cash in, equity:opening out
- buy: cash out notional + fee; market:QUOTE in notional; fees in; holding in quantity; market:BASE out quantity
- sell: the reverse, the fee again in
- the fill that ends a round trip also moves its result, sold - bought, from market:QUOTE to income:trading:
  what is left in market:QUOTE is the cost of what is still held
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Ints
from trader_cli.model.run import RunRecord


@dataclass(frozen=True)
class Posting:
    """Entries of one run. names: (account, asset) pairs; txn, account, amount: int64 (n,), txn 0 = the opening.

    account indexes `names`; entries are sorted by txn.
    """

    names: tuple[tuple[str, str], ...]
    txn: Ints
    account: Ints
    amount: Ints


def post(record: RunRecord) -> Posting:
    """Return the entries of a run: the opening, then one transaction a fill, numbered from 1."""
    quote = record.quote
    names = [
        (f"equity:opening:{quote}", quote),
        (f"assets:cash:{quote}", quote),
        (f"equity:market:{quote}", quote),
        (f"expenses:fees:{quote}", quote),
        (f"income:trading:{quote}", quote),
    ]
    bases = [one.base for one in record.instruments]
    for base in bases:
        names += [(f"assets:holding:{base}", base), (f"equity:market:{base}", base)]
    opening, cash, market, fees, income = range(5)
    fills = record.fills
    count = len(fills)
    numbers = np.arange(1, count + 1, dtype=np.int64)
    signed = fills.side * fills.notional
    quantity = fills.side * fills.quantity
    holding = 5 + 2 * fills.symbol
    trips = record.round_trips
    result = trips.sold - trips.bought
    closing = trips.last_fill + 1
    ones = np.ones(count, np.int64)
    parts = [
        (np.zeros(2, np.int64), np.array([opening, cash]), np.array([-record.cash_start, record.cash_start])),
        (numbers, ones * cash, -signed - fills.fee),
        (numbers, ones * market, signed),
        (numbers, ones * fees, fills.fee),
        (numbers, holding, quantity),
        (numbers, holding + 1, -quantity),
        (closing, np.full(len(trips), market), result),
        (closing, np.full(len(trips), income), -result),
    ]
    txn, account, amount = (np.concatenate([part[i] for part in parts]).astype(np.int64) for i in range(3))
    order = np.argsort(txn, kind="stable")
    return Posting(tuple(names), txn[order], account[order], amount[order])
