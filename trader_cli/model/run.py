"""One finished run, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent, StrategyRecord, WalletRecord


@dataclass(frozen=True)
class RunRecord:
    """Everything about a finished run that must survive it.

    run_id: unique, given by the caller. params, config, stats, data_digests: JSON-able. started_ms: wall clock, ms UTC.
    start_ms, end_ms: open of the first and close of the last bar. cash_start, cash_end, equity_end: 1e-8 quote.
    holdings: held quantity at the end, 1e-8 base, one per wallet and symbol, the first wallet's symbols first.
    marks: last price per symbol, price units. digest: SHA-256 of the fills. code_digest: SHA-256 of strategy source and
    engine. data_digests: per symbol. wallets: at least one; fills and round trips index it. trip_strategies: per round
    trip the index into `strategies` of the one that opened it.
    """

    run_id: str
    mode: str
    strategy: str
    params: Mapping[str, object]
    preset: str
    config: Mapping[str, object]
    exchange: str
    timeframe: str
    quote: str
    instruments: tuple[Instrument, ...]
    bars: int
    start_ms: int
    end_ms: int
    started_ms: int
    cash_start: int
    cash_end: int
    equity_end: int
    holdings: tuple[int, ...]
    marks: tuple[int, ...]
    digest: str
    code_digest: str
    data_digests: Mapping[str, str]
    stats: Mapping[str, object]
    fills: Fills
    round_trips: RoundTrips
    wallets: tuple[WalletRecord, ...]
    strategies: tuple[StrategyRecord, ...]
    trip_strategies: tuple[int, ...]
    risk_events: tuple[RiskEvent, ...]
