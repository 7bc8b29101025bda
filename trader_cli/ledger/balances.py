"""What every run says of itself, derived again from its entries, fills and round trips, and compared."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.posting import holding_accounts, wallet_accounts
from trader_cli.ledger.rows import fill_wallets, wallet_in, wallets_of
from trader_cli.ledger.stepping import session
from trader_cli.model.risk import WalletRecord


@dataclass(frozen=True)
class _Told:
    """One run as it is stored, with what is derived from its entries.

    balance: by account. held: quantity by (wallet, symbol). trips: round trips with their wallet. wallets: none where
    the run was recorded before there were wallets. split: it has several, and they have accounts of their own.
    """

    run: Any
    balance: Mapping[str, int]
    held: Mapping[tuple[str, str], int]
    trips: Sequence[Any]
    wallets: Sequence[WalletRecord]

    @property
    def split(self) -> bool:
        return len(self.wallets) > 1

    @property
    def owners(self) -> list[str]:
        """Wallets as accounts name them."""
        return [one.name for one in self.wallets] if self.split else [""]

    def cash(self, owner: str) -> int:
        return self.balance[wallet_accounts(owner, self.run["quote"])[0]]


def balances(connection: Connection, *, wallets: bool, sessions: bool) -> Iterator[Finding]:
    """Yield where a run's balances, holdings, equity, trades, digest or wallets are not what its entries give.

    wallets, sessions: False for a schema that has none yet.
    """
    going = set(connection.execute(select(schema.sessions.c.run)).scalars()) if sessions else set()
    for run in connection.execute(select(schema.runs).order_by(schema.runs.c.id)).mappings():
        own = wallets_of(connection, run["id"]) if wallets else []
        if run["id"] in going:
            yield from session(connection, run, own)
        else:
            if run["mode"] in ("paper", "live"):
                yield Finding(
                    "runs", run["id"], f"a run of mode {run['mode']} is a session, and nothing says of which account"
                )
            yield from _run(connection, run, own)


def _differs(run: Any, what: str, derived: object, stated: object) -> Finding:
    return Finding("runs", run["id"], f"{what} is {derived} by the entries, the run says {stated}")


def _run(connection: Connection, run: Any, wallets: Sequence[WalletRecord]) -> Iterator[Finding]:
    t, f, d, w = schema.transactions, schema.fills, schema.trades, schema.trade_strategies
    number = run["id"]
    balance: dict[str, int] = defaultdict(int)
    yield from _entries(connection, number, balance)
    symbols: list[str] = json.loads(run["symbols"])
    split = len(wallets) > 1
    filled = select(t.c.time_ms, f).join_from(f, t, f.c.txn == t.c.id).where(t.c.run == number)
    fills = connection.execute(filled.order_by(f.c.txn)).all()
    paid = fill_wallets(connection, number) if split else {}
    held = {(owner, symbol): 0 for owner in ([one.name for one in wallets] if split else [""]) for symbol in symbols}
    whole = hashlib.sha256("\n".join(symbols).encode() + b"\0")
    for row in fills:
        place = (paid.get(row.txn, ""), row.symbol)
        held[place] = held.get(place, 0) + row.side * row.quantity
        columns = (row.time_ms, symbols.index(row.symbol), row.side, row.quantity, row.price, row.fee)
        whole.update(b"".join(int(value).to_bytes(8, "little", signed=True) for value in columns))
    trips = connection.execute(select(d).where(d.c.run == number).order_by(d.c.id)).all()
    told = _Told(run, balance, held, trips, wallets)
    differs = partial(_differs, run)
    if len(fills) != run["fill_count"]:
        yield differs("the number of fills", len(fills), run["fill_count"])
    if whole.hexdigest() != run["digest"]:
        yield differs("the digest", whole.hexdigest(), run["digest"])
    yield from _worth(told, differs)
    if len(trips) != run["trade_count"]:
        yield differs("the number of round trips", len(trips), run["trade_count"])
    yield from _results(told, differs)
    if wallets:
        whose: dict[int, Any] = {}
        if split or _strategies(connection, number) > 1:
            whose = {row.trade: row for row in connection.execute(select(w).where(w.c.run == number))}
            yield from _owners(told, whose, paid)
        yield from _wallets(connection, told, paid)
        yield from _parts(connection, told, whose)


def _entries(connection: Connection, number: int, balance: dict[str, int]) -> Iterator[Finding]:
    """Sum the entries by account into `balance`; yield the fills that reach into a second wallet."""
    t, e, a = schema.transactions, schema.entries, schema.accounts
    query = select(e.c.txn, a.c.name, e.c.amount, t.c.kind).join_from(e, t, e.c.txn == t.c.id)
    last: tuple[int, str] | None = None
    for txn, name, amount, kind in connection.execute(
        query.join(a, e.c.account == a.c.id).where(t.c.run == number).order_by(e.c.txn, e.c.line)
    ):
        balance[name] += amount
        if kind == "fill":
            wallet = wallet_in(name)
            if last is not None and last[0] == txn and last[1] != wallet:
                yield Finding("transactions", txn, f"one fill moves money of `{last[1]}` and of `{wallet}`")
            last = (txn, wallet)


def _worth(told: _Told, differs: Callable[[str, object, object], Finding]) -> Iterator[Finding]:
    run, quote = told.run, told.run["quote"]
    cash = told.balance[f"assets:cash:{quote}"] + (sum(told.cash(one) for one in told.owners) if told.split else 0)
    if cash != run["cash_end"]:
        yield differs("cash at the end", cash, run["cash_end"])
    stated = json.loads(run["holdings"])
    if list(told.held.values()) != stated:
        yield differs("what is held", list(told.held.values()), stated)
    equity = cash + sum(_value(told, owner) for owner in told.owners)
    if equity != run["equity_end"]:
        yield differs("equity at the end", equity, run["equity_end"])
    holdings: dict[str, int] = defaultdict(int)
    for (owner, symbol), held in told.held.items():
        holdings[holding_accounts(owner, symbol.split("/")[0])[0]] += held
    for account, held in holdings.items():
        if told.balance[account] != held:
            yield differs(f"the balance of `{account}`", told.balance[account], held)


def _value(told: _Told, owner: str) -> int:
    """Return what a wallet holds at the last prices, each symbol rounded down as the engine rounds."""
    marks = json.loads(told.run["marks"])
    instruments = json.loads(told.run["instruments"])
    return sum(
        mark * told.held.get((owner, one["symbol"]), 0) // 10 ** one["price_decimals"]
        for one, mark in zip(instruments, marks, strict=True)
    )


def _results(told: _Told, differs: Callable[[str, object, object], Finding]) -> Iterator[Finding]:
    booked = sum(-told.balance[wallet_accounts(owner, told.run["quote"])[3]] for owner in told.owners)
    result = sum(row.sold - row.bought for row in told.trips)
    if booked != result:
        yield differs("the result of round trips", booked, result)
    for row in told.trips:
        if row.pnl != row.sold - row.bought - row.fees:
            parts = row.sold - row.bought - row.fees
            yield Finding("trades", row.id, f"its result is {row.pnl}, its parts give {parts}")


def _strategies(connection: Connection, number: int) -> int:
    t = schema.strategy_performance
    return len(connection.execute(select(t.c.id).where(t.c.run == number)).all())


def _owners(told: _Told, whose: Mapping[int, Any], paid: Mapping[int, str]) -> Iterator[Finding]:
    """Every round trip of a run with several wallets or strategies says whose it was, and its closing fill agrees."""
    for row in told.trips:
        one = whose.get(row.id)
        if one is None:
            yield Finding("trades", row.id, "nothing says whose round trip it was")
        elif told.split and paid.get(row.closing_txn) != one.wallet:
            text = f"it says `{one.wallet}`, its closing fill was paid by `{paid.get(row.closing_txn, '')}`"
            yield Finding("trade_strategies", one.id, text)


def _wallets(connection: Connection, told: _Told, paid: Mapping[int, str]) -> Iterator[Finding]:
    """Each wallet's money is its own: what it began and ended with, holds, and has earned, by its own accounts."""
    t, e, a = schema.transactions, schema.entries, schema.accounts
    quote, number = told.run["quote"], told.run["id"]
    moved = select(a.c.name, e.c.amount).join_from(e, t, e.c.txn == t.c.id).join(a, e.c.account == a.c.id)
    begun: dict[str, int] = defaultdict(int)
    for name, amount in connection.execute(moved.where(t.c.run == number, t.c.kind == "transfer")):
        begun[name] += amount
    rows = connection.execute(select(schema.wallets.c.id).where(schema.wallets.c.run == number)).scalars()
    # One wallet alone has no accounts of its own: what it was not given lies beside its cash.
    beside = 0 if told.split else told.run["cash_start"] - told.wallets[0].cash_start
    for row, one, owner in zip(sorted(rows), told.wallets, told.owners, strict=True):
        trips = [trip for trip in told.trips if not told.split or paid.get(trip.closing_txn) == one.name]
        cash = told.cash(owner) - beside
        derived = {
            "cash at the start": (
                begun[wallet_accounts(owner, quote)[0]] if told.split else one.cash_start,
                one.cash_start,
            ),
            "cash at the end": (cash, one.cash_end),
            "equity at the end": (cash + _value(told, owner), one.equity_end),
            "the number of round trips": (len(trips), one.trades),
            "the result": (sum(trip.pnl for trip in trips), one.pnl),
        }
        for what, (found, stated) in derived.items():
            if found != stated:
                text = f"{what} of `{one.name}` is {found} by the entries, the wallet says {stated}"
                yield Finding("wallets", row, text)
        booked = -told.balance[wallet_accounts(owner, quote)[3]]
        if booked != sum(trip.sold - trip.bought for trip in trips):
            yield Finding("wallets", row, f"the income of `{one.name}` is not what its round trips give")
    rest = told.balance[f"assets:cash:{quote}"] if told.split else beside
    if rest < 0:
        yield _differs(told.run, "what no wallet was given", rest, "nothing below 0 can be")


def _parts(connection: Connection, told: _Told, whose: Mapping[int, Any]) -> Iterator[Finding]:
    """The strategies' parts of a run are the round trips they opened."""
    p, s = schema.strategy_performance, schema.strategies
    query = select(p.c.id, s.c.name, p.c.trades, p.c.pnl).join_from(p, s, p.c.strategy == s.c.id)
    stated: dict[str, list[int]] = {}
    for number, name, trades, pnl in connection.execute(query.where(p.c.run == told.run["id"]).order_by(p.c.id)):
        one = stated.setdefault(name, [number, 0, 0])
        one[1] += trades
        one[2] += pnl
    for name, (number, trades, pnl) in stated.items():
        own = [trip for trip in told.trips if not whose or (trip.id in whose and whose[trip.id].strategy == name)]
        if (len(own), sum(trip.pnl for trip in own)) != (trades, pnl):
            found = f"{len(own)} round trips with a result of {sum(trip.pnl for trip in own)}"
            text = f"`{name}` says {trades} with {pnl}, its rows give {found}"
            yield Finding("strategy_performance", number, text)
