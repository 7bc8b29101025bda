"""A page's data as JSON: columns of plain numbers, as much of them as a reader can see, in blocks that are read when needed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from trader_cli import __version__
from trader_cli.jobs.page import Page
from trader_cli.jobs.page_levels import Protection
from trader_cli.jobs.page_markets import Shown
from trader_cli.jobs.page_research import Judged, Searched
from trader_cli.jobs.page_trades import Deals
from trader_cli.model.bars import Ints

_MOST_POINTS = 20_000
_DIGITS = 9
_FIGURES = (
    *("total_return_pct", "cagr_pct", "volatility_pct", "sharpe", "sortino", "calmar", "max_drawdown_pct"),
    *("drawdown_days", "final_equity", "cash", "trades", "fills", "win_rate_pct", "profit_factor", "expectancy"),
    *("payoff_ratio", "best", "worst", "average_bars", "exposure_pct", "turnover", "fees_paid", "fee_bps"),
    "slippage_bps",
)


def blocks(page: Page) -> dict[str, str]:
    """Return the page's JSON by the id of its element without `json-`: `data`, `trades`, and `candles-N` a market.

    `<`, `>` and `&` are escaped, so that no text can end the element it stands in.
    """
    found: dict[str, Any] = {"data": _head(page), "trades": _trades(page)}
    for i, market in enumerate(page.shown):
        mine = [one for one in page.protections if one.symbol == market.symbol]
        found[f"candles-{i}"] = {**_candles(market, page.deals), "levels": _levels(mine)}
    return {name: _text(value) for name, value in found.items()}


def _head(page: Page) -> dict[str, Any]:
    run, curve = page.run, page.curve
    picks = _picks(curve.equity, _MOST_POINTS)
    return {
        "version": __version__,
        "made": page.made_ms,
        "run": {
            **{name: getattr(run, name) for name in ("run_id", "mode", "strategy", "preset", "exchange", "timeframe")},
            **{name: getattr(run, name) for name in ("quote", "start_ms", "end_ms", "bars", "digest", "started_ms")},
            "params": {name: str(value) for name, value in run.params.items()},
            "symbols": list(run.symbols),
        },
        "figures": {name: page.figures.get(name) for name in _FIGURES},
        "benchmark": dict(page.benchmark),
        "curve": {
            "time": curve.close_ms[picks],
            "equity": curve.equity[picks],
            "benchmark": curve.benchmark[picks],
            "drawdown": curve.drawdown[picks],
            "benchmarkDrawdown": curve.benchmark_drawdown[picks],
            "exposure": _exposure(curve.invested, curve.equity)[picks],
            "whole": curve.whole,
        },
        "monthly": page.monthly,
        "benchmarkMonthly": page.benchmark_monthly,
        "rolling": {
            "days": page.rolling.days,
            "time": page.rolling.time_ms,
            "sharpe": page.rolling.values,
        },
        "shares": {what: [asdict(one) for one in rows] for what, rows in page.shares.items()},
        "costs": [asdict(one) for one in page.costs],
        "levels": [asdict(one) for one in page.levels],
        "verdicts": [_verdict(one) for one in page.verdicts],
        "searches": [_search(one) for one in page.searches],
        "markets": [one.symbol for one in page.shown],
        "notes": list(page.notes),
    }


def _picks(values: Any, most: int) -> Any:
    """Return the rows that keep a curve's shape: of each of equal parts its lowest and its highest, and both ends."""
    if len(values) <= most:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), most // 2 + 1).astype(np.int64)
    known = np.where(np.isfinite(values), values, 0.0)
    rows = [0, len(values) - 1]
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = known[first:last]
        rows += [first + int(part.argmin()), first + int(part.argmax())]
    return np.unique(rows)


def _exposure(invested: Any, equity: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(equity > 0, invested / equity * 100, math.nan)


def _trades(page: Page) -> dict[str, Any]:
    """Return the round trips as columns; names are numbers of a list that stands beside them."""
    trades = page.trades
    found: dict[str, Any] = {}
    for name in ("symbol", "strategy", "wallet", "reason"):
        words = list(dict.fromkeys(getattr(trades, name)))
        place = {word: i for i, word in enumerate(words)}
        found[name] = {"words": words, "of": [place[one] for one in getattr(trades, name)]}
    numbers = ("entry_ms", "exit_ms", "entry_price", "exit_price", "quantity", "pnl", "return_pct", "fees", "bars")
    return {**found, **{name: getattr(trades, name) for name in numbers}}


def _candles(market: Shown, deals: Deals) -> dict[str, Any]:
    """Return a market's candles and its fills.

    Prices are whole numbers of 10**-places, each told by how far it is from one told already: open and close from the close
    before, high and low from the higher and the lower of the two. `steps` are bars since the one before.
    """
    shown, symbol = market.candles, market.symbol
    mine = [i for i, one in enumerate(deals.symbol) if one == symbol]
    prices = np.array([getattr(shown, name) for name in ("open", "high", "low", "close")])
    places = _places(prices)
    opened, high, low, close = np.round(prices * 10.0**places).astype(np.int64)
    before = np.r_[0, close[:-1]]
    return {
        "symbol": symbol,
        "timeframe": str(shown.timeframe),
        "own": str(market.bars.timeframe),
        "ms": shown.timeframe.ms,
        "ownMs": market.bars.timeframe.ms,
        "first": int(shown.open_ms[0]) if len(shown) else 0,
        "steps": np.diff(shown.open_ms, prepend=shown.open_ms[:1]) // shown.timeframe.ms,
        "places": places,
        "close": close - before,
        "open": opened - before,
        "high": high - np.maximum(opened, close),
        "low": np.minimum(opened, close) - low,
        "fills": {
            "reason": [deals.reason[i] for i in mine],
            **{name: getattr(deals, name)[mine] for name in ("time_ms", "side", "price", "quantity", "fee")},
        },
    }


def _levels(protections: Sequence[Protection]) -> dict[str, Any]:
    """Return the levels in force on a market, one holding after the other; each number by how far it is from the one before.

    Levels are whole numbers of 10**-places, 0 = none; times are ms UTC. `rows`: of each holding; `until`: the open of the last
    bar in which it was protected.
    """
    places = max((one.places for one in protections), default=0)
    stop, target = (
        np.concatenate(
            [np.empty(0, np.int64), *(getattr(one, name) * 10 ** (places - one.places) for one in protections)]
        )
        for name in ("stop", "target")
    )
    while places > 0 and not (stop % 10).any() and not (target % 10).any():
        places, stop, target = places - 1, stop // 10, target // 10
    times = np.concatenate([np.empty(0, np.int64), *(one.time_ms for one in protections)])
    wallets = list(dict.fromkeys(one.wallet for one in protections))
    return {
        "places": places,
        "wallets": wallets,
        "wallet": [wallets.index(one.wallet) for one in protections],
        "rows": [len(one.time_ms) for one in protections],
        "until": _steps(np.array([one.until_ms for one in protections], np.int64)),
        "time": _steps(times),
        "stop": _steps(stop),
        "target": _steps(target),
    }


def _steps(values: Ints) -> Ints:
    return np.diff(values, prepend=np.zeros(1, np.int64))


def _places(prices: Any) -> int:
    """Return how many decimals tell these prices: as few as tell all of them, at most nine digits of the highest."""
    most = _DIGITS - 1 - math.floor(math.log10(prices.max())) if prices.size else 0
    enough = (one for one in range(max(most, 0)) if np.abs(np.round(prices, one) - prices).max() < 10.0 ** -(one + 4))
    return next(enough, most)


def _verdict(one: Judged) -> dict[str, Any]:
    verdict = one.verdict
    return {
        **{name: getattr(verdict, name) for name in ("strategy", "complete", "time_ms", "since_ms", "until_ms")},
        "status": str(verdict.status),
        "same": one.same,
        "timeframe": verdict.timeframe,
        "symbols": list(verdict.symbols),
        "params": {name: str(value) for name, value in verdict.params.items()},
        "checks": [
            {**{name: getattr(check, name) for name in ("name", "number", "limit", "unit", "message", "hint")},
             "status": str(check.status)}
            for check in verdict.checks
        ],
    }  # fmt: skip


def _search(one: Searched) -> dict[str, Any]:
    record = one.state.record
    return {
        **{name: getattr(record, name) for name in ("sweep_id", "strategy", "timeframe", "method", "total")},
        "symbols": list(record.symbols),
        "done": one.state.done,
        "objectives": list(record.objectives),
        "started_ms": record.started_ms,
        "map": one.map.plain(),
        "best": None if one.best is None else {"params": dict(one.best.params), "stats": dict(one.best.stats)},
    }


def _text(value: Any) -> str:
    text = json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: eight digits of a number that has more, null where it is not defined."""
    if isinstance(value, np.ndarray):
        numbers = value.tolist()
        return numbers if value.dtype.kind == "i" else [_plain(one) for one in numbers]
    if isinstance(value, float):
        return _number(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


def _number(value: float) -> float | int:
    short = float(f"{value:.9g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
