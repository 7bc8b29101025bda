"""What a close changes before anything is decided: levels that follow the market, breakers, and what must be closed."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.arm import arm
from trader_cli.engine.booking import note
from trader_cli.engine.state import (
    ATR,
    CLOSING,
    DAY,
    DAY_WORTH,
    ENTRY_ATR,
    ENTRY_MS,
    ENTRY_PRICE,
    KEEP_OWN,
    LATE,
    OWN_KEEP,
    OWN_STOP,
    OWN_TAKE,
    PEAK,
    QUANTITY,
    STOP_OWN,
    TARGET_OWN,
    TRAIL_ATR,
    TRAIL_HIGH,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
    WORTH,
)
from trader_cli.engine.value import close_of, has_bar, mark, take_stock
from trader_cli.model.codes import BY_PARTIAL, DAILY_LOSS, DRAWDOWN
from trader_cli.money import ONE, mul_div, proceeds_of, step_down, step_up, to_units
from trader_cli.risk import columns as of
from trader_cli.risk.breakers import allowed_loss, day_of, opens
from trader_cli.risk.exits import atr_stop, closing_reason, may_be_high, open_loss, risk_score
from trader_cli.risk.rules import PRICE_ONE, TICK, WALLET
from trader_cli.risk.sizing import weight_of


@part
def own_level(plane: int, bar: int, s: int, market: Any, steps: Any) -> int:
    """Return the strategy's own stop or take of this bar on the tick, away from the price; 0 where it states none."""
    level = market.signals[plane, bar, s]
    if not level > 0.0:
        return 0
    units = to_units(level, steps[s, PRICE_ONE])
    return step_down(units, steps[s, TICK]) if plane == OWN_STOP else step_up(units, steps[s, TICK])


@part
def own_keep(bar: int, s: int, market: Any) -> int:
    """Return the level the strategy keeps at its take, 1e-8; -1 where the position ends there."""
    keep = market.signals[OWN_KEEP, bar, s]
    if keep >= 0.0:
        return weight_of(keep)
    return -1


@part
def take_levels(bar: int, market: Any, book: Any, rules: Any, steps: Any) -> None:
    """Take over the strategy's newest stop and target for every held row; NaN keeps what stands."""
    position = book.position
    for s in range(position.shape[0]):
        if position[s, QUANTITY] > 0 and has_bar(bar, s, market):
            stop = own_level(OWN_STOP, bar, s, market, steps)
            take = own_level(OWN_TAKE, bar, s, market, steps)
            if stop > 0:
                position[s, STOP_OWN] = stop
            if take > 0:
                position[s, TARGET_OWN] = take
                position[s, KEEP_OWN] = own_keep(bar, s, market)
            if stop + take > 0:
                arm(s, book, rules, steps[s, TICK])


@part
def measured_atr(bar: int, s: int, market: Any, steps: Any) -> int:
    """Return the average true range at this close in price units; 0 where it is not known or no rule reads it."""
    if market.measures.shape[0] == 0:
        return 0
    value = market.measures[ATR, bar, s]
    if not value > 0.0:
        return 0
    return to_units(value, steps[s, PRICE_ONE])


@part
def raise_trail(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> None:
    """Raise the ATR trailing stop to where this close puts it; it never falls."""
    position = book.position
    atr = measured_atr(bar, s, market, steps)
    level = atr_stop(position[s, TRAIL_HIGH], atr, rules[of.TRAIL_MULTIPLE], steps[s, TICK])
    if level > position[s, TRAIL_ATR]:
        position[s, TRAIL_ATR] = level
        arm(s, book, rules, steps[s, TICK])


@part
def endangered(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return the risk score of a held position at this close; 0 where its loss is too small for a score that counts."""
    position = book.position
    entry = position[s, ENTRY_PRICE]
    price = mark(bar, s, market, steps)
    loss = open_loss(entry, price)
    if not may_be_high(loss, rules):
        return 0
    growth = 0
    at_entry = position[s, ENTRY_ATR]
    if at_entry > 0:
        growth = max(mul_div(measured_atr(bar, s, market, steps), ONE, at_entry) - ONE, 0)
    share = 0
    if rules[of.HIGH_SHARE_RATE] > 0:
        worth = max(book.wallet[steps[s, WALLET], WORTH], 1)
        share = mul_div(proceeds_of(price, position[s, QUANTITY], steps[s, PRICE_ONE]), ONE, worth)
    return risk_score(loss, growth, share, rules)


@part
def must_close(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return why a held position ends at this close whatever its strategy wants; -1 = it need not."""
    w = steps[s, WALLET]
    last = book.wallet.shape[0] - 1
    killed = book.wallet[w, CLOSING] != 0 or book.wallet[last, CLOSING] != 0
    score = endangered(bar, s, market, book, rules, steps) if rules[of.HIGH_SCORE] > 0 else 0
    held_ms = close_of(bar, market, rules) - book.position[s, ENTRY_MS]
    late = book.position[s, LATE] - 1
    # A part that is due ends nothing.
    return closing_reason(killed, -1 if late == BY_PARTIAL else late, score, held_ms, rules)


@part
def stopped_by(w: int, book: Any) -> int:
    """Return whose breaker or kill switch stops the entries of wallet `w`: the account's row, its own, or -1 = nobody's."""
    purse = book.wallet
    last = purse.shape[0] - 1
    if purse[last, TRIPPED_BY] != 0 or purse[last, CLOSING] != 0:
        return last
    if purse[w, TRIPPED_BY] != 0 or purse[w, CLOSING] != 0:
        return int(w)
    return -1


@part
def trip(bar: int, w: int, rule: int, lost: int, allowed: int, book: Any, log: Any) -> None:
    """Open a breaker, and remember with which numbers; one that is open already stays as it is."""
    row = book.wallet
    if row[w, TRIPPED_BY] != 0:
        return
    row[w, TRIPPED_BY] = rule
    row[w, TRIPPED_NUMBER] = lost
    row[w, TRIPPED_LIMIT] = allowed
    note(bar, w, rule, lost, allowed, book, log)


@called
def test_breakers(bar: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Take stock, begin a new day where one began, and open the breakers whose limit is reached."""
    row = book.wallet
    last = row.shape[0] - 1
    day = day_of(close_of(bar, market, rules))
    new_day = book.account[DAY] != day
    book.account[DAY] = day
    if new_day:
        for w in range(last + 1):
            # What it was worth at the last close of the day before.
            row[w, DAY_WORTH] = row[w, WORTH]
            if row[w, TRIPPED_BY] == DAILY_LOSS:
                row[w, TRIPPED_BY] = 0
    take_stock(bar, market, book, steps)
    for w in range(last + 1):
        worth = row[w, WORTH]
        row[w, PEAK] = max(row[w, PEAK], worth)
        daily = rules[of.ALL_DAILY_RATE] if w == last else rules[of.WALLET_DAILY_RATE]
        drawdown = rules[of.ALL_DRAWDOWN_RATE] if w == last else rules[of.WALLET_DRAWDOWN_RATE]
        if opens(drawdown, row[w, PEAK], worth):
            # It outlives the day: a daily breaker gives way to it.
            if row[w, TRIPPED_BY] == DAILY_LOSS:
                row[w, TRIPPED_BY] = 0
            trip(bar, w, DRAWDOWN, row[w, PEAK] - worth, allowed_loss(drawdown, row[w, PEAK]), book, log)
            if rules[of.CLOSES] != 0:
                row[w, CLOSING] = 1
        elif opens(daily, row[w, DAY_WORTH], worth):
            trip(bar, w, DAILY_LOSS, row[w, DAY_WORTH] - worth, allowed_loss(daily, row[w, DAY_WORTH]), book, log)
