"""Everything a page shows of one run: figures, curves, candles, round trips, costs, verdicts, searches; frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from trader_cli.errors import DataError
from trader_cli.jobs.page_curve import Curve, Rolling, read_bars, rebuilt, recorded, rolling_sharpe, stepped
from trader_cli.jobs.page_ledger import PageLedger, Point, RunLine
from trader_cli.jobs.page_levels import Protection
from trader_cli.jobs.page_markets import Shown, shown_markets
from trader_cli.jobs.page_research import Judged, Searched, maps_of, verdicts_of
from trader_cli.jobs.page_trades import (
    CostLine,
    Deals,
    Share,
    Trades,
    attribution,
    cost_lines,
    deals_of,
    round_trips_of,
    trades_of,
)
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.report import Position, positions
from trader_cli.jobs.space import Space
from trader_cli.model.bars import Bars
from trader_cli.model.session import Session
from trader_cli.model.timeframe import Timeframe
from trader_cli.stats.performance import curve_stats, monthly_returns, trade_stats, turnover

_CASH = 1e-8
Months = tuple[tuple[int, int, float], ...]
Rows = Sequence[Mapping[str, Any]]
ProtectionsOf = Callable[[RunLine, Rows, Sequence[Shown]], tuple[Sequence[Protection], Sequence[str]]]
"""Gives what protected the holdings of a run on the markets shown, and what could not be had; rows: its fills."""


@dataclass(frozen=True, eq=False)
class Page:
    """One run, for a reader. Money in quote, times ms UTC, percentages in percent, NaN = not defined.

    figures: by the names of `backtest --json`; benchmark: those of the same money held from the start, empty where no bars are
    known. monthly: (year, month, return). candles: by symbol; shown: of the markets whose candles are drawn. protections: the
    stops and targets in force there, oldest first. levels: what an open session holds, with its stops and targets.
    notes: what could not be shown, and why.
    """

    run: RunLine
    figures: Mapping[str, Any]
    benchmark: Mapping[str, Any]
    curve: Curve
    monthly: Months
    benchmark_monthly: Months
    rolling: Rolling
    candles: Mapping[str, Bars]
    shown: tuple[Shown, ...]
    protections: tuple[Protection, ...]
    trades: Trades
    deals: Deals
    shares: Mapping[str, tuple[Share, ...]]
    costs: tuple[CostLine, ...]
    levels: tuple[Position, ...]
    verdicts: tuple[Judged, ...]
    searches: tuple[Searched, ...]
    made_ms: int
    notes: tuple[str, ...] = field(default=())


def page(
    ledger: PageLedger,
    source: BarSource,
    prefix: str,
    protections_of: ProtectionsOf,
    points_of: Callable[[str], Sequence[Point]],
    space_of: Callable[[str, Mapping[str, Any]], Space],
    min_trades: int,
    now_ms: int,
) -> Page:
    """Return the page of the run whose id begins so. Raises UsageError for none or several.

    protections_of: the levels that protected a run's holdings on the markets shown, with a sentence for each thing that could
    not be had; points_of: the account of a session, oldest first. space_of: the space of a strategy's searches; min_trades:
    what a trial must have closed to count. Bars that are not there any more, or not those the run saw, leave out what needs
    them, and the page says so.
    """
    run = ledger.run(prefix)
    session = next((one for one in ledger.sessions() if one.run_id == run.run_id), None)
    fills, trips = ledger.rows("fills", run.run_id), ledger.rows("trades", run.run_id)
    candles, notes = read_bars(run, source)
    timeframe = Timeframe.parse(run.timeframe)
    fee_bps, slippage_bps = _costs(run, session)
    rate = (fee_bps + slippage_bps) / 10_000
    if session is None:
        try:
            curve = rebuilt(run, fills, candles, rate)
        except DataError as error:
            curve = recorded(run)
            notes.append(f"{error.message}: the account is drawn from the points that the run wrote down itself")
    else:
        curve = stepped(run, points_of(run.run_id), candles, rate)
        if ledger.adjustments(run.run_id):
            notes.append("the account took in, or wrote off, amounts that nobody traded: `trader ledger reconcile`")
    figures, benchmark = _figures(run, curve, timeframe, trips, fills, session is None)
    figures = {**figures, "fee_bps": fee_bps, "slippage_bps": slippage_bps}
    searches, lost = maps_of(ledger, run.strategy.split(","), space_of, min_trades)
    start = run.cash_start * _CASH
    deals = deals_of(fills)
    shown = shown_markets(candles, deals.symbol)
    protections, unknown = protections_of(run, fills, shown) if fills else ((), ())
    if len(candles) > len(shown):
        notes.append(f"candles are shown of the {len(shown)} markets that were traded most")
    return Page(
        run=run,
        figures=figures,
        benchmark=benchmark,
        curve=curve,
        monthly=_months(run.stats.get("monthly"), curve, curve.equity, timeframe, start),
        benchmark_monthly=_months(run.stats.get("benchmark_monthly"), curve, curve.benchmark, timeframe, start),
        rolling=rolling_sharpe(curve, timeframe.ms),
        candles=candles,
        shown=tuple(shown),
        protections=tuple(protections),
        trades=trades_of(trips),
        deals=deals,
        shares=attribution(trips),
        costs=cost_lines(fills, slippage_bps if session is None or session.mode == "paper" else 0.0),
        levels=() if session is None else tuple(one for one in positions(ledger, {}) if one.run_id == run.run_id),
        verdicts=verdicts_of(ledger, run),
        searches=tuple(searches),
        made_ms=now_ms,
        notes=(*notes, *unknown, *lost, *(str(one) for one in run.stats.get("notes", ()))),
    )


def _costs(run: RunLine, session: Session | None) -> tuple[float, float]:
    """Return (fee, slippage) in bps that the run was told to expect."""
    names = ("fee_bps", "slippage_bps")
    if session is not None:
        fee, slippage = (_section(session.config, "costs", name) for name in names)
    else:
        fee, slippage = (float(run.stats.get(name) or 0.0) for name in names)
    return fee, slippage


def _section(config: Mapping[str, Any], section: str, name: str) -> float:
    """Return a number of a run's settings, 0 where an earlier release had no such key."""
    kept = config.get(section)
    return float(kept.get(name) or 0.0) if isinstance(kept, Mapping) else 0.0


def _figures(
    run: RunLine,
    curve: Curve,
    timeframe: Timeframe,
    trips: Sequence[Mapping[str, Any]],
    fills: Sequence[Mapping[str, Any]],
    finished: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures of the run and of its benchmark: a finished run's own, a session's as they are now."""
    if finished:
        return dict(run.stats), dict(run.stats.get("benchmark") or {})
    start, open_ms = run.cash_start * _CASH, curve.close_ms - timeframe.ms
    of_curve = asdict(curve_stats(open_ms, timeframe.ms, curve.equity, start))
    held = asdict(curve_stats(open_ms, timeframe.ms, curve.benchmark, start)) if _known(curve.benchmark) else {}
    notionals = np.array([int(one["notional"]) for one in fills], np.int64)
    invested = curve.invested > 0
    own = {
        **of_curve,
        **asdict(trade_stats(round_trips_of(trips))),
        "final_equity": run.equity_end * _CASH,
        "cash": start,
        "fills": len(fills),
        "fees_paid": sum(int(one["fee"]) for one in fills) * _CASH,
        "turnover": turnover(notionals, curve.equity),
        "exposure_pct": float(invested.mean() * 100) if len(invested) else float("nan"),
        "benchmark_return_pct": held.get("total_return_pct", float("nan")),
    }
    return own, held


def _known(values: Any) -> bool:
    return len(values) > 0 and not bool(np.isnan(values).any())


def _months(own: Any, curve: Curve, values: Any, timeframe: Timeframe, start: float) -> Months:
    """Return monthly returns: as a finished run stated them, else of its account."""
    if own:
        return tuple((int(one["year"]), int(one["month"]), float(one["return_pct"])) for one in own)
    if not _known(values) or not curve.whole:
        return ()
    return tuple(monthly_returns(curve.close_ms - timeframe.ms, values, start))
