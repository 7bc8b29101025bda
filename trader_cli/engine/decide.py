"""`decide`: the difference between what is wanted and what is held becomes orders, at a bar's close.

What the close changes first (levels, breakers); then exits, because they free slots and cash; then reductions; then
entries and increases, trades of two legs first, then wallet by wallet in name order. Every entry
order lives for one bar: the next decision renews it or not, so that a missed run heals by itself.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.approve import increase, wanted
from trader_cli.engine.booking import drop_order, refuse
from trader_cli.engine.late import sell_part
from trader_cli.engine.legs import drop_lone_legs, drop_spent_legs
from trader_cli.engine.orders import order
from trader_cli.engine.share import allocate
from trader_cli.engine.state import (
    CANDIDATE,
    CAP,
    CONFIDENCE,
    COOL_UNTIL,
    HELD_BARS,
    LATE,
    LEVEL,
    ORDER_MS,
    ORDER_QUANTITY,
    ORDER_SIDE,
    POSITIONS,
    QUANTITY,
    TRIPPED,
    WEIGHT,
)
from trader_cli.engine.value import (
    close_of,
    equity_of,
    expected_cash,
    has_bar,
    mark,
    ordered_cash,
    take_stock,
    worth_of,
)
from trader_cli.engine.watch import measured_atr, must_close, raise_trail, stopped_by, take_levels, test_breakers
from trader_cli.model.codes import BELOW_MINIMUM, BY_REBALANCE, BY_STRATEGY, BY_SWAP, MARKET, MAX_POSITIONS, NO_CASH
from trader_cli.money import proceeds_of
from trader_cli.risk import columns as of
from trader_cli.risk.limits import below_minimum, least_worth, no_slot, too_stale
from trader_cli.risk.rules import OTHER_LEG, PRICE_ONE, WALLET
from trader_cli.risk.sizing import rate_of, weight_of, within_dead_band
from trader_cli.risk.swap import expected_gain, worth_swapping

NOT_TRIED = -2


@part
def closes_at(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return why a held row is closed by a rule at this close, -1 = it is not; let its trailing stop follow."""
    if rules[of.TRAIL_MULTIPLE] > 0:
        raise_trail(bar, s, market, book, rules, steps)
    return must_close(bar, s, market, book, rules, steps)


@called
def waits_in_vain(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> bool:
    """Tell whether an order that waits for a bar of its symbol may no longer be filled.

    One to buy waits, but not behind a breaker, nor longer than data may be old; one to sell waits for as long as it takes.
    """
    position = book.position
    if position[s, ORDER_SIDE] < 0:
        return False
    purse = book.wallet
    w = steps[s, WALLET]
    close_ms = close_of(bar, market, rules)
    if stopped_by(w, book) >= 0 or purse[w, COOL_UNTIL] > close_ms:
        return True
    return too_stale(close_ms - position[s, ORDER_MS], rules)


@part
def look(bar: int, market: Any, book: Any, log: Any, rules: Any, steps: Any, switches: Any) -> int:
    """Write the equity, drop spent orders, order the exits; return how many rows there are to size."""
    position = book.position
    value = 0.0
    candidates = 0
    for s in range(position.shape[0]):
        held = position[s, QUANTITY]
        target = market.signals[LEVEL, bar, s]
        if position[s, ORDER_SIDE] != 0 and (
            has_bar(bar, s, market) or waits_in_vain(bar, s, market, book, rules, steps)
        ):
            # A resting entry that this bar did not reach: renewed below, or gone.
            drop_order(s, book)
        if held > 0:
            value += worth_of(bar, s, market, book)
            reason = -1
            if switches.guarded and has_bar(bar, s, market):
                reason = closes_at(bar, s, market, book, rules, steps)
            if reason >= 0:
                order(s, -1, MARKET, held, 0, 0, reason, close_of(bar, market, rules), book)
                position[s, TRIPPED] = 1
                if target <= 0.0:
                    position[s, TRIPPED] = 0
                continue
            if switches.guarded and position[s, LATE] != 0 and not target <= 0.0 and has_bar(bar, s, market):
                sell_part(s, close_of(bar, market, rules), book)
                continue
        if target > 0.0:
            if held > 0:
                if rules[of.REBALANCE] == 0 and weight_of(target) == position[s, WEIGHT]:
                    continue
            elif position[s, TRIPPED] != 0:
                continue
            position[candidates, CANDIDATE] = s
            candidates += 1
        elif target <= 0.0:
            if position[s, TRIPPED] != 0:
                position[s, TRIPPED] = 0
            if held > 0:
                order(s, -1, MARKET, held, 0, 0, BY_STRATEGY, close_of(bar, market, rules), book)
    log.equity[bar] = equity_of(value, book)
    if book.account[POSITIONS] > 0:
        book.account[HELD_BARS] += 1
    return candidates


@part
def taken_slots(book: Any) -> int:
    """Count the rows held and not being sold off, or about to be bought."""
    taken = book.account[POSITIONS]
    for s in range(book.position.shape[0]):
        side = book.position[s, ORDER_SIDE]
        held = book.position[s, QUANTITY]
        if side < 0 and book.position[s, ORDER_QUANTITY] == held:
            taken -= 1
        elif side > 0 and held == 0:
            taken += 1
    return taken


@part
def reduce(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Order the sale of what is held above the wanted size; tell whether that settles the row for this bar."""
    position = book.position
    held = position[s, QUANTITY]
    price = mark(bar, s, market, steps)
    weight = weight_of(market.signals[LEVEL, bar, s])
    size = wanted(bar, s, price, market, book, rules, steps)
    if within_dead_band(size, held, rules):
        if position[s, CAP] > 0:
            # Another level was asked for, though it needs no order: what a partial target sold may be bought again.
            if weight != position[s, WEIGHT]:
                position[s, CAP] = 0
            position[s, WEIGHT] = weight
        return True
    if size > held:
        return False
    if size > 0 and below_minimum(s, held - size, price, rules, steps):
        worth = proceeds_of(price, held - size, steps[s, PRICE_ONE])
        refuse(bar, s, BELOW_MINIMUM, worth, least_worth(s, price, rules, steps), book, log)
        return True
    reason = BY_STRATEGY if weight != position[s, WEIGHT] else BY_REBALANCE
    order(s, -1, MARKET, held - size, 0, weight, reason, close_of(bar, market, rules), book)
    return True


@part
def gain_of(bar: int, s: int, market: Any, rules: Any, steps: Any) -> int:
    """Return what the row's signal promises at this close, 1e-8 of its notional."""
    confidence = rate_of(market.measures[CONFIDENCE, bar, s])
    return expected_gain(confidence, measured_atr(bar, s, market, steps), mark(bar, s, market, steps), rules)


@called
def weakest_of(bar: int, w: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return the row of wallet `w` that promises least of those that are held and may be sold, -1 = none."""
    position = book.position
    weakest = -1
    least = 0
    for s in range(position.shape[0]):
        if position[s, QUANTITY] == 0 or steps[s, WALLET] != w or position[s, ORDER_SIDE] != 0:
            continue
        if steps[s, OTHER_LEG] >= 0 or not has_bar(bar, s, market):
            continue
        gain = gain_of(bar, s, market, rules, steps)
        if weakest < 0 or gain < least:
            weakest = s
            least = gain
    return weakest


@called
def swap(
    bar: int,
    s: int,
    weakest: int,
    free: int,
    market: Any,
    book: Any,
    work: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> Any:
    """Sell the weakest position for a new signal that is worth both trades.

    Return (cash set aside, rule that refused the purchase, -1 = none, NOT_TRIED = it is not worth it). The cash set aside is
    negative where the sale brings more than the purchase takes. Nothing is sold unless the purchase was allowed.
    """
    least = gain_of(bar, weakest, market, rules, steps)
    if not worth_swapping(gain_of(bar, s, market, rules, steps), least, rules):
        return 0, NOT_TRIED
    close_ms = close_of(bar, market, rules)
    order(weakest, -1, MARKET, book.position[weakest, QUANTITY], 0, 0, BY_SWAP, close_ms, book)
    brought = ordered_cash(bar, weakest, market, book, rules, steps)
    spent, refused = increase(bar, s, free + brought, market, book, work, log, rules, steps)
    if refused >= 0:
        drop_order(weakest, book)
        return spent, refused
    # Its strategy still wants it: without this the next bar would buy it back.
    book.position[weakest, TRIPPED] = 1
    return spent - brought, -1


@part
def may_swap(bar: int, s: int, market: Any, rules: Any, steps: Any) -> bool:
    """Tell whether a signal is worth both trades against a position that promises nothing: else no other is asked."""
    if rules[of.SWAP_MULTIPLE] == 0 or steps[s, OTHER_LEG] >= 0:
        return False
    return worth_swapping(gain_of(bar, s, market, rules, steps), 0, rules)


@part
def buy(
    bar: int, buys: int, market: Any, book: Any, work: Any, log: Any, rules: Any, steps: Any, switches: Any
) -> None:
    """Ask the limits for every entry and increase in the queue: legs first, so that what they free or take is settled."""
    position = book.position
    slots = taken_slots(book) if rules[of.MAX_POSITIONS] > 0 else 0
    free = 0
    purse = -1
    counted = False
    weakest = -2
    legs_open = switches.legs
    for i in range(buys):
        s = work.queue[i]
        if position[s, ORDER_SIDE] != 0:
            # Sold in a swap for an earlier row of this loop.
            continue
        if legs_open and steps[s, OTHER_LEG] < 0:
            drop_lone_legs(bar, market, book, work, log, rules, steps)
            legs_open = False
            purse = -1
            slots = taken_slots(book) if rules[of.MAX_POSITIONS] > 0 else 0
        if steps[s, WALLET] != purse:
            purse = steps[s, WALLET]
            counted = False
            weakest = -2
        was_flat = position[s, QUANTITY] == 0
        spent = 0
        refused = -1
        if was_flat and no_slot(slots, rules):
            refused = MAX_POSITIONS
        else:
            if not counted:
                # Only now: where every slot is taken, bar after bar, nobody needs to know the cash.
                free = expected_cash(bar, purse, market, book, rules, steps)
                counted = True
            spent, refused = increase(bar, s, free, market, book, work, log, rules, steps)
        if was_flat and refused in (NO_CASH, MAX_POSITIONS) and may_swap(bar, s, market, rules, steps):
            if weakest == -2:
                weakest = weakest_of(bar, purse, market, book, rules, steps)
            if weakest >= 0:
                if not counted:
                    free = expected_cash(bar, purse, market, book, rules, steps)
                    counted = True
                taken, tried = swap(bar, s, weakest, free, market, book, work, log, rules, steps)
                if tried == -1:
                    # The weakest's slot is the new one's.
                    slots -= 1
                if tried != NOT_TRIED:
                    spent = taken
                    refused = tried
        if refused == -1:
            free -= spent
            weakest = -2
            if was_flat:
                slots += 1
        elif refused == MAX_POSITIONS:
            refuse(bar, s, MAX_POSITIONS, slots + 1, rules[of.MAX_POSITIONS], book, log)
        elif refused == NO_CASH:
            refuse(bar, s, NO_CASH, spent, max(free, 0), book, log)
    if legs_open:
        drop_lone_legs(bar, market, book, work, log, rules, steps)


@part
def queue_up(candidates: int, legs: bool, book: Any, work: Any, steps: Any) -> int:
    """Put the candidates that no sale settled into the queue, legs before the others; return how many there are."""
    count = 0
    for turn in range(1 if legs else 0, -1, -1):
        for i in range(candidates):
            s = book.position[i, CANDIDATE]
            if s >= 0 and (not legs or (steps[s, OTHER_LEG] >= 0) == (turn == 1)):
                work.queue[count] = s
                count += 1
    return count


@part
def decide(bar: int, market: Any, book: Any, work: Any, log: Any, rules: Any, steps: Any, switches: Any) -> int:
    """Compare wanted with held for every row that has a bar, and leave the difference as working orders.

    Return how many rows there were to size.
    """
    if switches.stated:
        take_levels(bar, market, book, rules, steps)
    if switches.watching:
        test_breakers(bar, market, book, log, rules, steps)
    if switches.legs:
        drop_spent_legs(bar, market, book, work, steps)
    candidates = look(bar, market, book, log, rules, steps, switches)
    if candidates > 0:
        if switches.valued and not switches.watching:
            take_stock(bar, market, book, steps)
        if rules[of.SHARE_METHOD] > 0:
            for w in range(book.wallet.shape[0] - 1):
                allocate(bar, w, market, book, work, rules, steps)
        for i in range(candidates):
            s = book.position[i, CANDIDATE]
            if book.position[s, QUANTITY] > 0 and reduce(bar, s, market, book, log, rules, steps):
                book.position[i, CANDIDATE] = -1
        buys = queue_up(candidates, switches.legs, book, work, steps)
        buy(bar, buys, market, book, work, log, rules, steps, switches)
    elif switches.legs:
        drop_lone_legs(bar, market, book, work, log, rules, steps)
    return candidates
