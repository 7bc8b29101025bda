"""Runs made of random fills, for the ledger's tests: one wallet or several, each with what it can pay."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent, StrategyRecord, WalletRecord
from trader_cli.model.run import RunRecord

CASH = 10**6 * 10**8
BAR_MS = 60_000
NAMES = ("momentum", "mean_reversion", "grid", "arbitrage")


@dataclass
class _Open:
    """A round trip on its way: what has been bought, sold and paid since it was flat."""

    entry_ms: int = 0
    quantity: int = 0
    held: int = 0
    bought: int = 0
    sold: int = 0
    fees: int = 0
    strategy: int = 0


@dataclass
class _Book:
    """Fills as rows, and the round trips they make."""

    held: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    rows: list[tuple[int, ...]] = field(default_factory=list)
    trips: list[tuple[int, ...]] = field(default_factory=list)
    whose: list[int] = field(default_factory=list)
    paid: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    fees: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    open: dict[tuple[int, int], _Open] = field(default_factory=dict)

    def fill(self, bar: int, symbol: int, side: int, quantity: int, price: int, notional: int, kind: int, reason: int,
             wallet: int, strategy: int) -> None:  # fmt: skip
        fee = notional // 1000 + 1
        time_ms = bar * BAR_MS
        self.rows.append((time_ms, symbol, side, quantity, price, notional, fee, kind, reason, wallet))
        self.paid[wallet] -= side * notional + fee
        place = (wallet, symbol)
        self.held[place] += side * quantity
        trip = self.open.setdefault(place, _Open(entry_ms=time_ms, strategy=strategy))
        self.fees[trip.strategy] += fee
        trip.fees += fee
        if side > 0:
            trip.quantity += quantity
            trip.bought += notional
        else:
            trip.sold += notional
        if self.held[place] == 0:
            pnl = trip.sold - trip.bought - trip.fees
            sums = (trip.quantity, trip.bought, trip.sold, trip.fees, pnl)
            bars = (time_ms - trip.entry_ms) // BAR_MS
            self.trips.append((symbol, trip.entry_ms, time_ms, *sums, reason, bars, len(self.rows) - 1, wallet))
            self.whose.append(trip.strategy)
            del self.open[place]


def record(
    seed: int,
    count: int,
    symbols: int = 2,
    run_id: str | None = None,
    wallets: int = 1,
    rest: int = 0,
    events: int = 2,
    strategies: int = 1,
) -> RunRecord:
    """A run of `count` random buys and sells that never sell what is not held; every number adds up.

    wallets: how many; strategies: in each wallet. rest: 1e-8 quote that no wallet is given.
    """
    rng = np.random.default_rng(seed)
    instruments = tuple(
        Instrument(f"S{i}/USD", tick=Decimal("0.01") if i % 2 else Decimal("1e-10")) for i in range(symbols)
    )
    book = _Book()
    for bar in range(count):
        s, w = int(rng.integers(symbols)), int(rng.integers(wallets)) if wallets > 1 else 0
        one = instruments[s].price_one
        price = int(rng.integers(one // 10, 100 * one))
        held = book.held[w, s]
        if held and rng.random() < 0.6:
            side = -1
            quantity = held if rng.random() < 0.7 else int(rng.integers(1, held + 1))
        else:
            side, quantity = 1, int(rng.integers(1, 10**8))
        notional = price * quantity // one if side < 0 else -(-price * quantity // one)
        kinds = (int(rng.integers(3)), int(rng.integers(4)))
        opener = w * strategies + (int(rng.integers(strategies)) if strategies > 1 else 0)
        book.fill(bar, s, side, quantity, price, notional, *kinds, w, opener)
    fills = Fills(tuple(one.symbol for one in instruments), *_columns(book.rows, 10))
    trips = RoundTrips(fills.symbols, *_columns(book.trips, 12))
    marks = tuple(int(rng.integers(1, 50 * one.price_one)) for one in instruments)
    shares = [(CASH - rest) // wallets] * wallets
    shares[0] += CASH - rest - sum(shares)
    names = NAMES[:wallets] if wallets > 1 else ("main",)
    parts = tuple(
        StrategyRecord(
            name=f"random{i}" if wallets * strategies > 1 else "random",
            wallet=names[i // strategies],
            code_digest=f"code{i % 2}",
            trades=book.whose.count(i),
            pnl=sum(row[7] for row, whose in zip(book.trips, book.whose, strict=True) if whose == i),
            fees=book.fees[i],
        )
        for i in range(wallets * strategies)
    )
    own = tuple(_wallet(book, w, name, shares[w], parts, instruments, marks) for w, name in enumerate(names))
    return RunRecord(
        run_id=run_id or f"run-{seed}-{count}",
        mode="backtest",
        strategy="random",
        params={"fast": 5},
        preset="plain",
        config={"account": {"cash": "1000000"}},
        exchange="test",
        timeframe="1m",
        quote="USD",
        instruments=instruments,
        bars=max(count, 1),
        start_ms=0,
        end_ms=max(count, 1) * BAR_MS,
        started_ms=1_600_000_000_000,
        cash_start=CASH,
        cash_end=rest + sum(one.cash_end for one in own),
        equity_end=rest + sum(one.equity_end for one in own),
        holdings=tuple(book.held[w, s] for w in range(wallets) for s in range(symbols)),
        marks=marks,
        digest=fills.digest(),
        code_digest="code",
        data_digests={one.symbol: "data" for one in instruments},
        stats={"sharpe": 1.5, "total_return_pct": 3.0},
        fills=fills,
        round_trips=trips,
        wallets=own,
        strategies=parts,
        trip_strategies=tuple(book.whose),
        risk_events=tuple(event(i, names[i % wallets]) for i in range(events)),
    )


def _columns(rows: list[tuple[int, ...]], width: int) -> list[np.ndarray]:
    return [column.copy() for column in np.array(rows, np.int64).reshape(-1, width).T]


def _wallet(
    book: _Book,
    w: int,
    name: str,
    cash: int,
    parts: tuple[StrategyRecord, ...],
    instruments: tuple[Instrument, ...],
    marks: tuple[int, ...],
) -> WalletRecord:
    cash_end = cash + book.paid[w]
    worth = sum(one.value_units(marks[s], book.held[w, s]) for s, one in enumerate(instruments))
    own = [row for row in book.trips if row[-1] == w]
    strategies = tuple(one.name for one in parts if one.wallet == name)
    share = 10**8 * cash // CASH
    return WalletRecord(name, strategies, share, cash, cash_end, cash_end + worth, len(own), sum(r[7] for r in own), "")


def event(i: int, wallet: str = "") -> RiskEvent:
    """A refusal as an engine reports it: 12.5 % wanted, 10 % allowed."""
    return RiskEvent(
        time_ms=i * BAR_MS,
        last_ms=(i + 3) * BAR_MS,
        count=4,
        kind="refusal",
        wallet=wallet,
        strategy="random",
        symbol="S0/USD",
        rule="max_symbol",
        number="12.5",
        limit="10",
        unit="%",
        message="more of `S0/USD` than one symbol may be",
    )
