"""From a wish to an order: size it, and let every limit speak, the cheap ones first. The first that refuses is recorded."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.booking import refuse
from trader_cli.engine.orders import entry_order, equip, order
from trader_cli.engine.state import (
    CAP,
    CONFIDENCE,
    COOL_UNTIL,
    LEVEL,
    LOSS_RATES,
    LOSSES,
    OWN_STOP,
    QUANTITY,
    RESERVE,
    SHARE,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
    VOLATILITY,
    WEIGHT,
    WIN_RATES,
    WINS,
    WORTH,
)
from trader_cli.engine.value import close_of, exposed, has_bar, mark
from trader_cli.engine.watch import measured_atr, own_level, stopped_by
from trader_cli.model.codes import (
    BELOW_MINIMUM,
    BY_REBALANCE,
    BY_STRATEGY,
    CASH_RESERVE,
    CORRELATION,
    CVAR,
    HALTED,
    LIMIT,
    LOSING_STREAK,
    LOW_CONFIDENCE,
    MARKET,
    MAX_GROSS,
    MAX_SYMBOL,
    MAX_WALLET,
    NO_CASH,
    ROUNDS_TO_ZERO,
    STALE_DATA,
    VAR,
)
from trader_cli.money import ONE, affordable, buy_price, cost_of, fee_of, mul_div
from trader_cli.risk import columns as of
from trader_cli.risk.correlation import correlation
from trader_cli.risk.limits import (
    NO_LIMIT,
    below_minimum,
    beyond,
    least_worth,
    raised_quantity,
    reserve_of,
    room_under,
    too_correlated,
    too_stale,
    too_uncertain,
)
from trader_cli.risk.rules import (
    LOT,
    OTHER_LEG,
    PRICE_ONE,
    SIZE_FRACTION,
    SIZE_NOTIONAL,
    SIZE_QUANTITY,
    SYMBOL,
    TICK,
    WALLET,
)
from trader_cli.risk.sizing import full_notional, quantity_for, rate_of, weight_of
from trader_cli.risk.var import tail_losses, var_and_cvar, worst_loss


@part
def wanted(bar: int, s: int, entry: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return the holding the row's level asks for at this close, 1e-8 base; entry: the price it is to be bought at."""
    one = steps[s, PRICE_ONE]
    price = mark(bar, s, market, steps)
    weight = weight_of(market.signals[LEVEL, bar, s])
    w = steps[s, WALLET]
    purse = book.wallet
    notional = 0
    if rules[of.SIZE_METHOD] == SIZE_NOTIONAL:
        notional = rules[of.SIZE_NOTIONAL]
    elif rules[of.SIZE_METHOD] != SIZE_QUANTITY:
        distance = 0
        volatility = 0
        if rules[of.SIZE_METHOD] > SIZE_FRACTION:
            distance = risked_distance(bar, s, entry, market, rules, steps)
            if market.measures.shape[0] > 0:
                volatility = rate_of(market.measures[VOLATILITY, bar, s])
        notional = full_notional(
            purse[w, WORTH],
            price,
            distance,
            volatility,
            purse[w, WINS],
            purse[w, LOSSES],
            purse[w, WIN_RATES],
            purse[w, LOSS_RATES],
            rules,
        )
    size = quantity_for(weight, notional, book.position[s, SHARE], price, one, steps[s, LOT], rules)
    # A part that a target has sold stays sold until the strategy asks for another level.
    if book.position[s, CAP] > 0 and weight == book.position[s, WEIGHT]:
        return min(size, int(book.position[s, CAP]))
    return size


@part
def risked_distance(bar: int, s: int, price: int, market: Any, rules: Any, steps: Any) -> int:
    """Return how far the price may fall before the position is given up: to the strategy's own stop, else by ATR."""
    if market.signals.shape[0] > 1:
        stop = own_level(OWN_STOP, bar, s, market, steps)
        if 0 < stop < price:
            return price - stop
    return mul_div(measured_atr(bar, s, market, steps), rules[of.RISK_MULTIPLE], ONE)


@part
def bar_before(bar: int, s: int, market: Any) -> int:
    """Return the row's last bar before this one, -1 when there is none."""
    i = bar - 1
    while i >= 0 and not has_bar(i, s, market):
        i -= 1
    return i


@part
def forbidden(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Refuse what halts, breakers, confidence and stale data forbid, before any money is reckoned; tell whether one did."""
    purse = book.wallet
    w = steps[s, WALLET]
    row = stopped_by(w, book)
    if row >= 0:
        if purse[row, TRIPPED_BY] != 0:
            refuse(bar, s, purse[row, TRIPPED_BY], purse[row, TRIPPED_NUMBER], purse[row, TRIPPED_LIMIT], book, log)
        else:
            refuse(bar, s, HALTED, 0, 0, book, log)
        return True
    close_ms = close_of(bar, market, rules)
    if purse[w, COOL_UNTIL] > close_ms:
        refuse(bar, s, LOSING_STREAK, rules[of.STREAK], rules[of.STREAK], book, log)
        return True
    if rules[of.MIN_CONFIDENCE] > 0:
        confidence = rate_of(market.measures[CONFIDENCE, bar, s])
        if too_uncertain(confidence, rules):
            refuse(bar, s, LOW_CONFIDENCE, confidence, rules[of.MIN_CONFIDENCE], book, log)
            return True
    if rules[of.MAX_GAP_BARS] > 0:
        before = bar_before(bar, s, market)
        age = market.open_ms[bar] - market.open_ms[before] if before >= 0 else 0
        if too_stale(age, rules):
            refuse(bar, s, STALE_DATA, age, rules[of.MAX_GAP_BARS] * rules[of.BAR_MS], book, log)
            return True
    return False


@part
def is_limited(rules: Any) -> bool:
    """Tell whether a limit reads what the rows are exposed to."""
    rates = rules[of.MAX_SYMBOL_RATE] + rules[of.MAX_WALLET_RATE] + rules[of.MAX_GROSS_RATE]
    return bool(rates + rules[of.MAX_CORRELATION] + rules[of.MAX_VAR_RATE] + rules[of.MAX_CVAR_RATE] > 0)


@part
def take_exposures(bar: int, market: Any, book: Any, work: Any, rules: Any, steps: Any) -> None:
    """Write down what every row has, or will have when its order has filled, in its symbol: the limits all read it."""
    for s in range(book.position.shape[0]):
        work.exposed[s] = exposed(bar, s, market, book, rules, steps)


@part
def tightest_room(s: int, book: Any, work: Any, rules: Any, steps: Any) -> Any:
    """Return (room, rule): the least notional that the limits on exposure leave for a buy, and which of them it is."""
    purse = book.wallet
    last = purse.shape[0] - 1
    in_symbol = 0
    in_wallet = 0
    in_all = 0
    for other in range(book.position.shape[0]):
        value = work.exposed[other]
        in_all += value
        if steps[other, SYMBOL] == steps[s, SYMBOL]:
            in_symbol += value
        if steps[other, WALLET] == steps[s, WALLET]:
            in_wallet += value
    room = room_under(rules[of.MAX_SYMBOL_RATE], purse[last, WORTH], in_symbol)
    rule = MAX_SYMBOL if room < NO_LIMIT else NO_CASH
    left = room_under(rules[of.MAX_WALLET_RATE], purse[steps[s, WALLET], WORTH], in_wallet)
    if left < room:
        room = left
        rule = MAX_WALLET
    left = room_under(rules[of.MAX_GROSS_RATE], purse[last, WORTH], in_all)
    if left < room:
        room = left
        rule = MAX_GROSS
    return max(room, 0), rule


@part
def like_another(bar: int, s: int, market: Any, book: Any, work: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Refuse a new position whose symbol moves like one that is held or ordered; tell whether it was refused."""
    for other in range(book.position.shape[0]):
        if steps[other, SYMBOL] == steps[s, SYMBOL] or work.exposed[other] == 0:
            continue
        alike = rate_of(correlation(market.returns, bar, rules[of.CORRELATION_BARS], s, other))
        if too_correlated(alike, rules):
            refuse(bar, s, CORRELATION, alike, rules[of.MAX_CORRELATION], book, log)
            return True
    return False


@part
def too_much_at_risk(bar: int, s: int, cost: int, market: Any, book: Any, work: Any, log: Any, rules: Any) -> bool:
    """Refuse a buy that would lift the account's historical VaR or CVaR over its limit; tell whether it was refused."""
    rows = 0
    whole = 0
    for other in range(book.position.shape[0]):
        value = work.exposed[other]
        if other == s:
            value += cost
        if value > 0:
            work.values[other] = float(value) * 1e-8
            work.rows[rows] = other
            rows += 1
            whole += value
    worth = book.wallet[book.wallet.shape[0] - 1, WORTH]
    var_limit = room_under(rules[of.MAX_VAR_RATE], worth, 0)
    cvar_limit = room_under(rules[of.MAX_CVAR_RATE], worth, 0)
    least = min(var_limit, cvar_limit)
    if whole <= least:
        # Nothing can lose more than it is worth: no history is needed to know that.
        return False
    n = tail_losses(market.returns, bar, rules[of.VAR_BARS], work.values, work.rows, rows, work.scenarios)
    if rate_of(worst_loss(work.scenarios, n)) <= least:
        # Nor is any quantile, or mean of the worst, more than the worst.
        return False
    var, cvar = var_and_cvar(work.scenarios, n, float(rules[of.VAR_CONFIDENCE]) / 1e8)
    if beyond(rate_of(var), var_limit):
        refuse(bar, s, VAR, rate_of(var), var_limit, book, log)
        return True
    if beyond(rate_of(cvar), cvar_limit):
        refuse(bar, s, CVAR, rate_of(cvar), cvar_limit, book, log)
        return True
    return False


@called
def increase(
    bar: int,
    s: int,
    free: int,
    market: Any,
    book: Any,
    work: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> Any:
    """Order an entry or an increase if every limit allows it; return (cash set aside, rule that refused, -1 = none).

    A refusal is written down, but for one of cash: (what it would cost, NO_CASH), for which a swap may be the cure.
    free: the wallet's expected cash, 1e-8 quote.
    """
    position = book.position
    held = position[s, QUANTITY]
    one = steps[s, PRICE_ONE]
    lot = steps[s, LOT]
    w = steps[s, WALLET]
    if forbidden(bar, s, market, book, log, rules, steps):
        return 0, HALTED
    weight = weight_of(market.signals[LEVEL, bar, s])
    # A price of its own would let one of two legs fill alone.
    kind, at = entry_order(bar, s, held, market, steps) if steps[s, OTHER_LEG] < 0 else (MARKET, 0)
    price = at
    rate = rules[of.MAKER_RATE]
    if kind != LIMIT:
        price = buy_price(mark(bar, s, market, steps) if kind == MARKET else at, rules[of.SLIP_RATE], steps[s, TICK])
        rate = rules[of.TAKER_RATE]
    entry = mark(bar, s, market, steps) if kind == MARKET else at
    quantity = wanted(bar, s, entry, market, book, rules, steps) - held
    if quantity <= 0:
        refuse(bar, s, ROUNDS_TO_ZERO, 0, lot, book, log)
        return 0, ROUNDS_TO_ZERO
    if price <= 0:
        refuse(bar, s, BELOW_MINIMUM, 0, least_worth(s, 0, rules, steps), book, log)
        return 0, BELOW_MINIMUM
    raised = 0
    if below_minimum(s, quantity, price, rules, steps):
        raised = raised_quantity(s, price, lot, rules, steps)
        if raised == 0:
            worth = cost_of(price, quantity, one)
            refuse(bar, s, BELOW_MINIMUM, worth, least_worth(s, price, rules, steps), book, log)
            return 0, BELOW_MINIMUM
        quantity = raised
    reserve = reserve_of(book.wallet[w, WORTH], rules)
    book.wallet[w, RESERVE] = reserve
    asked = cost_of(price, quantity, one)
    if is_limited(rules):
        take_exposures(bar, market, book, work, rules, steps)
    room = NO_LIMIT
    rule = NO_CASH
    if rules[of.MAX_SYMBOL_RATE] + rules[of.MAX_WALLET_RATE] + rules[of.MAX_GROSS_RATE] > 0:
        room, rule = tightest_room(s, book, work, rules, steps)
    if asked > room:
        quantity = affordable(room, price, 0, lot, one)
        # What was raised to the minimum stands whole or not at all (R1.4).
        if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):
            refuse(bar, s, rule, asked, room, book, log)
            return 0, rule
    cost = cost_of(price, quantity, one)
    cost += fee_of(cost, rate)
    if cost > free - reserve:
        quantity = affordable(free - reserve, price, rate, lot, one)
        if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):
            if cost > free:
                return cost, NO_CASH
            refuse(bar, s, CASH_RESERVE, cost, max(free - reserve, 0), book, log)
            return 0, CASH_RESERVE
        cost = cost_of(price, quantity, one)
        cost += fee_of(cost, rate)
    if rules[of.MAX_CORRELATION] > 0 and held == 0 and like_another(bar, s, market, book, work, log, rules, steps):
        return 0, CORRELATION
    if rules[of.MAX_VAR_RATE] + rules[of.MAX_CVAR_RATE] > 0:
        notional = cost_of(price, quantity, one)
        if too_much_at_risk(bar, s, notional, market, book, work, log, rules):
            return 0, VAR
    reason = BY_REBALANCE if held > 0 and weight == position[s, WEIGHT] else BY_STRATEGY
    order(s, 1, kind, quantity, at, weight, reason, close_of(bar, market, rules), book)
    # Where exposure is limited an order never spends more than it was allowed, however far the price runs away.
    most = cost_of(price, quantity, one) if room < NO_LIMIT else NO_LIMIT
    equip(bar, s, most, rule, market, book, steps)
    return cost, -1
