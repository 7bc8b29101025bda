"""Scans, made up: one of three symbols, and one that approved nobody."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from trader_cli.ledger import Ledger
from trader_cli.model.scan import LeftOut, RankedSignal, ScanRecord


def signal(rank: int, symbol: str = "A/USD", state: str = "act", **more: Any) -> RankedSignal:
    """A wish of `momentum` at this rank."""
    figures = {"price": 1.5, "target": 1.0, "confidence": math.nan, "stop": math.nan, "age": 3.0, "volume": 2e6}
    return RankedSignal(symbol, "momentum", rank, state, 3_600_000, {**figures, **more})


def scan_of(scan_id: str = "scan-1", **more: Any) -> ScanRecord:
    """A scan that approved two symbols and left one out by its age."""
    made = ScanRecord(
        scan_id=scan_id,
        time_ms=7_200_000,
        exchange="test",
        timeframe="1h",
        universe="symbols",
        strategies=("momentum", "grid"),
        settings={"min_age_bars": 200},
        approved=("A/USD", "B/USD"),
        left_out=(LeftOut("C/USD", "age", 199.0, 200.0, "bars", "it has 199 closed bars"),),
        signals=(signal(1), signal(2, "B/USD", "look", confidence=0.4)),
    )
    return replace(made, **more)


def fill_scans(ledger: Ledger) -> None:
    """Write both."""
    ledger.record_scan(scan_of())
    gone = (
        LeftOut("A/USD", "age", 1, 200, "bars", "too young"),
        LeftOut("B/USD", "bars", math.nan, math.nan, "", "no bars"),
        LeftOut("C/USD", "age", 2, 200, "bars", "too young"),
    )
    ledger.record_scan(scan_of("scan-2", time_ms=9_000_000, approved=(), left_out=gone, signals=()))
