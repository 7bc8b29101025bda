"""A session proved: what every one of its steps says is derived again, in one pass, from what was written up to it."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from trader_cli.ledger import schema
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.posting import holding_accounts, owners_of, wallet_accounts
from trader_cli.ledger.rows import wallet_in
from trader_cli.model.risk import WalletRecord

_BOOKED = ("adopt", "write_off")


def session(connection: Connection, run: RowMapping, wallets: Sequence[WalletRecord]) -> Iterator[Finding]:
    """Yield where a session's opening, steps, round trips or wallets are not what its entries and fills give."""
    yield from _opening(connection, run, wallets)
    steps = connection.execute(select(schema.steps).where(schema.steps.c.run == run["id"]).order_by(schema.steps.c.id))
    pass_ = _Pass(connection, run, owners_of([one.name for one in wallets]))
    last: RowMapping | None = None
    for step in steps.mappings():
        if step["seq"] != (0 if last is None else last["seq"] + 1):
            yield Finding(
                "steps", step["id"], f"step {step['seq']} does not follow {last['seq'] if last else 'nothing'}"
            )
        if last is not None and step["last_txn"] < last["last_txn"]:
            yield Finding("steps", step["id"], "it ends before the step before it")
        if json.loads(step["wallets"]) != [one.name for one in wallets]:
            yield Finding("steps", step["id"], "its wallets are not the session's")
        yield from pass_.to(step)
        last = step
    if last is None:
        yield Finding("sessions", None, f"the session `{run['run_id']}` has no step")
    yield from pass_.rest()


def _opening(connection: Connection, run: RowMapping, wallets: Sequence[WalletRecord]) -> Iterator[Finding]:
    """What stands in `runs` and `wallets` is what a session began with, by its first transactions."""
    t, e, a = schema.transactions, schema.entries, schema.accounts
    query = select(a.c.name, e.c.amount).join_from(e, t, e.c.txn == t.c.id).join(a, e.c.account == a.c.id)
    begun: dict[str, int] = defaultdict(int)
    for name, amount in connection.execute(query.where(t.c.run == run["id"], t.c.kind.in_(("opening", "transfer")))):
        begun[name] += amount
    symbols = json.loads(run["symbols"])
    none = hashlib.sha256("\n".join(symbols).encode() + b"\0").hexdigest()
    right = {
        "cash at the start": (-begun[f"equity:opening:{run['quote']}"], run["cash_start"]),
        "cash of its opening": (run["cash_start"], run["cash_end"]),
        "equity of its opening": (run["cash_start"], run["equity_end"]),
        "fills of its opening": (0, run["fill_count"]),
        "round trips of its opening": (0, run["trade_count"]),
        "the digest of its opening": (none, run["digest"]),
        "holdings of its opening": ([0] * len(symbols) * len(wallets), json.loads(run["holdings"])),
    }
    for what, (derived, stated) in right.items():
        if derived != stated:
            yield Finding("runs", run["id"], f"{what} is {derived}, the session says {stated}")
    if sum(one.cash_start for one in wallets) > run["cash_start"]:
        yield Finding("runs", run["id"], "its wallets began with more than it has")
    rows = connection.execute(select(schema.wallets.c.id).where(schema.wallets.c.run == run["id"])).scalars()
    for row, one in zip(sorted(rows), wallets, strict=True):
        given = begun[wallet_accounts(one.name, run["quote"])[0]] if len(wallets) > 1 else one.cash_start
        ends = (one.cash_end, one.equity_end, one.trades, one.pnl)
        if given != one.cash_start or ends != (given, given, 0, 0):
            yield Finding("wallets", row, f"`{one.name}` says {one.cash_start} and {ends}, it was given {given}")


@dataclass
class _Trip:
    """A round trip on its way, by the fills of one symbol in one wallet."""

    held: int = 0
    entry_ms: int = 0
    quantity: int = 0
    bought: int = 0
    sold: int = 0
    fees: int = 0


@dataclass
class _Told:
    """What the transactions so far give."""

    balance: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    adjusted: set[tuple[str, str]] = field(default_factory=set)
    digested: list[tuple[Any, ...]] = field(default_factory=list)
    fees: int = 0
    result: int = 0


class _Pass:
    """One walk over a session's transactions; `to` goes on to the end of a step and compares."""

    def __init__(self, connection: Connection, run: RowMapping, owners: Sequence[str]) -> None:
        t, e, a, f, d = schema.transactions, schema.entries, schema.accounts, schema.fills, schema.trades
        number = run["id"]
        self.run, self.owners, self.quote = run, owners, run["quote"]
        query = select(e.c.txn, t.c.kind, a.c.name, e.c.amount).join_from(e, t, e.c.txn == t.c.id)
        query = query.join(a, e.c.account == a.c.id).where(t.c.run == number).order_by(e.c.txn, e.c.line)
        self.entries = _Ahead(iter(connection.execute(query)))
        filled = select(
            f.c.txn, t.c.time_ms, f.c.symbol, f.c.side, f.c.quantity, f.c.price, f.c.fee, f.c.notional, f.c.reason
        )
        filled = filled.join_from(f, t, f.c.txn == t.c.id).where(t.c.run == number).order_by(f.c.txn)
        self.fills = _Ahead(iter(connection.execute(filled)))
        trades = connection.execute(select(d).where(d.c.run == number).order_by(d.c.closing_txn)).mappings().all()
        self.trades = {row["closing_txn"]: row for row in trades}
        self.closings = [row["closing_txn"] for row in trades]
        w = schema.trade_strategies
        self.whose = {row.trade: row for row in connection.execute(select(w).where(w.c.run == number))}
        self.told = _Told()
        self.open: dict[tuple[str, str], _Trip] = defaultdict(_Trip)
        self.symbols: list[str] = []
        self.digest = hashlib.sha256()
        self.payer: dict[int, str] = {}
        self.seen: set[int] = set()

    def to(self, step: RowMapping) -> Iterator[Finding]:
        """Walk to the end of a step; yield where it says something else."""
        yield from self._walk(step["last_txn"])
        symbols = json.loads(step["symbols"])
        if symbols != self.symbols:
            self._lay_out(symbols)
        told, quote = self.told, self.quote
        cash = told.balance[f"assets:cash:{quote}"] + sum(
            told.balance[wallet_accounts(one, quote)[0]] for one in self.owners if one
        )
        stated: list[int] = json.loads(step["holdings"])
        held = [self._held(owner, symbol, stated, i) for i, (owner, symbol) in enumerate(self._places(symbols))]
        worth = self._worth(step, stated)
        fees = sum(told.balance[wallet_accounts(one, quote)[2]] for one in self.owners)
        booked = -sum(told.balance[wallet_accounts(one, quote)[3]] for one in self.owners)
        right = {
            "cash": (cash, step["cash"]),
            "what is held": (held, stated),
            "equity": (cash + worth, step["equity"]),
            "fees": (told.fees, step["fees"]),
            "fees by the entries": (fees, step["fees"]),
            "the number of fills": (len(told.digested), step["fill_count"]),
            "the number of round trips": (bisect_right(self.closings, step["last_txn"]), step["trade_count"]),
            "the digest": (self.digest.hexdigest(), step["digest"]),
            "the result of round trips": (booked, told.result),
        }
        for what, (derived, says) in right.items():
            if derived != says:
                text = f"{what} is {derived} by entries and fills, step {step['seq']} says {says}"
                yield Finding("steps", step["id"], text)
        yield from self._balances(step, stated, symbols)
        yield from _readable(step, symbols)

    def _places(self, symbols: Sequence[str]) -> list[tuple[str, str]]:
        return [(owner, symbol) for owner in self.owners for symbol in symbols]

    def _held(self, owner: str, symbol: str, stated: Sequence[int], place: int) -> int:
        # What was adopted or lost belongs to the asset; of which symbol, where two have it, only their sum says.
        if (owner, _base(symbol)) in self.told.adjusted:
            return stated[place]
        return self.told.held[owner, symbol]

    def _balances(self, step: RowMapping, stated: Sequence[int], symbols: Sequence[str]) -> Iterator[Finding]:
        sums: dict[str, int] = defaultdict(int)
        for (owner, symbol), held in zip(self._places(symbols), stated, strict=True):
            sums[holding_accounts(owner, _base(symbol))[0]] += held
        for account, held in sums.items():
            if self.told.balance[account] != held:
                text = f"the balance of `{account}` is {self.told.balance[account]}, step {step['seq']} holds {held}"
                yield Finding("steps", step["id"], text)

    def _worth(self, step: RowMapping, stated: Sequence[int]) -> int:
        marks = json.loads(step["marks"])
        ones = [10 ** one["price_decimals"] for one in json.loads(step["instruments"])]
        return sum(marks[i % len(ones)] * held // ones[i % len(ones)] for i, held in enumerate(stated))

    def _lay_out(self, symbols: list[str]) -> None:
        """Begin the digest again: a symbol more, and every fill is counted by another list."""
        self.symbols = symbols
        self.digest = hashlib.sha256("\n".join(symbols).encode() + b"\0")
        for row in self.told.digested:
            self._digest(row)

    def _digest(self, row: tuple[Any, ...]) -> None:
        time_ms, symbol, *numbers = row
        place = self.symbols.index(symbol) if symbol in self.symbols else -1
        columns = (time_ms, place, *numbers)
        self.digest.update(b"".join(int(value).to_bytes(8, "little", signed=True) for value in columns))

    def _walk(self, last_txn: int) -> Iterator[Finding]:
        for txn, kind, name, amount in self.entries.up_to(last_txn):
            self.told.balance[name] += amount
            wallet = wallet_in(name)
            if kind == "fill" and self.payer.setdefault(txn, wallet) != wallet:
                yield Finding("transactions", txn, f"one fill moves money of `{self.payer[txn]}` and of `{wallet}`")
            if kind in _BOOKED and name.startswith("assets:holding:"):
                self.told.adjusted.add((wallet, name.rpartition(":")[2]))
        for row in self.fills.up_to(last_txn):
            yield from self._fill(*row)

    def _fill(
        self,
        txn: int,
        time_ms: int,
        symbol: str,
        side: int,
        quantity: int,
        price: int,
        fee: int,
        notional: int,
        reason: int,
    ) -> Iterator[Finding]:
        told = self.told
        owner = self.payer.pop(txn, "")
        told.held[owner, symbol] += side * quantity
        told.fees += fee
        told.digested.append((time_ms, symbol, side, quantity, price, fee))
        self._digest(told.digested[-1])
        trip = self.open[owner, symbol]
        if trip.held == 0:
            trip = self.open[owner, symbol] = _Trip(entry_ms=time_ms)
        trip.held += side * quantity
        trip.fees += fee
        if side > 0:
            trip.quantity += quantity
            trip.bought += notional
        else:
            trip.sold += notional
        trade = self.trades.get(txn)
        if trade is not None:
            self.seen.add(txn)
            told.result += trade["sold"] - trade["bought"]
            yield from self._trade(trade, owner)
        if (owner, _base(symbol)) not in told.adjusted:
            yield from _ended(txn, trip, trade, symbol, time_ms, reason)

    def _trade(self, trade: RowMapping, owner: str) -> Iterator[Finding]:
        if trade["pnl"] != trade["sold"] - trade["bought"] - trade["fees"]:
            yield Finding("trades", trade["id"], f"its result is {trade['pnl']}, its parts give another")
        whose = self.whose.pop(trade["id"], None)
        if whose is None:
            yield Finding("trades", trade["id"], "nothing says whose round trip it was")
        elif owner and whose.wallet != owner:
            yield Finding(
                "trade_strategies", whose.id, f"it says `{whose.wallet}`, its closing fill was paid by `{owner}`"
            )

    def rest(self) -> Iterator[Finding]:
        """Yield what belongs to no step."""
        for txn in {row[0] for row in self.entries.rest()} | {row[0] for row in self.fills.rest()}:
            yield Finding("transactions", txn, f"it is in no step of `{self.run['run_id']}`")
        for txn, trade in self.trades.items():
            if txn not in self.seen:
                yield Finding("trades", trade["id"], "no fill of its session closed it")
        for row in self.whose.values():
            yield Finding("trade_strategies", row.id, "it is about no round trip of its session")


def _ended(
    txn: int, trip: _Trip, trade: RowMapping | None, symbol: str, time_ms: int, reason: int
) -> Iterator[Finding]:
    """Flat again by the fills, there must be a round trip, and it must be theirs; not flat, there must be none."""
    if trip.held != 0:
        if trade is not None:
            yield Finding("trades", trade["id"], f"its fills leave {trip.held} of `{symbol}`: it has not ended")
        return
    if trade is None:
        yield Finding("fills", txn, f"`{symbol}` is sold, and there is no round trip")
        return
    right = {
        "symbol": symbol,
        "entry_ms": trip.entry_ms,
        "exit_ms": time_ms,
        "quantity": trip.quantity,
        "bought": trip.bought,
        "sold": trip.sold,
        "fees": trip.fees,
        "reason": reason,
    }
    for name, derived in right.items():
        if trade[name] != derived:
            yield Finding("trades", trade["id"], f"its {name} is {trade[name]}, its fills give {derived}")


def _readable(step: RowMapping, symbols: Sequence[str]) -> Iterator[Finding]:
    try:
        zlib.decompress(base64.b64decode(step["state"], validate=True))
    except (ValueError, zlib.error) as error:
        yield Finding("steps", step["id"], f"its state cannot be read: {error}")
    if [one["symbol"] for one in json.loads(step["instruments"])] != list(symbols):
        yield Finding("steps", step["id"], "its instruments are not its symbols'")


def _base(symbol: str) -> str:
    return symbol.partition("@")[0].split("/")[0]


class _Ahead:
    """Rows in the order of their transaction, taken as far as asked."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self.rows = rows
        self.next: Any = next(rows, None)

    def up_to(self, txn: int) -> Iterator[Any]:
        while self.next is not None and self.next[0] <= txn:
            row, self.next = self.next, next(self.rows, None)
            yield row

    def rest(self) -> Iterator[Any]:
        while self.next is not None:
            row, self.next = self.next, next(self.rows, None)
            yield row
