"""What a backtest leaves for its reader: the keys of `backtest --json`, computed from the engine's exact log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trader_cli.engine.state import (
    CLOSE,
    HELD_BARS,
    OPEN,
    QUANTITY,
    Book,
    Log,
    Market,
)
from trader_cli.jobs import moments
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills, Reason, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent
from trader_cli.model.timeframe import Timeframe
from trader_cli.stats.performance import buy_and_hold, curve_stats, monthly_returns, trade_stats, turnover

iso = moments.iso
_LINE_POINTS = 200
_EVENTS_SHOWN = 200


@dataclass(frozen=True)
class Costs:
    """What a fill cost beside its price, in bps."""

    fee_bps: float
    slippage_bps: float


def figures(
    open_ms: Ints,
    timeframe: Timeframe,
    market: Market,
    book: Book,
    log: Log,
    fills: Fills,
    trips: RoundTrips,
    cash: int,
    costs: Costs,
    instruments: Sequence[Instrument],
    events: Sequence[RiskEvent],
) -> dict[str, Any]:
    """Return the figures of a run as JSON knows them; cash is the start, 1e-8 quote."""
    start = cash * 1e-8
    curve = curve_stats(open_ms, timeframe.ms, log.equity, start)
    rate = (costs.fee_bps + costs.slippage_bps) / 10_000
    # Every wallet has every symbol: to buy and hold, once will do.
    count = len(instruments)
    held = buy_and_hold(market.prices[OPEN, :, :count], market.prices[CLOSE, :, :count], start, rate)
    against = curve_stats(open_ms, timeframe.ms, held, start)
    bars = len(open_ms)
    result: dict[str, Any] = asdict(curve) | asdict(trade_stats(trips))
    result |= {
        "start": iso(int(open_ms[0])),
        "end": iso(int(open_ms[-1]) + timeframe.ms),
        "bars": bars,
        "exposure_pct": int(book.account[HELD_BARS]) / bars * 100,
        "turnover": turnover(fills.notional, log.equity),
        "fees_paid": int(fills.fee.sum()) * 1e-8,
        "fills": len(fills),
        "benchmark_return_pct": against.total_return_pct,
        "benchmark": asdict(against),
        "monthly": _months(monthly_returns(open_ms, log.equity, start)),
        "benchmark_monthly": _months(monthly_returns(open_ms, held, start)),
        "exits": {one.label: count for one in Reason if (count := int((trips.reason == one).sum()))},
        "refused": _refusals(events),
        "risk_events": [asdict(one) for one in events if one.kind != "refusal"][:_EVENTS_SHOWN],
        "open_positions": _open(market, book, instruments),
        "equity_line": _line(open_ms, timeframe, log, held),
    }
    return result


def _months(rows: list[tuple[int, int, float]]) -> list[dict[str, float]]:
    return [{"year": year, "month": month, "return_pct": value} for year, month, value in rows]


def _refusals(events: Sequence[RiskEvent]) -> list[dict[str, Any]]:
    """Return one row for each symbol and rule: how many bars it was refused in, and the first time's numbers."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in events:
        if one.kind != "refusal":
            continue
        row = rows.setdefault(
            (one.wallet, one.symbol, one.rule),
            {
                "wallet": one.wallet,
                "symbol": one.symbol,
                "reason": one.rule,
                "count": 0,
                "first": iso(one.time_ms),
                "number": one.number,
                "limit": one.limit,
                "unit": one.unit,
                "message": one.message,
            },
        )
        row["count"] += one.count
    return list(rows.values())


def _open(market: Market, book: Book, instruments: Sequence[Instrument]) -> list[dict[str, Any]]:
    found = []
    for row, quantity in enumerate(book.position[:, QUANTITY].tolist()):
        if quantity:
            wallet, s = divmod(row, len(instruments))
            price = float(market.prices[CLOSE, -1, s])
            value = quantity * 1e-8 * price
            symbol = instruments[s].symbol
            found.append(
                {"wallet": wallet, "symbol": symbol, "quantity": quantity * 1e-8, "price": price, "value": value}
            )
    return found


def _line(open_ms: Ints, timeframe: Timeframe, log: Log, held: Any) -> list[list[Any]]:
    picks = np.unique(np.linspace(0, len(open_ms) - 1, min(_LINE_POINTS, len(open_ms))).round().astype(np.int64))
    return [[iso(int(open_ms[i]) + timeframe.ms), float(log.equity[i]), float(held[i])] for i in picks]


def fill_rows(fills: Fills, instruments: Sequence[Instrument]) -> dict[str, Any]:
    """Return fills as columns of `--fills`; each number is the one nearest to the exact decimal."""
    ones = np.array([one.price_one for one in instruments], np.float64)
    return {
        "time": times(fills.time_ms),
        "symbol": [fills.symbols[i] for i in fills.symbol.tolist()],
        "side": ["buy" if side > 0 else "sell" for side in fills.side.tolist()],
        "quantity": fills.quantity / 1e8,
        "price": fills.price / ones[fills.symbol] if len(fills) else np.empty(0),
        "notional": fills.notional / 1e8,
        "fee": fills.fee / 1e8,
        "kind": [("market", "limit", "stop")[i] for i in fills.kind.tolist()],
        "reason": [Reason(i).label for i in fills.reason.tolist()],
    }


def times(stamps: Ints) -> list[str]:
    """Return moments, ms UTC, as ISO 8601."""
    texts = np.datetime_as_string(stamps.astype("datetime64[ms]").astype("datetime64[s]"))
    return [f"{text}Z" for text in texts.tolist()]
