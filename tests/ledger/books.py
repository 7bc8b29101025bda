"""Runs made of random fills, for the ledger's tests."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from trader_cli.engine.trips import round_trips
from trader_cli.model.fills import Fills
from trader_cli.model.instrument import Instrument
from trader_cli.model.run import RunRecord

CASH = 10**6 * 10**8


def record(seed: int, count: int, symbols: int = 2, run_id: str | None = None) -> RunRecord:
    """A run of `count` random buys and sells that never sell what is not held; every number adds up."""
    rng = np.random.default_rng(seed)
    instruments = tuple(
        Instrument(f"S{i}/USD", tick=Decimal("0.01") if i % 2 else Decimal("1e-10")) for i in range(symbols)
    )
    held = [0] * symbols
    rows = []
    for bar in range(count):
        s = int(rng.integers(symbols))
        one = instruments[s].price_one
        price = int(rng.integers(one // 10, 100 * one))
        if held[s] and rng.random() < 0.6:
            side = -1
            quantity = held[s] if rng.random() < 0.7 else int(rng.integers(1, held[s] + 1))
        else:
            side, quantity = 1, int(rng.integers(1, 10**8))
        held[s] += side * quantity
        notional = price * quantity // one if side < 0 else -(-price * quantity // one)
        rows.append(
            (
                bar * 60_000,
                s,
                side,
                quantity,
                price,
                notional,
                notional // 1000 + 1,
                int(rng.integers(3)),
                int(rng.integers(4)),
            )
        )
    columns = np.array(rows, np.int64).reshape(-1, 9).T
    fills = Fills(tuple(one.symbol for one in instruments), *(column.copy() for column in columns))
    cash = CASH - int((fills.side * fills.notional).sum()) - int(fills.fee.sum())
    marks = tuple(int(rng.integers(1, 50 * one.price_one)) for one in instruments)
    equity = cash + sum(one.value_units(mark, q) for one, mark, q in zip(instruments, marks, held, strict=True))
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
        end_ms=max(count, 1) * 60_000,
        started_ms=1_600_000_000_000,
        cash_start=CASH,
        cash_end=cash,
        equity_end=equity,
        holdings=tuple(held),
        marks=marks,
        digest=fills.digest(),
        code_digest="code",
        data_digests={one.symbol: "data" for one in instruments},
        stats={"sharpe": 1.5, "total_return_pct": 3.0},
        fills=fills,
        round_trips=round_trips(fills, 60_000),
    )
