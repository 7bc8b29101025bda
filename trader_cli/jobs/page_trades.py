"""A run's round trips and fills as columns, and what they brought by strategy, symbol, wallet and reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.model.bars import Floats, Ints
from trader_cli.model.fills import OrderKind, Reason, RoundTrips

_CASH = 1e-8
_COLUMNS = ("entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars")


@dataclass(frozen=True, eq=False)
class Trades:
    """Round trips in the order they closed; every column has shape (n,).

    Times ms UTC, prices averages over the trip in quote, pnl after fees. symbol, strategy, wallet: names. reason: of the last
    sell.
    """

    symbol: tuple[str, ...]
    strategy: tuple[str, ...]
    wallet: tuple[str, ...]
    reason: tuple[str, ...]
    entry_ms: Ints
    exit_ms: Ints
    entry_price: Floats
    exit_price: Floats
    quantity: Floats
    pnl: Floats
    return_pct: Floats
    fees: Floats
    bars: Ints


@dataclass(frozen=True, eq=False)
class Deals:
    """Fills in their order; every column has shape (n,). side: +1 buy, -1 sell. price, fee in quote, quantity in base."""

    symbol: tuple[str, ...]
    reason: tuple[str, ...]
    time_ms: Ints
    side: Ints
    price: Floats
    quantity: Floats
    fee: Floats


@dataclass(frozen=True)
class Share:
    """What one strategy, symbol, wallet or reason brought. pnl, fees, best, worst in quote; win_rate_pct of its trades."""

    name: str
    trades: int
    win_rate_pct: float
    pnl: float
    fees: float
    best: float
    worst: float
    average_bars: float


@dataclass(frozen=True)
class CostLine:
    """What trading one symbol cost, in quote. slippage: as the run was told to assume it, 0 where fills are real."""

    symbol: str
    fills: int
    notional: float
    fees: float
    slippage: float


def trades_of(rows: Sequence[Mapping[str, Any]]) -> Trades:
    """Return the ledger's round trips as columns."""
    of = _columns(rows, _COLUMNS)
    bought, sold, quantity = (of[name].astype(np.float64) for name in ("bought", "sold", "quantity"))
    return Trades(
        symbol=tuple(str(one["symbol"]) for one in rows),
        strategy=tuple(str(one["strategy"]) for one in rows),
        wallet=tuple(str(one["wallet"]) for one in rows),
        reason=tuple(Reason(one["reason"]).label for one in rows),
        entry_ms=of["entry_ms"],
        exit_ms=of["exit_ms"],
        entry_price=bought / quantity,
        exit_price=sold / quantity,
        quantity=quantity * _CASH,
        pnl=_quote(of["pnl"]),
        return_pct=of["pnl"] / bought * 100,
        fees=_quote(of["fees"]),
        bars=of["bars"],
    )


def round_trips_of(rows: Sequence[Mapping[str, Any]]) -> RoundTrips:
    """Return the ledger's round trips as the statistics read them; which fill closed one is not among that."""
    of = _columns(rows, _COLUMNS)
    names = tuple(dict.fromkeys(str(one["symbol"]) for one in rows))
    symbol = np.array([names.index(str(one["symbol"])) for one in rows], np.int64)
    nothing = np.zeros(len(rows), np.int64)
    return RoundTrips(symbols=names, symbol=symbol, last_fill=nothing, wallet=nothing, **of)


def deals_of(rows: Sequence[Mapping[str, Any]]) -> Deals:
    """Return the ledger's fills as columns."""
    of = _columns(rows, ("time_ms", "side", "price", "price_decimals", "quantity", "fee"))
    return Deals(
        symbol=tuple(str(one["symbol"]) for one in rows),
        reason=tuple(Reason(one["reason"]).label for one in rows),
        time_ms=of["time_ms"],
        side=of["side"],
        price=of["price"] / 10.0 ** of["price_decimals"],
        quantity=_quote(of["quantity"]),
        fee=_quote(of["fee"]),
    )


def attribution(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Share, ...]]:
    """Return what closed round trips brought, by `strategy`, `symbol`, `wallet` and `exit reason`, the best first."""
    named = [{**one, "exit reason": Reason(one["reason"]).label} for one in rows]
    return {what: _shares(named, what) for what in ("strategy", "symbol", "wallet", "exit reason")}


def cost_lines(fills: Sequence[Mapping[str, Any]], slippage_bps: float) -> tuple[CostLine, ...]:
    """Return what trading each symbol cost, the dearest first. slippage_bps: what was assumed of market and stop orders.

    What was paid is price x (1 + s) for a buy, (1 - s) for a sale: of the notional, s / (1 ± s) is slippage.
    """
    sums: dict[str, list[float]] = {}
    rate = slippage_bps / 10_000
    for one in fills:
        whole = sums.setdefault(str(one["symbol"]), [0, 0.0, 0.0, 0.0])
        slipped = 0.0 if one["kind"] == OrderKind.LIMIT else rate / (1 + one["side"] * rate)
        notional = one["notional"] * _CASH
        for i, more in enumerate((1, notional, one["fee"] * _CASH, notional * slipped)):
            whole[i] += more
    found = (CostLine(name, int(count), *amounts) for name, (count, *amounts) in sums.items())
    return tuple(sorted(found, key=lambda one: -(one.fees + one.slippage)))


def _shares(rows: Iterable[Mapping[str, Any]], what: str) -> tuple[Share, ...]:
    mine: dict[str, list[Mapping[str, Any]]] = {}
    for one in rows:
        mine.setdefault(str(one[what]), []).append(one)
    return tuple(sorted((_share(name, those) for name, those in mine.items()), key=lambda one: -one.pnl))


def _share(name: str, rows: Sequence[Mapping[str, Any]]) -> Share:
    pnl = [int(one["pnl"]) for one in rows]
    return Share(
        name=name,
        trades=len(rows),
        win_rate_pct=sum(one > 0 for one in pnl) / len(rows) * 100,
        pnl=sum(pnl) * _CASH,
        fees=sum(int(one["fees"]) for one in rows) * _CASH,
        best=max(pnl) * _CASH,
        worst=min(pnl) * _CASH,
        average_bars=sum(int(one["bars"]) for one in rows) / len(rows),
    )


def _quote(units: Ints) -> Floats:
    return units.astype(np.float64) * _CASH


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Ints]:
    return {name: np.array([int(one[name]) for one in rows], np.int64) for name in names}
