"""What a scan tells: its result for a reader, its record for the ledger, and former scans again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trader_cli.jobs.moments import iso
from trader_cli.model.scan import RankedSignal, ScanRecord, ScanSummary

if TYPE_CHECKING:
    # Former scans are told without what makes new ones: the compiler and the strategies.
    from trader_cli.jobs.scan import Scanned
    from trader_cli.jobs.scanning.signals import SignalNow


def approved(done: Scanned) -> tuple[str, ...]:
    """Return the symbols that passed every filter, the one with the best signal first."""
    gone = {one.symbol for one in done.left_out}
    return tuple(name for name in done.signals if name not in gone)


def result_of(done: Scanned, record: ScanRecord) -> dict[str, Any]:
    """Return a scan as JSON knows it; NaN becomes null there."""
    newest = max((int(one.bars.open_ms[-1]) for one in done.looked.values()), default=None)
    return {
        **_head(record, newest),
        "signals": {name: [signal_row(done, one) for one in done.signals[name]] for name in record.approved},
        "left_out": [vars(one) for one in record.left_out],
        "problems": dict(done.problems),
        "seconds": {"computing": done.seconds},
    }


def _head(record: ScanRecord, newest_ms: int | None) -> dict[str, Any]:
    filtered: dict[str, int] = {}
    for one in record.left_out:
        filtered[one.filter] = filtered.get(one.filter, 0) + 1
    return {
        "scan_id": record.scan_id,
        "time": iso(record.time_ms),
        "exchange": record.exchange,
        "timeframe": record.timeframe,
        "bar": None if newest_ms is None else iso(newest_ms),
        "strategies": list(record.strategies),
        "universe": {"from": record.universe, "symbols": record.symbols},
        "approved": len(record.approved),
        "approval_pct": 100.0 * len(record.approved) / record.symbols if record.symbols else math.nan,
        "filtered": filtered,
    }


def signal_row(done: Scanned, one: SignalNow) -> dict[str, Any]:
    """Return a signal with what was measured of its symbol. Units: `price`, `stop`, `take` in quote, `volume` quote a day."""
    found = done.looked[one.symbol].measures
    return {
        "strategy": one.strategy,
        "rank": done.ranks.get((one.symbol, one.strategy)),
        "state": one.state,
        "bar": iso(one.bar_ms),
        "price": one.price,
        "target": one.target,
        "confidence": one.confidence,
        "stop": one.stop,
        "take": one.take,
        "reward_risk": one.reward_risk,
        "age": one.age if one.age >= 0 else None,
        "volume": found.volume,
        "spread_bps": found.spread_bps,
        "order_pct": found.order_pct,
    }


_FIGURES = ("price", "target", "confidence", "stop", "take", "reward_risk", "volume", "spread_bps", "order_pct")


def record_of(done: Scanned, scan_id: str, time_ms: int, exchange: str, universe: str) -> ScanRecord:
    """Return what the ledger keeps of a scan: of the signals those that want to hold."""
    kept = []
    for each in done.signals.values():
        for one in each:
            place = done.ranks.get((one.symbol, one.strategy))
            if place is not None:
                row = signal_row(done, one)
                figures = {name: float(row[name]) for name in _FIGURES} | {"age": float(one.age)}
                kept.append(RankedSignal(one.symbol, one.strategy, place, one.state, one.bar_ms, figures))
    return ScanRecord(
        scan_id,
        time_ms,
        exchange,
        str(done.timeframe or done.request.timeframe or ""),
        universe,
        tuple(one.strategies[0].name for one in done.request.wallets),
        done.terms.stated,
        approved(done),
        done.left_out,
        tuple(sorted(kept, key=lambda one: one.rank)),
    )


def shown_again(record: ScanRecord) -> dict[str, Any]:
    """Return a former scan as JSON knows it, as far as the ledger keeps it: of the signals those that wanted to hold."""
    signals: dict[str, list[dict[str, Any]]] = {}
    for each in record.signals:
        row = {
            "strategy": each.strategy,
            "rank": each.rank,
            "state": each.state,
            "bar": iso(each.bar_ms),
            **each.figures,
        }
        signals.setdefault(each.symbol, []).append(row)
    return {
        **_head(record, max((each.bar_ms for each in record.signals), default=None)),
        "signals": signals,
        "left_out": [vars(one) for one in record.left_out],
        "problems": {},
        "seconds": {},
        "calls": 0,
        "notes": [],
    }


def history_of(scans: Sequence[ScanSummary]) -> dict[str, Any]:
    """Return former scans as JSON knows them, with the approval rate over all symbols they looked at together."""
    symbols, passed = sum(one.symbols for one in scans), sum(one.approved for one in scans)
    return {
        "approval_pct": 100.0 * passed / symbols if symbols else math.nan,
        "scans": [
            {
                "scan_id": one.scan_id,
                "time": iso(one.time_ms),
                "exchange": one.exchange,
                "timeframe": one.timeframe,
                "universe": one.universe,
                "strategies": list(one.strategies),
                "symbols": one.symbols,
                "approved": one.approved,
                "approval_pct": one.approval_pct,
                "filtered": dict(one.filtered),
                "signals": one.signals,
                "acts": one.acts,
            }
            for one in scans
        ],
    }
