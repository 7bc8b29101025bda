"""Many symbols on one time grid: bars and signals become the arrays of `Market`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

import numpy as np

from trader_cli.engine.state import (
    ATR,
    CLOSE,
    CONFIDENCE,
    LEVEL,
    MEASURES,
    OPEN,
    OWN_KEEP,
    OWN_LIMIT,
    OWN_STOP,
    OWN_TAKE,
    OWN_TRIGGER,
    PRICE_PLANES,
    SIGNAL_PLANES,
    VOLATILITY,
    Market,
)
from trader_cli.errors import DataError, UsageError
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.money import ONE
from trader_cli.risk.returns import bar_returns
from trader_cli.risk.rules import SHARE_METHODS, SHARE_PARITY, SIZE_METHODS, SIZE_RISK, STEP_COLUMNS, Rules
from trader_cli.strategy.signals import Signals

_OWN_PLANES = {"stop": OWN_STOP, "take": OWN_TAKE, "keep": OWN_KEEP, "limit": OWN_LIMIT, "trigger": OWN_TRIGGER}
# Beyond this a price, a quantity or a balance in 1e-8 leaves the range in which int64 products stay exact.
_LARGEST = 4e18


@dataclass(frozen=True, eq=False)
class Measured:
    """What the rules read of one row beside its bars; float64 (n,), NaN = not known. None = no rule reads it."""

    atr: Floats | None = None
    volatility: Floats | None = None


@dataclass(frozen=True, eq=False)
class Ground:
    """What a market is before anybody wished for anything: grid, prices, measures and returns, as `Market` has them.

    at: for each symbol where its bars stand on the grid. confident: whether a rule reads the strategies' confidence.
    """

    open_ms: Ints
    at: tuple[slice | Ints, ...]
    wallets: int
    prices: Floats
    measures: Floats
    returns: Floats
    confident: bool


def build_market(
    bars: Sequence[Bars], signals: Sequence[Sequence[Signals]], rules: Rules, measured: Sequence[Measured] = ()
) -> tuple[Ints, Market]:
    """Return (open_ms, market) over the union of all opens.

    bars, measured: one entry a symbol, in the order of the symbols. signals: per wallet one entry a symbol.
    open_ms: int64 (T,), strictly rising. The rows are (wallet, symbol), the first wallet's symbols first.
    """
    ground = lay_ground(bars, len(signals), rules, measured)
    return ground.open_ms, lay_signals(ground, signals)


def lay_ground(bars: Sequence[Bars], wallets: int, rules: Rules, measured: Sequence[Measured] = ()) -> Ground:
    """Return what all replays on these bars under these rules have in common."""
    # A copy: a series read from disk is read-only, for which the engine would be compiled once more.
    grid = np.array(_union([one.open_ms for one in bars]), np.int64)
    shape = (len(grid), len(bars) * wallets)
    prices = np.empty((PRICE_PLANES, *shape))
    confident = reads_confidence(rules)
    measures = np.full((MEASURES if measured or confident else 0, *shape), np.nan)
    places: list[slice | Ints] = []
    for s, series in enumerate(bars):
        whole = len(series) == len(grid)
        at = slice(None) if whole else np.searchsorted(grid, series.open_ms)
        places.append(at)
        if not whole:
            prices[:, :, s] = np.nan
        for plane, column in enumerate((series.open, series.high, series.low, series.close), start=OPEN):
            prices[plane, at, s] = column
        if not whole:
            prices[CLOSE, :, s] = _carried(prices[CLOSE, :, s])
        for w in range(wallets):
            row = w * len(bars) + s
            if row != s:
                prices[:, :, row] = prices[:, :, s]
            if measured:
                if (atr := measured[s].atr) is not None:
                    measures[ATR, at, row] = atr
                if (volatility := measured[s].volatility) is not None:
                    measures[VOLATILITY, at, row] = volatility
    returns = bar_returns(prices[CLOSE]) if reads_returns(rules) else np.empty((0, 0))
    return Ground(grid, tuple(places), wallets, prices, measures, returns, confident)


def lay_signals(ground: Ground, signals: Sequence[Sequence[Signals]]) -> Market:
    """Return the market of these wishes; prices and returns are the ground's own arrays, not copies."""
    count = len(ground.at)
    shape = (len(ground.open_ms), count * ground.wallets)
    stated = any(getattr(one, name) is not None for wallet in signals for one in wallet for name in _OWN_PLANES)
    measures = ground.measures.copy() if ground.confident else ground.measures
    target = signals[0][0].target
    if shape[1] == 1 and not stated and not ground.confident and target.dtype == np.float64 and target.flags.writeable:
        # One row of levels is laid out already. For one that is read-only the engine would be compiled once more.
        return Market(
            ground.prices, np.asarray(target, np.float64).reshape(1, *shape), measures, ground.returns, ground.open_ms
        )
    levels = np.empty((SIGNAL_PLANES if stated else 1, *shape))
    for w, wallet in enumerate(signals):
        for s, said in enumerate(wallet):
            at, row = ground.at[s], w * count + s
            if not isinstance(at, slice):
                levels[:, :, row] = np.nan
            levels[LEVEL, at, row] = said.target
            if stated:
                for name, plane in _OWN_PLANES.items():
                    column = getattr(said, name)
                    levels[plane, at, row] = np.nan if column is None else column
            if ground.confident:
                # A strategy that never says how sure it is, is sure.
                measures[CONFIDENCE, at, row] = 1.0 if said.confidence is None else said.confidence
    return Market(ground.prices, levels, measures, ground.returns, ground.open_ms)


def _union(opens: list[Ints]) -> Ints:
    first = opens[0]
    if all(len(one) == len(first) and np.array_equal(one, first) for one in opens[1:]):
        return first
    return np.unique(np.concatenate(opens))


def _carried(column: Floats) -> Floats:
    """Repeat the last known value over NaN; NaN before the first."""
    known = np.where(np.isnan(column), 0, np.arange(len(column)))
    return column[np.maximum.accumulate(known)]


def build_steps(instruments: Sequence[Instrument], wallets: int = 1, legs: Sequence[Mapping[int, int]] = ()) -> Ints:
    """Return the steps of the book's rows, int64 (wallets * symbols, STEP_COLUMNS).

    legs: per wallet, for a symbol's index that of the same symbol at the other venue, where both must trade together.
    """
    count = len(instruments)
    steps = np.empty((count * wallets, STEP_COLUMNS), np.int64)
    for w in range(wallets):
        linked = legs[w] if legs else {}
        for s, one in enumerate(instruments):
            steps[w * count + s] = (
                one.price_one,
                one.tick_units,
                one.lot_units,
                one.min_quantity_units,
                max(one.min_notional_units, one.learned_minimum_units),
                s,
                w,
                w * count + linked[s] if s in linked else -1,
            )
    return steps


def check_range(bars: Bars, instrument: Instrument) -> None:
    """Raise DataError where a price is too large, or too small, to be a whole number of the instrument's price units."""
    high = float(bars.high.max())
    if high * instrument.price_one > _LARGEST:
        raise DataError(
            f"`{bars.symbol}`: price {high:g} does not fit in steps of 1e-{instrument.price_decimals}",
            f'state a coarser tick in `[instruments."{bars.symbol}"]`',
        )
    low = float(bars.low.min())
    if low * instrument.price_one < instrument.tick_units:
        raise DataError(
            f"`{bars.symbol}`: price {low:g} is below its tick {instrument.tick}",
            f'state a finer tick in `[instruments."{bars.symbol}"]`',
        )


def rate(value: Decimal, per: int, name: str) -> int:
    """Return a share in 1e-8 from a percentage (per=100) or basis points (per=10_000); raises UsageError."""
    units = value * ONE / per
    if not value.is_finite() or units != units.to_integral_value():
        raise UsageError(f"`{name}` is {value}, it may have at most {'4' if per == 10_000 else '6'} decimals")
    return int(units)


def cash_units(value: Decimal, name: str) -> int:
    """Return an amount of the quote in 1e-8; raises UsageError when it is finer than that, or out of range."""
    units = value * CASH_ONE
    if not value.is_finite() or units != units.to_integral_value() or not 0 <= units <= _LARGEST:
        raise UsageError(f"`{name}` is {value}, it must be between 0 and 4e10 with at most 8 decimals")
    return int(units)


def _with_fees(costs: Mapping[str, Any], gain: Decimal) -> Decimal:
    """Return by how much, as a share, a sale's price must be above the entry's to net `gain` after both fees."""
    fee = Decimal(costs["fee_bps"]) / 10_000
    return (1 + gain) * (1 + fee) / (1 - fee) - 1


def _up(share: Decimal) -> int:
    return int((share * ONE).to_integral_value(ROUND_CEILING))


def build_rules(settings: Mapping[str, Mapping[str, Any]], bar_ms: int) -> Rules:
    """Return the rules as integers from the sections `costs`, `sizing`, `allocation`, `risk` and `exits` of the settings.

    bar_ms: length of a bar. Raises UsageError for an amount or a share that is finer than 1e-8.
    """
    costs, sizing, allocation = settings["costs"], settings["sizing"], settings["allocation"]
    risk, exits = settings["risk"], settings["exits"]

    def pct(section: str, name: str) -> int:
        return rate(settings[section][name], 100, f"{section}.{name}")

    def bps(name: str) -> int:
        return rate(costs[name], 10_000, f"costs.{name}")

    def one(section: str, name: str) -> int:
        return rate(settings[section][name], 1, f"{section}.{name}")

    def cash(section: str, name: str) -> int:
        return cash_units(settings[section][name], f"{section}.{name}")

    micro = Decimal(exits["micro_profit_pct"]) / 100
    if micro > 0 and exits["profit_basis"] == "net":
        micro = _with_fees(costs, micro)
    return Rules(
        taker_rate=bps("fee_bps"),
        maker_rate=bps("maker_fee_bps"),
        slip_rate=bps("slippage_bps"),
        bar_ms=bar_ms,
        size_method=SIZE_METHODS[sizing["method"]],
        size_quantity=cash("sizing", "quantity"),
        size_notional=cash("sizing", "notional"),
        size_rate=one("sizing", "fraction"),
        rebalance=int(sizing["rebalance"]),
        dead_band_rate=pct("sizing", "dead_band_pct"),
        risk_rate=pct("sizing", "risk_pct"),
        risk_multiple=one("sizing", "risk_atr"),
        volatility_rate=pct("sizing", "volatility_pct"),
        kelly_share=one("sizing", "kelly_share"),
        kelly_cap=pct("sizing", "kelly_cap_pct"),
        kelly_trades=sizing["kelly_trades"],
        share_method=SHARE_METHODS[allocation["method"]],
        share_bars=allocation["bars"],
        share_trades=allocation["trades"],
        share_floor=pct("allocation", "floor_pct"),
        share_cap=pct("allocation", "cap_pct"),
        max_positions=risk["max_positions"],
        min_notional=cash("risk", "min_notional"),
        raise_multiple=one("risk", "raise_to_minimum"),
        max_symbol_rate=pct("risk", "max_symbol_pct"),
        max_wallet_rate=pct("risk", "max_wallet_pct"),
        max_gross_rate=pct("risk", "max_gross_pct"),
        reserve_rate=pct("risk", "cash_reserve_pct"),
        max_correlation=one("risk", "max_correlation"),
        correlation_bars=risk["correlation_bars"],
        max_var_rate=pct("risk", "max_var_pct"),
        max_cvar_rate=pct("risk", "max_cvar_pct"),
        var_confidence=pct("risk", "var_confidence_pct"),
        var_bars=risk["var_bars"],
        min_confidence=one("risk", "min_confidence"),
        max_gap_bars=risk["max_gap_bars"],
        all_daily_rate=pct("risk", "daily_loss_pct"),
        all_drawdown_rate=pct("risk", "drawdown_pct"),
        wallet_daily_rate=pct("risk", "wallet_daily_loss_pct"),
        wallet_drawdown_rate=pct("risk", "wallet_drawdown_pct"),
        streak=risk["losing_streak"],
        cool_bars=risk["cool_down_bars"],
        closes=int(risk["close_on_drawdown"]),
        swap_multiple=one("risk", "swap_atr"),
        stop_rate=pct("risk", "stop_pct"),
        stop_multiple=one("exits", "stop_atr"),
        trail_rate=pct("risk", "trail_pct"),
        trail_multiple=one("exits", "trail_atr"),
        break_even_rate=pct("exits", "break_even_pct"),
        break_even_gain=_up(_with_fees(costs, Decimal(0))),
        target_rate=pct("risk", "target_pct"),
        micro_rate=_up(micro),
        micro_slip=bps("slippage_bps") if exits["profit_basis"] == "net" else 0,
        partial_rate=pct("exits", "partial_pct"),
        partial_share=pct("exits", "partial_share_pct"),
        hold_bars=exits["max_bars"],
        high_score=exits["high_score"],
        high_loss_rate=pct("exits", "high_loss_pct"),
        high_atr_multiple=one("exits", "high_atr_ratio"),
        high_share_rate=pct("exits", "high_share_pct"),
        high_loss_points=exits["high_loss_points"],
        high_atr_points=exits["high_atr_points"],
        high_share_points=exits["high_share_points"],
    )


def reads_atr(rules: Rules) -> bool:
    """Tell whether a rule reads the average true range."""
    multiples = rules.stop_multiple + rules.trail_multiple + rules.swap_multiple
    return multiples > 0 or rules.size_method == SIZE_RISK or (rules.high_score > 0 and rules.high_atr_points > 0)


def reads_confidence(rules: Rules) -> bool:
    """Tell whether a rule reads the strategies' confidence."""
    return rules.min_confidence > 0 or rules.swap_multiple > 0


def reads_returns(rules: Rules) -> bool:
    """Tell whether a rule reads the bar returns."""
    return rules.max_var_rate + rules.max_cvar_rate + rules.max_correlation > 0 or rules.share_method == SHARE_PARITY


def longest_window(rules: Rules) -> int:
    """Return how many bars back the longest look of a limit goes."""
    return max(rules.var_bars, rules.correlation_bars, rules.share_bars)
