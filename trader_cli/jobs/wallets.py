"""What each wallet and each strategy of a run began and ended with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trader_cli.engine.state import CASH, CLOSE, QUANTITY, TRIPPED_BY, Book, Market
from trader_cli.jobs.plan import WalletPlan, code_digest
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills, Refusal, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import StrategyRecord, WalletRecord


def marks_at(market: Market, instruments: Sequence[Instrument], row: int) -> list[int]:
    """Return every symbol's last price at a row of the grid, in its price units, 0 where it never had a bar."""
    last = market.prices[CLOSE, row].tolist()
    pairs = zip(last, instruments, strict=False)
    return [0 if math.isnan(price) else one.price_units(price) for price, one in pairs]


def held_worth(book: Book, wallet: int, marks: Sequence[int], instruments: Sequence[Instrument]) -> int:
    """Return what a wallet holds at these prices, 1e-8 quote."""
    first = wallet * len(instruments)
    held = book.position[first : first + len(instruments), QUANTITY].tolist()
    return sum(
        one.value_units(mark, quantity)
        for one, mark, quantity in zip(instruments, marks, held, strict=True)
        if quantity
    )


def wallet_records(
    plans: Sequence[WalletPlan],
    purses: Sequence[int],
    book: Book,
    marks: Sequence[int],
    instruments: Sequence[Instrument],
    trips: RoundTrips,
) -> tuple[WalletRecord, ...]:
    """Return every wallet's end; purses: cash at the start, 1e-8 quote. marks: last price per symbol, price units."""
    whole = int(book.wallet[-1, TRIPPED_BY])
    records = []
    for w, (plan, cash) in enumerate(zip(plans, purses, strict=True)):
        left = int(book.wallet[w, CASH])
        worth = held_worth(book, w, marks, instruments)
        mine = trips.wallet == w
        tripped = int(book.wallet[w, TRIPPED_BY]) or whole
        records.append(
            WalletRecord(
                name=plan.name,
                strategies=tuple(one.name for one in plan.strategies),
                share=plan.share,
                cash_start=cash,
                cash_end=left,
                equity_end=left + worth,
                trades=int(mine.sum()),
                pnl=int(trips.pnl[mine].sum()),
                halted=Refusal(tripped).label if tripped else "",
            )
        )
    return tuple(records)


def strategy_records(
    plans: Sequence[WalletPlan], fills: Fills, trips: RoundTrips, opened: Ints
) -> tuple[StrategyRecord, ...]:
    """Return every strategy's part; opened: per round trip the strategy that opened it, counted over all wallets."""
    records: list[StrategyRecord] = []
    for w, plan in enumerate(plans):
        alone = len(plan.strategies) == 1
        for one in plan.strategies:
            mine = opened == len(records)
            # Fees of what is still open belong to a strategy only where it is the wallet's one.
            fees = fills.fee[fills.wallet == w] if alone else trips.fees[mine]
            digest = code_digest(one.source_digest)
            pnl = int(trips.pnl[mine].sum())
            records.append(StrategyRecord(one.name, plan.name, digest, int(mine.sum()), pnl, int(fees.sum())))
    return tuple(records)


def wallet_rows(records: Sequence[WalletRecord]) -> list[dict[str, Any]]:
    """Return the wallets as JSON knows them."""
    return [
        {
            "name": one.name,
            "strategy": ",".join(one.strategies),
            "share_pct": one.share / 1e6,
            "cash": one.cash_end * 1e-8,
            "equity": one.equity_end * 1e-8,
            "cash_start": one.cash_start * 1e-8,
            "trades": one.trades,
            "pnl": one.pnl * 1e-8,
            "halted": bool(one.halted),
            "halted_by": one.halted or None,
        }
        for one in records
    ]


def strategy_rows(records: Sequence[StrategyRecord], trips: RoundTrips, opened: Ints) -> list[dict[str, Any]]:
    """Return the strategies as JSON knows them."""
    rows = []
    for i, one in enumerate(records):
        results = trips.pnl[opened == i]
        rows.append(
            {
                "name": one.name,
                "wallet": one.wallet,
                "trades": one.trades,
                "pnl": one.pnl * 1e-8,
                "fees": one.fees * 1e-8,
                "win_rate_pct": float((results > 0).mean() * 100) if len(results) else float("nan"),
            }
        )
    return rows
