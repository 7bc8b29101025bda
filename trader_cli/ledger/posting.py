"""Double entry: what fills and other moves of money do to which account, in every asset.

Positive = into the account. For each transaction and each asset the amounts sum to zero:

- opening: cash in, equity:opening out
- transfer, one a wallet where a run has several: the wallet's cash in, the account's cash out
- buy: cash out notional + fee; market:QUOTE in notional; fees in; holding in quantity; market:BASE out quantity
- sell: the reverse, the fee again in
- the fill that ends a round trip also moves its result, sold - bought, from market:QUOTE to income:trading:
  what is left in market:QUOTE is the cost of what is still held
- a fee that a venue took in a third asset: expenses:fees in, equity:outside out, for that asset is not this book's
- adopt: cash or holding in, equity:adopted out; write_off: cash or holding out, equity:written-off in

Where a run has several wallets each has cash, holdings, market, fees and income of its own, with its name before the
asset's: `assets:cash:momentum:USD`. What no wallet was given stays in `assets:cash:USD`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trader_cli.errors import UsageError
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import ALL, WalletRecord, is_wallet_name


def check_wallet_name(name: str) -> None:
    """Raise UsageError unless `name` can be a wallet's: part of account names, and no word for all of them."""
    if not is_wallet_name(name):
        raise UsageError(
            f"`{name}` cannot be a wallet's name",
            f"use lower-case letters, digits, `-` and `_`, a letter or digit first; `{ALL}` means every wallet",
        )


@dataclass(frozen=True)
class Move:
    """One transaction that is no fill. lines: (account, asset, amount in 1e-8), in order; each asset's sum to zero."""

    kind: str
    lines: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Batch:
    """What is posted at once: moves, then fills, then moves. owners: wallets as accounts name them, indexed by the fills.

    trips: those that these fills closed; last_fill indexes them. time_ms: of the moves. outside: fees that a venue took in a
    third asset, (index of the fill, asset, amount in 1e-8).
    """

    quote: str
    owners: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    time_ms: int
    fills: Fills
    trips: RoundTrips
    before: tuple[Move, ...] = ()
    after: tuple[Move, ...] = ()
    outside: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True)
class Posting:
    """Entries of one batch. names: (account, asset) pairs; txn, account, amount: int64 (n,), txn counts from 0.

    account indexes `names`; entries are sorted by txn. before: how many transactions stand before the first fill.
    """

    names: tuple[tuple[str, str], ...]
    txn: Ints
    account: Ints
    amount: Ints
    before: int


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


def outside_accounts(wallet: str, asset: str) -> tuple[str, str]:
    """Return the accounts of a fee in a third asset and of where it came from; "" as above."""
    middle = f"{wallet}:" if wallet else ""
    return f"expenses:fees:{middle}{asset}", f"equity:outside:{middle}{asset}"


def owners_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return a run's wallets as its accounts name them: one wallet alone is not named."""
    if len(names) < 2:
        return ("",)
    for name in names:
        check_wallet_name(name)
    return tuple(names)


def opening(cash: int, quote: str, wallets: Sequence[WalletRecord]) -> tuple[Move, ...]:
    """Return what opens a run: the whole cash, then one transfer a wallet where there are several."""
    account = f"assets:cash:{quote}"
    moves = [Move("opening", ((f"equity:opening:{quote}", quote, -cash), (account, quote, cash)))]
    for one in wallets if len(wallets) > 1 else ():
        given = one.cash_start
        lines = ((account, quote, -given), (wallet_accounts(one.name, quote)[0], quote, given))
        moves.append(Move("transfer", lines))
    return tuple(moves)


def post(batch: Batch) -> Posting:
    """Return the entries of a batch, one transaction a move and a fill."""
    quote, fills, trips = batch.quote, batch.fills, batch.trips
    names: list[tuple[str, str]] = []
    for owner in batch.owners:
        names += [(name, quote) for name in wallet_accounts(owner, quote)]
        for one in batch.instruments:
            names += [(name, one.base) for name in holding_accounts(owner, one.base)]
    # Every wallet has as many accounts: cash, market, fees, income, then two for each symbol.
    width = len(names) // len(batch.owners)
    before = len(batch.before)
    numbers = np.arange(len(fills), dtype=np.int64) + before
    cash = width * fills.wallet
    signed = fills.side * fills.notional
    quantity = fills.side * fills.quantity
    holding = cash + 4 + 2 * fills.symbol
    result = trips.sold - trips.bought
    closing = trips.last_fill + before
    of_trip = width * trips.wallet
    parts = [
        (numbers, cash, -signed - fills.fee),
        (numbers, cash + 1, signed),
        (numbers, cash + 2, fills.fee),
        (numbers, holding, quantity),
        (numbers, holding + 1, -quantity),
        (closing, of_trip + 1, result),
        (closing, of_trip + 3, -result),
    ]
    lines = np.array(list(_lines(batch, names)), np.int64).reshape(-1, 3)
    parts.append((lines[:, 0], lines[:, 1], lines[:, 2]))
    txn, account, amount = (np.concatenate([part[i] for part in parts]).astype(np.int64) for i in range(3))
    order = np.argsort(txn, kind="stable")
    return Posting(tuple(names), txn[order], account[order], amount[order], before)


def _lines(batch: Batch, names: list[tuple[str, str]]) -> Iterable[tuple[int, int, int]]:
    """Yield (txn, account, amount) of moves and of fees in a third asset; their accounts are added to `names`."""
    places = {name: i for i, (name, _) in enumerate(names)}

    def place(name: str, asset: str) -> int:
        if name not in places:
            places[name] = len(names)
            names.append((name, asset))
        return places[name]

    before, count = len(batch.before), len(batch.fills)
    for i, move in enumerate((*batch.before, *batch.after)):
        txn = i if i < before else i + count
        for name, asset, amount in move.lines:
            yield txn, place(name, asset), amount
    for fill, asset, amount in batch.outside:
        owner = batch.owners[int(batch.fills.wallet[fill])]
        expense, source = outside_accounts(owner, asset)
        yield fill + before, place(expense, asset), amount
        yield fill + before, place(source, asset), -amount
