"""The rules of a run as integers, and the steps of its rows: what the compiled functions read."""

from __future__ import annotations

from typing import NamedTuple

SIZE_QUANTITY = 0
SIZE_NOTIONAL = 1
SIZE_FRACTION = 2
SIZE_RISK = 3
SIZE_VOLATILITY = 4
SIZE_KELLY = 5
SIZE_METHODS = {
    "quantity": SIZE_QUANTITY,
    "notional": SIZE_NOTIONAL,
    "fraction": SIZE_FRACTION,
    "risk": SIZE_RISK,
    "volatility": SIZE_VOLATILITY,
    "kelly": SIZE_KELLY,
}
SHARE_NONE = 0
SHARE_EQUAL = 1
SHARE_PARITY = 2
SHARE_PERFORMANCE = 3
SHARE_METHODS = {
    "none": SHARE_NONE,
    "equal": SHARE_EQUAL,
    "risk_parity": SHARE_PARITY,
    "performance": SHARE_PERFORMANCE,
}


class Rules(NamedTuple):
    """Costs, sizing, limits and exits of a run; 0 switches a rule off.

    *_rate and *_multiple are in 1e-8 (10 bps = 100_000, twice = 200_000_000), *_bars count bars,
    size_notional and min_notional are 1e-8 quote, size_quantity 1e-8 base.

    costs: taker_rate, maker_rate, slip_rate, per notional.
    sizing: size_rate is a share of the wallet's equity, for the methods that reckon a size of their own the most they
    may take. dead_band_rate: of the held quantity. rebalance: 1 = resize on drift too. share_method: how what a wallet
    may hold is split among the symbols it wants.
    exits: from the entry price (stop_rate, target_rate, break_even_rate, micro_rate, partial_rate), from the highest high
    before this bar (trail_rate, trail_multiple in ATR). micro_rate, break_even_gain: what the sale must get over
    the entry, fees included; micro_slip: slippage the level must allow for beside it.
    breakers: all_* are the whole account's, wallet_* each wallet's own. closes: 1 = a drawdown breaker sells what is held.
    bar_ms: length of a bar, ms.
    """

    taker_rate: int
    maker_rate: int
    slip_rate: int
    bar_ms: int
    size_method: int
    size_quantity: int
    size_notional: int
    size_rate: int
    rebalance: int
    dead_band_rate: int
    risk_rate: int
    risk_multiple: int
    volatility_rate: int
    kelly_share: int
    kelly_cap: int
    kelly_trades: int
    share_method: int
    share_bars: int
    share_trades: int
    share_floor: int
    share_cap: int
    max_positions: int
    min_notional: int
    raise_multiple: int
    max_symbol_rate: int
    max_wallet_rate: int
    max_gross_rate: int
    reserve_rate: int
    max_correlation: int
    correlation_bars: int
    max_var_rate: int
    max_cvar_rate: int
    var_confidence: int
    var_bars: int
    min_confidence: int
    max_gap_bars: int
    all_daily_rate: int
    all_drawdown_rate: int
    wallet_daily_rate: int
    wallet_drawdown_rate: int
    streak: int
    cool_bars: int
    closes: int
    swap_multiple: int
    stop_rate: int
    stop_multiple: int
    trail_rate: int
    trail_multiple: int
    break_even_rate: int
    break_even_gain: int
    target_rate: int
    micro_rate: int
    micro_slip: int
    partial_rate: int
    partial_share: int
    hold_bars: int
    high_score: int
    high_loss_rate: int
    high_atr_multiple: int
    high_share_rate: int
    high_loss_points: int
    high_atr_points: int
    high_share_points: int


# Columns of the steps of a book's rows, int64 (R, STEP_COLUMNS); 0 = no minimum.
PRICE_ONE = 0  # price units in one quote
TICK = 1
LOT = 2
LEAST_QUANTITY = 3
LEAST_NOTIONAL = 4  # the venue's or the learned one, whichever is larger
SYMBOL = 5
WALLET = 6
OTHER_LEG = 7  # the row that must trade with this one, -1 = none
STEP_COLUMNS = 8
