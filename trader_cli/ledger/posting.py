"""Double entry: what a run's fills do to which account, in every asset.

Positive = into the account. For each transaction and each asset the amounts sum to zero:

- opening: cash in, equity:opening out
- transfer, one a wallet where a run has several: the wallet's cash in, the account's cash out
- buy: cash out notional + fee; market:QUOTE in notional; fees in; holding in quantity; market:BASE out quantity
- sell: the reverse, the fee again in
- the fill that ends a round trip also moves its result, sold - bought, from market:QUOTE to income:trading:
  what is left in market:QUOTE is the cost of what is still held

Where a run has several wallets each has cash, holdings, market, fees and income of its own, with its name before the
asset's: `assets:cash:momentum:USD`. What no wallet was given stays in `assets:cash:USD`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trader_cli.errors import UsageError
from trader_cli.model.bars import Ints
from trader_cli.model.risk import ALL, is_wallet_name
from trader_cli.model.run import RunRecord


def check_wallet_name(name: str) -> None:
    """Raise UsageError unless `name` can be a wallet's: part of account names, and no word for all of them."""
    if not is_wallet_name(name):
        raise UsageError(
            f"`{name}` cannot be a wallet's name",
            f"use lower-case letters, digits, `-` and `_`, a letter or digit first; `{ALL}` means every wallet",
        )


@dataclass(frozen=True)
class Posting:
    """Entries of one run. names: (account, asset) pairs; txn, account, amount: int64 (n,), txn 0 = the opening.

    account indexes `names`; entries are sorted by txn. transfers: how many transactions stand between the opening and
    the first fill.
    """

    names: tuple[tuple[str, str], ...]
    txn: Ints
    account: Ints
    amount: Ints
    transfers: int


def wallet_accounts(wallet: str, quote: str) -> tuple[str, str, str, str]:
    """Return a wallet's accounts of cash, market, fees and income in quote; "" is the one wallet of a run."""
    middle = f"{wallet}:" if wallet else ""
    roots = ("assets:cash", "equity:market", "expenses:fees", "income:trading")
    cash, market, fees, income = (f"{root}:{middle}{quote}" for root in roots)
    return cash, market, fees, income


def holding_accounts(wallet: str, base: str) -> tuple[str, str]:
    """Return a wallet's accounts of what is held of a base and of where it came from; "" as above."""
    middle = f"{wallet}:" if wallet else ""
    return f"assets:holding:{middle}{base}", f"equity:market:{middle}{base}"


def wallet_names(record: RunRecord) -> tuple[str, ...]:
    """Return the names of a run's wallets as its accounts carry them: one wallet alone is not named."""
    names = tuple(one.name for one in record.wallets)
    if len(names) < 2:
        return ("",)
    for name in names:
        check_wallet_name(name)
    return names


def post(record: RunRecord) -> Posting:
    """Return the entries of a run: the opening, the transfers, then one transaction a fill."""
    quote = record.quote
    wallets = wallet_names(record)
    transfers = len(wallets) if wallets != ("",) else 0
    names = [(f"equity:opening:{quote}", quote)]
    if transfers:
        names.append((f"assets:cash:{quote}", quote))
    own = len(names)
    for wallet in wallets:
        names += [(name, quote) for name in wallet_accounts(wallet, quote)]
        for one in record.instruments:
            names += [(name, one.base) for name in holding_accounts(wallet, one.base)]
    # Every wallet has as many accounts: cash, market, fees, income, then two for each symbol.
    width = (len(names) - own) // len(wallets)
    fills = record.fills
    count = len(fills)
    cash = own + width * fills.wallet
    numbers = np.arange(count, dtype=np.int64) + 1 + transfers
    signed = fills.side * fills.notional
    quantity = fills.side * fills.quantity
    holding = cash + 4 + 2 * fills.symbol
    trips = record.round_trips
    result = trips.sold - trips.bought
    closing = trips.last_fill + 1 + transfers
    of_trip = own + width * trips.wallet
    parts = [
        (np.zeros(2, np.int64), np.array([0, 1]), np.array([-record.cash_start, record.cash_start])),
        (numbers, cash, -signed - fills.fee),
        (numbers, cash + 1, signed),
        (numbers, cash + 2, fills.fee),
        (numbers, holding, quantity),
        (numbers, holding + 1, -quantity),
        (closing, of_trip + 1, result),
        (closing, of_trip + 3, -result),
    ]
    if transfers:
        which = np.arange(transfers, dtype=np.int64)
        given = np.array([one.cash_start for one in record.wallets], np.int64)
        parts += [(which + 1, np.ones(transfers, np.int64), -given), (which + 1, own + width * which, given)]
    txn, account, amount = (np.concatenate([part[i] for part in parts]).astype(np.int64) for i in range(3))
    order = np.argsort(txn, kind="stable")
    return Posting(tuple(names), txn[order], account[order], amount[order], transfers)
