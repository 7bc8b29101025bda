"""Break one rule at a time in a copy of the package and see whether a test notices.

    python tests/mutants.py                  every mutant, two at a time; about a quarter of an hour
    python tests/mutants.py --only no_slot   those whose name contains `no_slot`; may be given several times
    python tests/mutants.py --list           their names

A row of `MUTANTS` replaces one text in one file, or lets a function return a constant; each must match exactly once, so
that a table that has fallen behind the code is an error and not a silence. The tests run interpreted; the laws, which take
longer than all others, only with `--laws`. Exit code 0: every mutant was noticed; 1: some were not, and are named; 2: the table or the tests are broken.
"""

# ruff: noqa: E501 one row a mutant

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

REPOSITORY = Path(__file__).resolve().parent.parent
NEEDED = ("trader_cli", "tests", "strategies", "pyproject.toml")
# Left out: what compiles (the mutants are interpreted) and what needs the market's own files.
SKIPPED = "not compiled"
TIMEOUT = 240  # seconds; a mutant that hangs is noticed too


@dataclass(frozen=True)
class Mutant:
    """Replace `old` by `new` in `file` of the package; an empty `old` lets the function `name` return `new`."""

    file: str
    name: str
    old: str
    new: str

    def apply(self, source: str) -> str:
        """Return the mutated source; raise ValueError unless the place is found exactly once."""
        if self.old:
            if source.count(self.old) != 1:
                raise ValueError(f"{self.file}: {self.name}: found {source.count(self.old)} times: {self.old!r}")
            return source.replace(self.old, self.new)
        function = self.name.partition(":")[0]
        heads = list(re.finditer(rf"^def {function}\(.*?\) -> [^\n]*:\n", source, re.DOTALL | re.MULTILINE))
        if len(heads) != 1:
            raise ValueError(f"{self.file}: {len(heads)} functions {function}")
        at = heads[0].end()
        return f"{source[:at]}    return {self.new}\n{source[at:]}"


def constant(file: str, name: str, value: str) -> Mutant:
    return Mutant(file, name, "", value)


LIMITS, EXITS, BREAKERS, SIZING, SWAP, CORRELATION, VAR = (
    f"risk/{name}.py" for name in ("limits", "exits", "breakers", "sizing", "swap", "correlation", "var")
)
(
    APPROVE,
    ARM,
    LEVELS,
    WATCH,
    FILL,
    HOLDING,
    SETTLE,
    LATE,
    ADJUST,
    HALTS,
    SNAPSHOT,
    SWITCHES,
    REPLAY,
    DECIDE,
    BOOKING,
    LEGS,
    SHARE,
    VALUE,
    ORDERS,
) = (
    f"engine/{name}.py"
    for name in (
        "approve arm levels watch fill holding settle late adjust halts snapshot switches replay decide booking legs share"
        " value orders"
    ).split()
)

MUTANTS = (
    # The rules before an order
    constant(LIMITS, "least_notional", "0"),
    Mutant(LIMITS, "least_notional: the user's only", "max(steps[s, LEAST_NOTIONAL], rules[of.MIN_NOTIONAL])", "rules[of.MIN_NOTIONAL]"),
    Mutant(LIMITS, "least_notional: the venue's only", "max(steps[s, LEAST_NOTIONAL], rules[of.MIN_NOTIONAL])", "steps[s, LEAST_NOTIONAL]"),
    constant(LIMITS, "least_worth", "0"),
    Mutant(LIMITS, "least_worth: no quantity", "return max(least_notional(s, rules, steps), by_quantity)", "return least_notional(s, rules, steps)"),
    constant(LIMITS, "below_minimum", "False"),
    constant(LIMITS, "below_minimum: inverted", "True"),
    Mutant(LIMITS, "below_minimum: no quantity", "if quantity < steps[s, LEAST_QUANTITY]:", "if False:"),
    Mutant(LIMITS, "below_minimum: quantity at the minimum", "if quantity < steps[s, LEAST_QUANTITY]:", "if 0 < steps[s, LEAST_QUANTITY] and quantity <= steps[s, LEAST_QUANTITY]:"),
    Mutant(LIMITS, "below_minimum: no notional", "return least > 0 and", "return False and"),
    Mutant(LIMITS, "below_minimum: notional at the minimum", "steps[s, PRICE_ONE]) < least", "steps[s, PRICE_ONE]) <= least"),
    constant(LIMITS, "raised_quantity", "0"),
    Mutant(LIMITS, "raised_quantity: not up to the lot", "return step_up(max(by_notional, by_quantity), lot)", "return max(by_notional, by_quantity) // lot * lot"),
    Mutant(LIMITS, "raised_quantity: no quantity", "return step_up(max(by_notional, by_quantity), lot)", "return step_up(by_notional, lot)"),
    Mutant(LIMITS, "raised_quantity: no notional", "return step_up(max(by_notional, by_quantity), lot)", "return step_up(by_quantity, lot)"),
    constant(LIMITS, "no_slot", "False"),
    constant(LIMITS, "no_slot: inverted", "rules[of.MAX_POSITIONS] > 0 and positions < rules[of.MAX_POSITIONS]"),
    Mutant(LIMITS, "no_slot: one more", "positions >= rules[of.MAX_POSITIONS]", "positions > rules[of.MAX_POSITIONS]"),
    constant(LIMITS, "room_under", "NO_LIMIT"),
    Mutant(LIMITS, "room_under: exposure not counted", "rate, ONE) - exposed", "rate, ONE)"),
    constant(LIMITS, "reserve_of", "0"),
    constant(LIMITS, "too_uncertain", "False"),
    constant(LIMITS, "too_uncertain: inverted", "confidence > rules[of.MIN_CONFIDENCE]"),
    Mutant(LIMITS, "too_uncertain: at the limit", "confidence <= rules", "confidence < rules"),
    constant(LIMITS, "too_stale", "False"),
    constant(LIMITS, "too_stale: inverted", "rules[of.MAX_GAP_BARS] > 0 and age_ms <= rules[of.MAX_GAP_BARS] * rules[of.BAR_MS]"),
    Mutant(LIMITS, "too_stale: at the limit", "age_ms > rules", "age_ms >= rules"),
    constant(LIMITS, "too_correlated", "False"),
    constant(LIMITS, "too_correlated: inverted", "correlation <= rules[of.MAX_CORRELATION]"),
    Mutant(LIMITS, "too_correlated: at the limit", "correlation > rules", "correlation >= rules"),
    constant(LIMITS, "beyond", "False"),
    constant(LIMITS, "beyond: inverted", "number <= limit"),
    Mutant(LIMITS, "beyond: at the limit", "return number > limit", "return number >= limit"),
    # Exits
    constant(EXITS, "stop_level", "0"),
    constant(EXITS, "atr_stop", "0"),
    constant(EXITS, "target_level", "0"),
    constant(EXITS, "paying_level", "0"),
    Mutant(EXITS, "paying_level: no slippage", "mul_div_up(wanted, ONE, ONE - slip)", "wanted"),
    Mutant(EXITS, "paying_level: no tick", "wanted = step_up(mul_div_up(entry, ONE + rate, ONE), tick)", "wanted = mul_div_up(entry, ONE + rate, ONE)"),
    constant(EXITS, "break_even_level", "0"),
    Mutant(EXITS, "break_even_level: at once", "or high < target_level(entry, rules[of.BREAK_EVEN_RATE], tick)", ""),
    constant(EXITS, "tighter_stop", "min(one, other)"),
    constant(EXITS, "tighter_target", "max(one, other)"),
    constant(EXITS, "stop_reason", "BY_STOP"),
    Mutant(EXITS, "stop_reason: break-even before trailing", "if trail == stop:\n        return BY_TRAIL\n    return BY_BREAK_EVEN", "return BY_BREAK_EVEN"),
    Mutant(EXITS, "stop_reason: trailing before stop", "if fixed == stop:\n        return BY_STOP\n    if trail == stop:\n        return BY_TRAIL", "if trail == stop:\n        return BY_TRAIL\n    if fixed == stop:\n        return BY_STOP"),
    constant(EXITS, "target_reason", "BY_TARGET"),
    constant(EXITS, "target_reason: micro", "BY_MICRO"),
    Mutant(EXITS, "target_reason: micro before target", "micro == target and others != target", "micro == target"),
    Mutant(EXITS, "exit_at: no stop at the open", "if stop > 0 and start <= stop:", "if False:"),
    Mutant(EXITS, "exit_at: no target at the open", "if target > 0 and start >= target:", "if False:"),
    Mutant(EXITS, "exit_at: no stop inside", "if stop > 0 and low <= stop:", "if False:"),
    Mutant(EXITS, "exit_at: stop beyond only", "if stop > 0 and low <= stop:", "if stop > 0 and low < stop:"),
    Mutant(EXITS, "exit_at: no target inside", "if target > 0 and high >= target:", "if False:"),
    Mutant(EXITS, "exit_at: target beyond only", "if target > 0 and high >= target:", "if target > 0 and high > target:"),
    Mutant(EXITS, "exit_at: target before stop", "if stop > 0 and low <= stop:", "if stop > 0 and low <= stop and not (target > 0 and high >= target):"),
    constant(EXITS, "reached_before", "False"),
    Mutant(EXITS, "reached_before: before the stop", "return which != 1 and high >= level", "return high >= level"),
    Mutant(EXITS, "reached_before: beyond only", "return which != 1 and high >= level", "return which != 1 and high > level"),
    Mutant(EXITS, "reached_before: not at the open", "    if start >= level:\n        return True\n", ""),
    Mutant(EXITS, "reached_before: behind the stop", "if level == 0 or start <= stop:", "if level == 0:"),
    constant(EXITS, "risk_score", "0"),
    Mutant(EXITS, "risk_score: no loss", "if rules[of.HIGH_LOSS_RATE] > 0:", "if False:"),
    Mutant(EXITS, "risk_score: no range", "if rules[of.HIGH_ATR_MULTIPLE] > ONE:", "if False:"),
    Mutant(EXITS, "risk_score: no share", "if rules[of.HIGH_SHARE_RATE] > 0:", "if False:"),
    constant(EXITS, "closing_reason", "-1"),
    Mutant(EXITS, "closing_reason: nothing late", "    if late >= 0:\n        return late\n", ""),
    Mutant(EXITS, "closing_reason: late before the kill switch", "    if killed:\n        return BY_KILL\n    if late >= 0:\n        return late\n", "    if late >= 0:\n        return late\n    if killed:\n        return BY_KILL\n"),
    Mutant(EXITS, "closing_reason: no kill switch", "if killed:", "if False:"),
    Mutant(EXITS, "closing_reason: no HIGH risk", "if rules[of.HIGH_SCORE] > 0 and score >= rules[of.HIGH_SCORE]:", "if False:"),
    Mutant(EXITS, "closing_reason: score beyond only", "score >= rules[of.HIGH_SCORE]", "score > rules[of.HIGH_SCORE]"),
    Mutant(EXITS, "closing_reason: no time", "if rules[of.HOLD_BARS] > 0 and", "if False and"),
    Mutant(EXITS, "closing_reason: a bar later", "held_ms >= rules", "held_ms > rules"),
    Mutant(EXITS, "closing_reason: time before risk", "    if rules[of.HIGH_SCORE] > 0 and score", "    if rules[of.HOLD_BARS] > 0 and held_ms >= rules[of.HOLD_BARS] * rules[of.BAR_MS]:\n        return BY_TIME\n    if rules[of.HIGH_SCORE] > 0 and score"),
    # Breakers
    constant(BREAKERS, "allowed_loss", "0"),
    constant(BREAKERS, "opens", "False"),
    constant(BREAKERS, "opens: inverted", "rate > 0 and from_worth > 0 and from_worth - worth < allowed_loss(rate, from_worth)"),
    Mutant(BREAKERS, "opens: a limit of nothing", "return rate > 0 and from_worth", "return from_worth"),
    Mutant(BREAKERS, "opens: from a worth of nothing", "from_worth > max(worth, 0) and", "from_worth >= max(worth, 0) and"),
    Mutant(BREAKERS, "opens: beyond only", "from_worth - worth >= allowed_loss", "from_worth - worth > allowed_loss"),
    constant(BREAKERS, "day_of", "0"),
    Mutant(BREAKERS, "day_of: midnight begins the next", "(close_ms - 1) // DAY_MS", "close_ms // DAY_MS"),
    constant(BREAKERS, "streak_after", "0"),
    Mutant(BREAKERS, "streak_after: break-even loses", "if result < 0 else 0", "if result <= 0 else 0"),
    Mutant(BREAKERS, "streak_after: never ends", "if result < 0 else 0", "if result < 0 else losses"),
    constant(BREAKERS, "cools_down", "False"),
    Mutant(BREAKERS, "cools_down: one loss later", "losses >= streak", "losses > streak"),
    # Sizes
    constant(SIZING, "weight_of", "ONE if target > 0.0 else 0"),
    constant(SIZING, "rate_of", "0"),
    Mutant(SIZING, "rate_of: rounded down", "return int(min(value, 4e10) * 1e8 + 0.5)", "return int(min(value, 4e10) * 1e8)"),
    constant(SIZING, "risked_notional", "most"),
    constant(SIZING, "risked_notional: uncapped", "mul_div(mul_div(worth, rules[of.RISK_RATE], ONE), price, max(distance, 1)) if distance > 0 else 0"),
    Mutant(SIZING, "risked_notional: no stop, all", "if distance <= 0:\n        return 0", "if distance <= 0:\n        return most"),
    constant(SIZING, "volatility_notional", "most"),
    Mutant(SIZING, "volatility_notional: unknown, all", "    if volatility <= 0:\n        return 0", "    if volatility <= 0:\n        return most"),
    Mutant(SIZING, "volatility_notional: uncapped", "    if mul_div(most, volatility, ONE) <= wanted:\n        return most\n", ""),
    Mutant(SIZING, "full_notional: no share of the worth", "most = mul_div(max(worth, 0), rules[of.SIZE_RATE], ONE)", "most = max(worth, 0)"),
    Mutant(SIZING, "full_notional: no risk", "if method == SIZE_RISK:", "if False:"),
    Mutant(SIZING, "full_notional: no volatility", "if method == SIZE_VOLATILITY:", "if False:"),
    Mutant(SIZING, "full_notional: no Kelly", "if method == SIZE_KELLY and", "if False and"),
    Mutant(SIZING, "full_notional: Kelly from the first trip", "if method == SIZE_KELLY and wins + losses >= rules[of.KELLY_TRADES]:", "if method == SIZE_KELLY:"),
    Mutant(SIZING, "full_notional: Kelly a trip later", "wins + losses >= rules", "wins + losses > rules"),
    Mutant(SIZING, "full_notional: Kelly uncapped", "return min(most, mul_div(max(worth, 0), rate, ONE))", "return mul_div(max(worth, 0), rate, ONE)"),
    Mutant(SIZING, "quantity_for: no share", "notional = mul_div(notional, share, ONE)", "pass"),
    Mutant(SIZING, "quantity_for: no lot", "return step_down(mul_div(mul_div(notional, weight, ONE), one, price), lot)", "return mul_div(mul_div(notional, weight, ONE), one, price)"),
    constant(SIZING, "within_dead_band", "False"),
    Mutant(SIZING, "within_dead_band: at its edge", "abs(wanted - held) <= mul_div", "abs(wanted - held) < mul_div"),
    # Swaps
    constant(SWAP, "expected_gain", "0"),
    Mutant(SWAP, "expected_gain: sure", "rules[of.SWAP_MULTIPLE], ONE), confidence, price)", "rules[of.SWAP_MULTIPLE], ONE), ONE, price)"),
    constant(SWAP, "worth_swapping", "False"),
    constant(SWAP, "worth_swapping: always", "True"),
    Mutant(SWAP, "worth_swapping: one trade", "2 * (rules", "1 * (rules"),
    Mutant(SWAP, "worth_swapping: no slippage", "(rules[of.TAKER_RATE] + rules[of.SLIP_RATE])", "rules[of.TAKER_RATE]"),
    Mutant(SWAP, "worth_swapping: at the costs", "gain - weakest > 2", "gain - weakest >= 2"),
    # Portfolio risk. `is_limited`, `may_be_high` and the early returns of `too_much_at_risk` only save time where they tell
    # that nothing can happen: always asking is the same run, so that they are inverted, or made to tell it wrongly.
    constant(CORRELATION, "gaps_in", "0"),
    Mutant(CORRELATION, "whole_sums: an odd bar is left out", "if first + 2 * half < end:", "if False:"),
    Mutant(CORRELATION, "correlation: two pairs are enough", "if n < _LEAST_PAIRS:", "if n < 2:"),
    constant(VAR, "worst_loss", "0.0"),
    Mutant(VAR, "worst_loss: of the last bar", "worst = max(worst, work[i])", "worst = max(0.0, work[i])"),
    constant(APPROVE, "is_limited", "False"),
    Mutant(APPROVE, "is_limited: not for a symbol", "rates = rules[of.MAX_SYMBOL_RATE] + ", "rates = "),
    Mutant(APPROVE, "is_limited: not for a wallet", "rates = rules[of.MAX_SYMBOL_RATE] + rules[of.MAX_WALLET_RATE] +", "rates = rules[of.MAX_SYMBOL_RATE] +"),
    Mutant(APPROVE, "is_limited: not for gross", "rules[of.MAX_WALLET_RATE] + rules[of.MAX_GROSS_RATE]\n", "rules[of.MAX_WALLET_RATE]\n"),
    Mutant(APPROVE, "is_limited: not for a correlation", "rates + rules[of.MAX_CORRELATION] +", "rates +"),
    Mutant(APPROVE, "is_limited: not for VaR", "rules[of.MAX_CORRELATION] + rules[of.MAX_VAR_RATE] +", "rules[of.MAX_CORRELATION] +"),
    Mutant(APPROVE, "is_limited: not for CVaR", "rules[of.MAX_VAR_RATE] + rules[of.MAX_CVAR_RATE] > 0)", "rules[of.MAX_VAR_RATE] > 0)"),
    constant(APPROVE, "take_exposures", "None"),
    Mutant(APPROVE, "too_much_at_risk: harmless where it is not", "if whole <= least:", "if whole >= least:"),
    Mutant(APPROVE, "too_much_at_risk: the worst is harmless where it is not", "work.scenarios, n)) <= least:", "work.scenarios, n)) >= least:"),
    # Where the limits are asked
    Mutant(APPROVE, "wanted: a sold part is bought back", "if book.position[s, CAP] > 0 and weight", "if False and weight"),
    Mutant(APPROVE, "wanted: a cap for ever", "book.position[s, CAP] > 0 and weight == book.position[s, WEIGHT]:", "book.position[s, CAP] > 0:"),
    Mutant(APPROVE, "risked_distance: no stop of its own", "if 0 < stop < price:", "if False:"),
    Mutant(APPROVE, "risked_distance: a stop above the price", "if 0 < stop < price:", "if 0 < stop:"),
    constant(APPROVE, "risked_distance", "0"),
    Mutant(APPROVE, "increase: nothing forbidden", "if forbidden(bar, s, market, book, log, rules, steps):", "if False:"),
    Mutant(APPROVE, "forbidden: not by a breaker", "if purse[row, TRIPPED_BY] != 0:", "if False:"),
    Mutant(APPROVE, "forbidden: not by what stops the wallet", "    if row >= 0:\n", "    if False:\n"),
    Mutant(APPROVE, "forbidden: not by a streak", "if purse[w, COOL_UNTIL] > close_ms:", "if False:"),
    Mutant(APPROVE, "forbidden: a bar longer by a streak", "if purse[w, COOL_UNTIL] > close_ms:", "if purse[w, COOL_UNTIL] >= close_ms:"),
    Mutant(APPROVE, "forbidden: not by confidence", "if too_uncertain(confidence, rules):", "if False:"),
    Mutant(APPROVE, "forbidden: not by age", "if too_stale(age, rules):", "if False:"),
    Mutant(APPROVE, "forbidden: the first bar is old", "if before >= 0 else 0", "if before >= 0 else close_ms"),
    Mutant(APPROVE, "tightest_room: no symbol", "room = room_under(rules[of.MAX_SYMBOL_RATE], purse[last, WORTH], in_symbol)", "room = NO_LIMIT"),
    Mutant(APPROVE, "tightest_room: no wallet", "left = room_under(rules[of.MAX_WALLET_RATE], purse[steps[s, WALLET], WORTH], in_wallet)", "left = NO_LIMIT"),
    Mutant(APPROVE, "tightest_room: no gross", "left = room_under(rules[of.MAX_GROSS_RATE], purse[last, WORTH], in_all)", "left = NO_LIMIT"),
    Mutant(APPROVE, "tightest_room: a symbol in its wallet only", "if steps[other, SYMBOL] == steps[s, SYMBOL]:\n            in_symbol", "if other == s:\n            in_symbol"),
    Mutant(APPROVE, "tightest_room: a wallet's symbol only", "if steps[other, WALLET] == steps[s, WALLET]:\n            in_wallet", "if other == s:\n            in_wallet"),
    Mutant(APPROVE, "tightest_room: a wallet of the account", "purse[steps[s, WALLET], WORTH], in_wallet", "purse[last, WORTH], in_wallet"),
    Mutant(APPROVE, "increase: room not asked", "if asked > room:", "if False:"),
    Mutant(APPROVE, "increase: cut below the minimum by the room", "if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            refuse(bar, s, rule, asked", "if raised > 0 or quantity <= 0:\n            refuse(bar, s, rule, asked"),
    Mutant(APPROVE, "increase: raised and cut by the room", "if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            refuse(bar, s, rule, asked", "if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            refuse(bar, s, rule, asked"),
    Mutant(APPROVE, "increase: cut below the minimum by cash", "if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            if cost", "if raised > 0 or quantity <= 0:\n            if cost"),
    Mutant(APPROVE, "increase: raised and cut by cash", "if raised > 0 or quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            if cost", "if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n            if cost"),
    Mutant(APPROVE, "increase: the reserve by another name", "            if cost > free:\n", "            if True:\n"),
    Mutant(APPROVE, "increase: minimum not asked", "if below_minimum(s, quantity, price, rules, steps):\n        raised", "if False:\n        raised"),
    Mutant(APPROVE, "increase: never raised", "raised = raised_quantity(s, price, lot, rules, steps)", "raised = 0"),
    Mutant(APPROVE, "increase: no reserve", "reserve = reserve_of(book.wallet[w, WORTH], rules)", "reserve = 0"),
    Mutant(APPROVE, "increase: reserve not kept for the fill", "book.wallet[w, RESERVE] = reserve", "pass"),
    Mutant(APPROVE, "increase: cash not asked", "if cost > free - reserve:", "if False:"),
    Mutant(APPROVE, "increase: cash without its reserve", "if cost > free - reserve:", "if cost > free:"),
    Mutant(APPROVE, "increase: correlation not asked", "if rules[of.MAX_CORRELATION] > 0 and held == 0", "if False and held == 0"),
    Mutant(APPROVE, "increase: correlation asked of an increase", "if rules[of.MAX_CORRELATION] > 0 and held == 0 and", "if rules[of.MAX_CORRELATION] > 0 and"),
    Mutant(APPROVE, "like_another: like itself", "if steps[other, SYMBOL] == steps[s, SYMBOL] or", "if other == s or"),
    Mutant(APPROVE, "like_another: like what nobody holds", " or work.exposed[other] == 0:", ":"),
    Mutant(APPROVE, "increase: VaR not asked", "if rules[of.MAX_VAR_RATE] + rules[of.MAX_CVAR_RATE] > 0:", "if False:"),
    Mutant(APPROVE, "too_much_at_risk: no VaR", "if beyond(rate_of(var), var_limit):", "if False:"),
    Mutant(APPROVE, "too_much_at_risk: no CVaR", "if beyond(rate_of(cvar), cvar_limit):", "if False:"),
    Mutant(APPROVE, "too_much_at_risk: without the order", "        if other == s:\n            value += cost\n", ""),
    Mutant(APPROVE, "too_much_at_risk: harmless up to the larger limit", "least = min(var_limit, cvar_limit)", "least = max(var_limit, cvar_limit)"),
    Mutant(APPROVE, "too_much_at_risk: harmless beside what is held", "            whole += value\n", "            whole = value\n"),
    Mutant(APPROVE, "increase: room of the whole limit", "most = cost_of(price, quantity, one) if room < NO_LIMIT else NO_LIMIT", "most = room"),
    Mutant(APPROVE, "increase: a leg at a price of its own", "if steps[s, OTHER_LEG] < 0 else (MARKET, 0)", "if True else (MARKET, 0)"),
    Mutant(APPROVE, "increase: sized from the close", "entry = mark(bar, s, market, steps) if kind == MARKET else at", "entry = mark(bar, s, market, steps)"),
    # What orders and holdings count for
    Mutant(VALUE, "exposed: orders not counted", "        value += cost_of(price, book.position[s, ORDER_QUANTITY], one)", "        value += 0"),
    Mutant(VALUE, "exposed: sales not counted", "        held -= book.position[s, ORDER_QUANTITY]", "        held -= 0"),
    Mutant(VALUE, "ordered_price: at the close", "    if kind == LIMIT:\n        return int(at)\n    if kind == MARKET:", "    if True:"),
    Mutant(VALUE, "expected_cash: orders not counted", "            free += ordered_cash(bar, s, market, book, rules, steps)", "            free += 0"),
    Mutant(VALUE, "expected_cash: of every wallet", "        if steps[s, WALLET] == w:\n            free +=", "        if True:\n            free +="),
    # What a close changes
    Mutant(WATCH, "take_levels: no stop", "            if stop > 0:\n", "            if False:\n"),
    Mutant(WATCH, "take_levels: no target", "            if take > 0:\n", "            if False:\n"),
    Mutant(WATCH, "take_levels: not armed", "            if stop + take > 0:\n", "            if False:\n"),
    constant(WATCH, "own_level", "0"),
    constant(WATCH, "own_keep", "-1"),
    constant(WATCH, "measured_atr", "0"),
    constant(WATCH, "raise_trail", "None"),
    Mutant(WATCH, "raise_trail: may fall", "if level > position[s, TRAIL_ATR]:", "if level > 0:"),
    Mutant(WATCH, "endangered: no growth", "    if at_entry > 0:\n", "    if False:\n"),
    Mutant(WATCH, "endangered: no share", "    if rules[of.HIGH_SHARE_RATE] > 0:\n", "    if False:\n"),
    Mutant(WATCH, "must_close: not by the wallet", "book.wallet[w, CLOSING] != 0 or book.wallet[last, CLOSING] != 0", "book.wallet[last, CLOSING] != 0"),
    Mutant(WATCH, "must_close: not by the account", "book.wallet[w, CLOSING] != 0 or book.wallet[last, CLOSING] != 0", "book.wallet[w, CLOSING] != 0"),
    Mutant(WATCH, "stopped_by: not by the account", "    if purse[last, TRIPPED_BY] != 0 or purse[last, CLOSING] != 0:\n        return last\n", ""),
    Mutant(WATCH, "stopped_by: not by the wallet", "    if purse[w, TRIPPED_BY] != 0 or purse[w, CLOSING] != 0:\n        return int(w)\n", ""),
    Mutant(WATCH, "stopped_by: not by the account's kill switch", "purse[last, TRIPPED_BY] != 0 or purse[last, CLOSING] != 0", "purse[last, TRIPPED_BY] != 0"),
    Mutant(WATCH, "stopped_by: not by the wallet's kill switch", "purse[w, TRIPPED_BY] != 0 or purse[w, CLOSING] != 0", "purse[w, TRIPPED_BY] != 0"),
    Mutant(WATCH, "stopped_by: not by the account's breaker", "purse[last, TRIPPED_BY] != 0 or purse[last, CLOSING] != 0", "purse[last, CLOSING] != 0"),
    Mutant(WATCH, "stopped_by: not by the wallet's breaker", "purse[w, TRIPPED_BY] != 0 or purse[w, CLOSING] != 0", "purse[w, CLOSING] != 0"),
    constant(EXITS, "open_loss", "0"),
    constant(EXITS, "may_be_high", "False"),
    Mutant(EXITS, "may_be_high: where it is not", "rules[of.HIGH_LOSS_POINTS] >= rest", "rules[of.HIGH_LOSS_POINTS] < rest"),
    Mutant(EXITS, "may_be_high: at a loss only", "    if rest <= 0:\n        return True\n", ""),
    Mutant(EXITS, "may_be_high: the loss alone", "- rules[of.HIGH_ATR_POINTS] - rules[of.HIGH_SHARE_POINTS]", ""),
    Mutant(EXITS, "may_be_high: beyond only", "rules[of.HIGH_LOSS_POINTS] >= rest", "rules[of.HIGH_LOSS_POINTS] > rest"),
    constant(WATCH, "trip", "None"),
    Mutant(WATCH, "trip: again and again", "    if row[w, TRIPPED_BY] != 0:\n        return\n", ""),
    Mutant(WATCH, "test_breakers: a day never ends", "            if row[w, TRIPPED_BY] == DAILY_LOSS:\n                row[w, TRIPPED_BY] = 0\n    take_stock", "    take_stock"),
    Mutant(WATCH, "test_breakers: a drawdown ends with the day", "            if row[w, TRIPPED_BY] == DAILY_LOSS:\n                row[w, TRIPPED_BY] = 0\n    take_stock", "            row[w, TRIPPED_BY] = 0\n    take_stock"),
    Mutant(WATCH, "test_breakers: the day before is never written", "row[w, DAY_WORTH] = row[w, WORTH]", "pass"),
    Mutant(WATCH, "test_breakers: no peak", "row[w, PEAK] = max(row[w, PEAK], worth)", "pass"),
    Mutant(WATCH, "test_breakers: no daily loss", "elif opens(daily, row[w, DAY_WORTH], worth):", "elif False:"),
    Mutant(WATCH, "test_breakers: no drawdown", "if opens(drawdown, row[w, PEAK], worth):", "if False:"),
    Mutant(WATCH, "test_breakers: daily outlives drawdown", "            # It outlives the day: a daily breaker gives way to it.\n            if row[w, TRIPPED_BY] == DAILY_LOSS:\n                row[w, TRIPPED_BY] = 0\n", ""),
    Mutant(WATCH, "test_breakers: never closes", "            if rules[of.CLOSES] != 0:\n", "            if False:\n"),
    Mutant(WATCH, "test_breakers: always closes", "            if rules[of.CLOSES] != 0:\n", "            if True:\n"),
    Mutant(WATCH, "test_breakers: daily rates swapped", "rules[of.ALL_DAILY_RATE] if w == last else rules[of.WALLET_DAILY_RATE]", "rules[of.ALL_DAILY_RATE]"),
    Mutant(WATCH, "test_breakers: drawdown rates swapped", "rules[of.ALL_DRAWDOWN_RATE] if w == last else rules[of.WALLET_DRAWDOWN_RATE]", "rules[of.ALL_DRAWDOWN_RATE]"),
    # What happens inside a bar
    Mutant(FILL, "payable: no room", "    if cost > room:\n        quantity = affordable", "    if False:\n        quantity = affordable"),
    Mutant(FILL, "payable: all within cash", "if cost <= room and cost + fee_of(cost, rate) <= free:", "if cost + fee_of(cost, rate) <= free:"),
    Mutant(FILL, "payable: all within the room", "if cost <= room and cost + fee_of(cost, rate) <= free:", "if cost <= room:"),
    Mutant(FILL, "payable: no reserve", "free = book.wallet[w, CASH] - book.wallet[w, RESERVE]", "free = book.wallet[w, CASH]"),
    Mutant(FILL, "payable: cut below the minimum", "if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):\n        return 0\n    return int(quantity)", "if quantity <= 0:\n        return 0\n    return int(quantity)"),
    Mutant(HOLDING, "protect_entry: no stop", "fixed = stop_level(price, rules[of.STOP_RATE], tick)", "fixed = 0"),
    Mutant(HOLDING, "protect_entry: no ATR stop", "tighter_stop(fixed, atr_stop(price, atr, rules[of.STOP_MULTIPLE], tick))", "fixed"),
    Mutant(HOLDING, "protect_entry: no target", "= target_level(price, rules[of.TARGET_RATE], tick)", "= 0"),
    Mutant(HOLDING, "protect_entry: no micro-profit", "= paying_level(price, rules[of.MICRO_RATE], rules[of.MICRO_SLIP], tick)", "= 0"),
    Mutant(HOLDING, "protect_entry: no partial target", "= target_level(price, rules[of.PARTIAL_RATE], tick)", "= 0"),
    Mutant(HOLDING, "protect_entry: no trailing from the entry", "position[s, TRAIL_HIGH] = price", "pass"),
    Mutant(HOLDING, "protect_entry: no ATR trailing stop", "= atr_stop(price, atr, rules[of.TRAIL_MULTIPLE], tick)", "= 0"),
    Mutant(HOLDING, "protect_entry: no stop of its own", "position[s, STOP_OWN] = position[s, ORDER_STOP]", "pass"),
    Mutant(HOLDING, "protect_entry: no target of its own", "position[s, TARGET_OWN] = position[s, ORDER_TARGET]", "pass"),
    Mutant(HOLDING, "protect_entry: nothing kept", "position[s, KEEP_OWN] = position[s, ORDER_KEEP]", "position[s, KEEP_OWN] = -1"),
    Mutant(HOLDING, "protect_entry: no entry range", "position[s, ENTRY_ATR] = atr", "pass"),
    Mutant(HOLDING, "protect_entry: no entry time", "position[s, ENTRY_MS] = open_ms", "pass"),
    Mutant(FILL, "fill_entry: slots not asked", "if was_flat and no_slot(book.account[POSITIONS], rules):", "if False:"),
    Mutant(FILL, "fill_entry: room by another name", "        if asked > room:\n", "        if False:\n"),
    Mutant(FILL, "fill_entry: reserve by another name", "        elif whole <= book.wallet[w, CASH]:\n", "        elif False:\n"),
    Mutant(FILL, "fill_entry: a limit pays as a taker", "rate = rules[of.MAKER_RATE] if kind == LIMIT else rules[of.TAKER_RATE]", "rate = rules[of.TAKER_RATE]"),
    Mutant(HOLDING, "take_weight: a cap outlives its level", "ORDER_WEIGHT]\n        position[s, CAP] = 0\n", "ORDER_WEIGHT]\n"),
    Mutant(HOLDING, "buy_in: sized for nothing", "    take_weight(s, book)\n    if was_flat", "    if was_flat"),
    Mutant(LEVELS, "may_sell: a part below the minimum", "quantity == held or not below_minimum(s, quantity, price, rules, steps)", "True"),
    Mutant(LEVELS, "may_sell: nothing", "quantity > 0 and (quantity", "(quantity"),
    Mutant(LEVELS, "may_sell: all below the minimum stays", "quantity == held or not below_minimum", "not below_minimum"),
    constant(LEVELS, "own_kept", "held"),
    Mutant(LEVELS, "own_kept: a level that is higher", "    if keep >= weight:\n        return held\n", ""),
    constant(LEVELS, "is_high_ours", "True"),
    Mutant(LEVELS, "is_high_ours: not after a trigger", " or book.position[s, ORDER_KIND] != LIMIT)", ")"),
    Mutant(LEVELS, "end_bar: no new high", "if follows > 0 and high > position", "if False and high > position"),
    Mutant(LEVELS, "end_bar: a high before the entry", " and high_is_ours and position", " and position"),
    Mutant(LEVELS, "levels_of: no fixed stop", "    fixed = fixed_stop(s, book)\n", "    fixed = 0\n"),
    Mutant(LEVELS, "levels_of: no trailing stop", "trail = trailing_stop(s, book, rules, tick)", "trail = 0"),
    Mutant(ARM, "fixed_stop: not the strategy's", "tighter_stop(book.position[s, STOP], book.position[s, STOP_OWN])", "book.position[s, STOP]"),
    Mutant(ARM, "fixed_stop: not the rules'", "tighter_stop(book.position[s, STOP], book.position[s, STOP_OWN])", "book.position[s, STOP_OWN]"),
    Mutant(ARM, "trailing_stop: not by percent", "return tighter_stop(by_rate, book.position[s, TRAIL_ATR])", "return book.position[s, TRAIL_ATR]"),
    Mutant(ARM, "trailing_stop: not by ATR", "return tighter_stop(by_rate, book.position[s, TRAIL_ATR])", "return by_rate"),
    Mutant(LEVELS, "levels_of: no break-even", "tighter_stop(tighter_stop(fixed, trail), position[s, BREAK_EVEN])", "tighter_stop(fixed, trail)"),
    Mutant(ARM, "ending_target: not the rule's", "return tighter_target(position[s, TARGET], own)", "return own"),
    Mutant(ARM, "ending_target: not its own", "return tighter_target(position[s, TARGET], own)", "return position[s, TARGET]"),
    Mutant(LEVELS, "levels_of: no micro-profit", "tighter_target(others, position[s, MICRO])", "others"),
    Mutant(LEVELS, "levels_of: no partial target", "MICRO]), position[s, PARTIAL], own", "MICRO]), 0, own"),
    Mutant(LEVELS, "levels_of: no part of its own", "position[s, PARTIAL], own", "position[s, PARTIAL], 0"),
    Mutant(LEVELS, "levels_of: a part of what this bar bought", " and position[s, ADDED] == 0 else 0", " else 0"),
    Mutant(LEVELS, "levels_of: a high before the entry", "    if not high_is_ours:\n", "    if False:\n"),
    Mutant(FILL, "leave: partial before its own", "if own_reached and (part == 0 or own_part <= part):", "if False:"),
    Mutant(LEVELS, "is_part_reached: beyond the target", " and (target == 0 or level < target))", ")"),
    constant(LEVELS, "is_part_reached", "False"),
    Mutant(FILL, "leave: partial again and again", "        position[s, PARTIAL] = 0\n        quantity", "        quantity"),
    Mutant(LEVELS, "part_kept: sells all", "mul_div(held, rules[of.PARTIAL_SHARE], ONE)", "held"),
    Mutant(FILL, "leave: partial is bought back", "            position[s, CAP] = position[s, QUANTITY]\n", "            pass\n"),
    Mutant(FILL, "leave: micro-profit as a limit", "        if reason != BY_MICRO:\n", "        if True:\n"),
    Mutant(FILL, "leave: enters again at once", "    sell(bar, s, quantity, price, rate, kind, reason, market, book, log, rules, steps)\n    position[s, TRIPPED] = 1", "    sell(bar, s, quantity, price, rate, kind, reason, market, book, log, rules, steps)"),
    constant(FILL, "leaves_first", "False"),
    Mutant(FILL, "leaves_first: not where it opens at its stop", "if start <= floor or (low <= floor and at < floor):", "if low <= floor and at < floor:"),
    Mutant(FILL, "leaves_first: at a stop where the limit is", "low <= floor and at < floor", "low <= floor and at <= floor"),
    Mutant(FILL, "leaves_first: not at a target", "return bool(target > 0 and high >= target)", "return False"),
    Mutant(ARM, "ending_target: a part ends it", "own = position[s, TARGET_OWN] if position[s, KEEP_OWN] < 0 else 0", "own = position[s, TARGET_OWN]"),
    Mutant(FILL, "leaves_first: not at the micro-profit", "tighter_target(ending_target(s, book), position[s, MICRO])", "ending_target(s, book)"),
    Mutant(FILL, "leaves_first: not at a stop on the way", "if start <= floor or (low <= floor and at < floor):", "if start <= floor:"),
    constant(LEVELS, "follow_high", "None"),
    Mutant(LEVELS, "follow_high: no break-even", "level = break_even_level(position[s, ENTRY_PRICE], high, rules, tick)", "level = 0"),
    Mutant(LEVELS, "follow_high: not armed", "if rules[of.TRAIL_RATE] + rules[of.BREAK_EVEN_RATE] > 0:", "if False:"),
    Mutant(FILL, "can_trade: a leg alone", "return bool(has_bar(bar, other, market))", "return True"),
    Mutant(FILL, "can_trade: protection waits for a leg", "if other < 0 or not is_wish(s, book):", "if other < 0:"),
    Mutant(FILL, "fill: a sale leaves its level", "                take_weight(s, book)\n", ""),
    # What a decision asks
    Mutant(DECIDE, "closes_at: the trailing stop stays", "    if rules[of.TRAIL_MULTIPLE] > 0:\n        raise_trail", "    if False:\n        raise_trail"),
    constant(DECIDE, "waits_in_vain", "True"),
    constant(DECIDE, "waits_in_vain: never", "False"),
    Mutant(DECIDE, "look: orders rest for ever", "has_bar(bar, s, market) or waits_in_vain(", "waits_in_vain("),
    Mutant(DECIDE, "waits_in_vain: sales do not wait", "    position = book.position\n    if position[s, ORDER_SIDE] < 0:\n        return False\n    purse", "    position = book.position\n    purse"),
    Mutant(DECIDE, "waits_in_vain: behind a breaker", "if stopped_by(w, book) >= 0 or purse", "if purse"),
    Mutant(DECIDE, "waits_in_vain: while cooling down", "stopped_by(w, book) >= 0 or purse[w, COOL_UNTIL] > close_ms:", "stopped_by(w, book) >= 0:"),
    Mutant(DECIDE, "waits_in_vain: waits for ever", "return too_stale(close_ms - position[s, ORDER_MS], rules)", "return False"),
    Mutant(DECIDE, "look: nothing must close", "                reason = closes_at(bar, s, market, book, rules, steps)\n", "                pass\n"),
    Mutant(DECIDE, "look: what a rule closed enters again", "                position[s, TRIPPED] = 1\n", ""),
    Mutant(DECIDE, "look: what let go stays out", "                if target <= 0.0:\n                    position[s, TRIPPED] = 0\n", ""),
    Mutant(DECIDE, "look: tripped rows enter", "            elif position[s, TRIPPED] != 0:\n                continue\n", ""),
    Mutant(DECIDE, "look: tripped for ever", "            if position[s, TRIPPED] != 0:\n                position[s, TRIPPED] = 0\n", ""),
    Mutant(DECIDE, "look: always rebalanced", "if rules[of.REBALANCE] == 0 and weight_of(target) == position[s, WEIGHT]:", "if False:"),
    Mutant(DECIDE, "look: never rebalanced", "if rules[of.REBALANCE] == 0 and weight_of(target) == position[s, WEIGHT]:", "if weight_of(target) == position[s, WEIGHT]:"),
    Mutant(DECIDE, "taken_slots: sales free none", "            taken -= 1\n", "            taken -= 0\n"),
    Mutant(DECIDE, "taken_slots: a part frees one", "if side < 0 and book.position[s, ORDER_QUANTITY] == held:", "if side < 0:"),
    Mutant(DECIDE, "taken_slots: waiting entries take none", "            taken += 1\n", "            taken += 0\n"),
    Mutant(DECIDE, "reduce: no dead band", "if within_dead_band(size, held, rules):", "if size == held:"),
    Mutant(DECIDE, "reduce: a cap outlives its level", "                position[s, CAP] = 0\n            position[s, WEIGHT] = weight\n", "                pass\n            position[s, WEIGHT] = weight\n"),
    Mutant(DECIDE, "reduce: below the minimum", "if size > 0 and below_minimum(s, held - size, price, rules, steps):", "if False:"),
    Mutant(DECIDE, "reduce: an exit has a minimum", "if size > 0 and below_minimum(s, held - size, price, rules, steps):", "if below_minimum(s, held - size, price, rules, steps):"),
    Mutant(DECIDE, "reduce: one reason", "reason = BY_STRATEGY if weight != position[s, WEIGHT] else BY_REBALANCE", "reason = BY_STRATEGY"),
    Mutant(DECIDE, "weakest_of: the strongest", "if weakest < 0 or gain < least:", "if weakest < 0 or gain > least:"),
    Mutant(DECIDE, "weakest_of: of any wallet", " or steps[s, WALLET] != w or position[s, ORDER_SIDE] != 0:", " or position[s, ORDER_SIDE] != 0:"),
    Mutant(DECIDE, "weakest_of: what is sold already", " or steps[s, WALLET] != w or position[s, ORDER_SIDE] != 0:", " or steps[s, WALLET] != w:"),
    Mutant(DECIDE, "weakest_of: a leg", "if steps[s, OTHER_LEG] >= 0 or not has_bar(bar, s, market):", "if not has_bar(bar, s, market):"),
    Mutant(DECIDE, "weakest_of: without a bar", "if steps[s, OTHER_LEG] >= 0 or not has_bar(bar, s, market):", "if steps[s, OTHER_LEG] >= 0:"),
    Mutant(DECIDE, "swap: whatever it earns", "    if not worth_swapping(gain_of(bar, s, market, rules, steps), least, rules):\n        return 0, NOT_TRIED\n", ""),
    Mutant(DECIDE, "swap: sold for nothing", "        drop_order(weakest, book)\n        return spent, refused\n", "        return spent, refused\n"),
    Mutant(DECIDE, "swap: bought back", "    book.position[weakest, TRIPPED] = 1\n", ""),
    constant(DECIDE, "may_swap", "False"),
    Mutant(DECIDE, "may_swap: only where it is not worth it", "    return worth_swapping(gain_of(bar, s, market, rules, steps), 0, rules)\n", "    return not worth_swapping(gain_of(bar, s, market, rules, steps), 0, rules)\n"),
    Mutant(DECIDE, "may_swap: legs too", "if rules[of.SWAP_MULTIPLE] == 0 or steps[s, OTHER_LEG] >= 0:", "if rules[of.SWAP_MULTIPLE] == 0:"),
    Mutant(DECIDE, "buy: slots not asked", "if was_flat and no_slot(slots, rules):", "if False:"),
    Mutant(DECIDE, "buy: increases need a slot", "if was_flat and no_slot(slots, rules):", "if no_slot(slots, rules):"),
    Mutant(DECIDE, "buy: slots not counted", "                slots += 1\n", "                slots += 0\n"),
    Mutant(DECIDE, "buy: a swap takes a slot more", "                    slots -= 1\n", "                    slots -= 0\n"),
    Mutant(DECIDE, "buy: cash not counted", "            free -= spent\n", "            free -= 0\n"),
    Mutant(DECIDE, "buy: a weakest that is sold", "            free -= spent\n            weakest = -2\n", "            free -= spent\n"),
    Mutant(DECIDE, "buy: cash of a swap not counted", "                    spent = taken\n", "                    pass\n"),
    Mutant(DECIDE, "buy: too little cash is not told", "        elif refused == NO_CASH:\n", "        elif False:\n"),
    Mutant(DECIDE, "buy: legs open beside the others", "        if legs_open and steps[s, OTHER_LEG] < 0:\n", "        if False:\n"),
    Mutant(DECIDE, "buy: cash of lone legs is gone", "            legs_open = False\n            purse = -1\n", "            legs_open = False\n"),
    Mutant(DECIDE, "buy: slots of lone legs are gone", "            purse = -1\n            slots = taken_slots(book) if rules[of.MAX_POSITIONS] > 0 else 0\n", "            purse = -1\n"),
    Mutant(DECIDE, "buy: lone legs after the others", "    if legs_open:\n        drop_lone_legs", "    if False:\n        drop_lone_legs"),
    Mutant(DECIDE, "queue_up: legs in their row's turn", "(steps[s, OTHER_LEG] >= 0) == (turn == 1)", "turn == 1"),
    Mutant(DECIDE, "buy: one purse for all", "            purse = steps[s, WALLET]\n            counted = False\n", "            purse = steps[s, WALLET]\n"),
    Mutant(DECIDE, "buy: what a swap sold is bought", "        if position[s, ORDER_SIDE] != 0:\n            # Sold in a swap for an earlier row of this loop.\n            continue\n", ""),
    Mutant(DECIDE, "buy: a taken slot is not told", "        elif refused == MAX_POSITIONS:\n", "        elif False:\n"),
    Mutant(DECIDE, "decide: levels not taken", "    if switches.stated:\n", "    if False:\n"),
    Mutant(DECIDE, "decide: breakers not asked", "    if switches.watching:\n", "    if False:\n"),
    Mutant(DECIDE, "decide: spent legs stay", "        drop_spent_legs(bar, market, book, work, steps)\n", "        pass\n"),
    Mutant(DECIDE, "decide: stock not taken", "            take_stock(bar, market, book, steps)\n", "            pass\n"),
    Mutant(DECIDE, "decide: no shares", "        if rules[of.SHARE_METHOD] > 0:\n", "        if False:\n"),
    Mutant(DECIDE, "decide: lone legs where nothing is bought", "    elif switches.legs:\n        drop_lone_legs", "    elif False:\n        drop_lone_legs"),
    Mutant(SHARE, "allocate: equal is whole", "ONE // count", "ONE"),
    Mutant(SHARE, "allocate: parity is whole", "int(work.weights[i] * 1e8)", "ONE"),
    Mutant(SHARE, "allocate: performance is whole", "= work.shares[i]", "= ONE"),
    Mutant(SHARE, "is_wanted: what a rule closed takes part", "    if book.position[s, TRIPPED] != 0 and not held:\n        return False\n", ""),
    Mutant(SHARE, "is_wanted: the silent take no part", "return bool(target > 0.0 or (held and not target <= 0.0))", "return bool(target > 0.0)"),
    Mutant(SHARE, "allocate: of every wallet", "if steps[s, WALLET] == w and is_wanted", "if is_wanted"),
    # What a fill counts for
    Mutant(BOOKING, "close_trip: no wins", "        book.wallet[w, WINS] += 1\n", ""),
    Mutant(BOOKING, "close_trip: no losses", "        book.wallet[w, LOSSES] += 1\n", ""),
    Mutant(BOOKING, "close_trip: no win rates", "book.wallet[w, WIN_RATES] += mul_div(result, ONE, max(cost, 1))", "pass"),
    Mutant(BOOKING, "close_trip: no loss rates", "book.wallet[w, LOSS_RATES] += mul_div(-result, ONE, max(cost, 1))", "pass"),
    Mutant(BOOKING, "close_trip: no streak", "losses = streak_after(book.wallet[w, LOSSES_IN_ROW], result)", "losses = 0"),
    Mutant(BOOKING, "close_trip: no cool-down", "    if cools_down(losses, streak):\n", "    if False:\n"),
    Mutant(BOOKING, "close_trip: a cool-down of no time", "book.wallet[w, COOL_UNTIL] = close_ms + cool_ms", "book.wallet[w, COOL_UNTIL] = close_ms"),
    Mutant(BOOKING, "close_trip: the streak goes on", "        losses = 0\n    book.wallet", "    book.wallet"),
    Mutant(BOOKING, "close_trip: a streak is not told", "        note(bar, w, LOSING_STREAK, losses, streak, book, log)\n", ""),
    Mutant(BOOKING, "close_trip: fees are no loss", "result = position[s, TRIP_SOLD] - cost - position[s, TRIP_FEES]", "result = position[s, TRIP_SOLD] - cost"),
    Mutant(BOOKING, "close_trip: results of rows", "    position[s, TRIPS_RESULT] += result\n", ""),
    Mutant(BOOKING, "close_trip: trips of rows", "    position[s, TRIPS] += 1\n", ""),
    Mutant(BOOKING, "close_trip: costs of rows", "    position[s, TRIPS_BOUGHT] += cost\n", ""),
    Mutant(BOOKING, "book_fill: bars that add are forgotten", "        position[s, ADDED] = 1\n", ""),
    Mutant(BOOKING, "book_fill: cash of the first wallet", "book.wallet[steps[s, WALLET], CASH] -= paid", "book.wallet[0, CASH] -= paid"),
    constant(BOOKING, "is_counted", "False"),
    Mutant(BOOKING, "is_counted: not for a streak", "if rules[of.STREAK] > 0 or", "if"),
    Mutant(BOOKING, "is_counted: not for Kelly", " or rules[of.SIZE_METHOD] == SIZE_KELLY:", ":"),
    Mutant(BOOKING, "is_counted: not for shares", "return bool(rules[of.SHARE_METHOD] == SHARE_PERFORMANCE)", "return False"),
    # What a venue reports
    constant(SETTLE, "settle", "None"),
    Mutant(SETTLE, "settle: its entry in the bar before", "began = max(open_ms, position[s, ORDER_MS])\n        buy_in", "began = open_ms\n        buy_in"),
    Mutant(SETTLE, "settle: its exit in the bar before", "began = max(open_ms, position[s, ORDER_MS])\n        take_weight", "took = position[s, ORDER_MS]\n        take_weight"),
    Mutant(SETTLE, "settle: dust stays", "position[s, QUANTITY] += position[s, DUST]", "pass"),
    Mutant(SETTLE, "settle: dust twice", "        position[s, DUST] = 0\n", ""),
    Mutant(SETTLE, "settle: a sale leaves its level", "        take_weight(s, book)\n    book_fill", "    book_fill"),
    Mutant(SETTLE, "settle: what the book ordered trips again", "if ordered or reason in", "if reason in"),
    Mutant(SETTLE, "settle: a wish trips", "if ordered or reason in (BY_STRATEGY, BY_REBALANCE):", "if ordered:"),
    Mutant(SETTLE, "settle: nothing trips", "        position[s, TRIPPED] = 1\n\n\n@part", "        pass\n\n\n@part"),
    Mutant(SETTLE, "settle: a part trips", "    if reason == BY_PARTIAL:\n", "    if False:\n"),
    Mutant(SETTLE, "settle: of another order", "position[s, ORDER_SIDE] < 0 and position[s, ORDER_REASON] == reason", "position[s, ORDER_SIDE] < 0"),
    constant(SETTLE, "waited", "False"),
    constant(SETTLE, "waited: always", "True"),
    Mutant(SETTLE, "waited: in a bar that is to come", "if open_ms == began and waited(", "if waited("),
    Mutant(SETTLE, "is_dust: less than a lot may be sold", "whole == 0 or below_minimum(s, whole,", "below_minimum(s, quantity,"),
    constant(SETTLE, "is_dust", "True"),
    Mutant(SETTLE, "shelve: dust is lost", "position[s, DUST] += rest", "pass"),
    Mutant(SETTLE, "shelve: its order stays", "    drop_order(s, book)\n    end_position", "    end_position"),
    Mutant(SETTLE, "shelve: the position stays", "    end_position(bar, open_ms, s, book, log, rules, steps)\n", ""),
    Mutant(SETTLE, "sell_off: beside another order", "    drop_order(s, book)\n    order(", "    order("),
    Mutant(SETTLE, "sell_off: may be bought back", "reason, position[s, ORDER_MS], book)\n    position[s, TRIPPED] = 1\n", "reason, position[s, ORDER_MS], book)\n"),
    Mutant(SETTLE, "order_exit: once", "        set_late(row, reason, book)\n", ""),
    Mutant(SETTLE, "settle_fill: more than is held", "(side < 0 and quantity > held)", "False"),
    Mutant(HOLDING, "take_part: the rule's first", "(part == 0 or own <= part)", "part == 0"),
    Mutant(HOLDING, "take_part: its own is for ever", "        position[s, TARGET_OWN] = 0\n        position[s, WEIGHT]", "        position[s, WEIGHT]"),
    Mutant(HOLDING, "take_part: it keeps its level", "        position[s, WEIGHT] = position[s, KEEP_OWN]\n", ""),
    Mutant(HOLDING, "take_part: the rule's is for ever", "        position[s, PARTIAL] = 0\n        position[s, CAP]", "        position[s, CAP]"),
    Mutant(HOLDING, "take_part: no cap", "        position[s, PARTIAL] = 0\n        position[s, CAP] = position[s, QUANTITY]\n", "        position[s, PARTIAL] = 0\n"),
    Mutant(HOLDING, "take_part: pieces leave the cap", "    elif position[s, CAP] > 0:\n", "    elif False:\n"),
    # Exits that no venue makes
    Mutant(LATE, "note_late: what rests at the venue too", "    if rests & STOP_RESTS:\n", "    if False:\n"),
    Mutant(LATE, "note_late: a target that rests too", "    if rests & TARGET_RESTS:\n", "    if False:\n"),
    Mutant(LATE, "note_late: no micro-profit beside a target", "target = position[s, MICRO] if high_is_ours else 0", "target = 0"),
    Mutant(LATE, "note_late: no stop", "        position[s, LATE] = 1 + stop_reason(stop, fixed, trail)\n", ""),
    Mutant(LATE, "note_late: no target", "        position[s, LATE] = 1 + target_reason(target, position[s, MICRO], others)\n", ""),
    constant(LATE, "keep_late", "None"),
    constant(LATE, "part_late", "None"),
    constant(LATE, "left_of", "int(book.position[s, QUANTITY])"),
    Mutant(LATE, "keep_late: it keeps its level", "            position[s, WEIGHT] = position[s, KEEP_OWN]\n", "            pass\n"),
    Mutant(LATE, "part_late: no cap", "        position[s, CAP] = kept\n", ""),
    Mutant(LATE, "find: another reason", "position[s, LATE] == 0 or position[s, LATE] == 1 + BY_PARTIAL", "True"),
    Mutant(LATE, "find: the bar does not end", "        end_bar(s, high, high_is_ours, book, rules, steps[s, TICK])\n", ""),
    Mutant(LATE, "find: from the open", "        start = position[s, INSIDE]\n", "        start = 0\n"),
    Mutant(LATE, "find: an entry outlives its position", "            position[s, INSIDE] = 0\n            position[s, ADDED] = 0\n            continue", "            continue"),
    Mutant(LATE, "sell_part: again and again", "    position[s, LATE] = 0\n    quantity", "    quantity"),
    Mutant(LATE, "sell_part: all", "position[s, QUANTITY] - position[s, LATE_KEEP]", "position[s, QUANTITY]"),
    Mutant(DECIDE, "look: no part is late", "position[s, LATE] != 0 and not target", "False and not target"),
    Mutant(DECIDE, "look: a part before the strategy's wish", "position[s, LATE] != 0 and not target <= 0.0 and", "position[s, LATE] != 0 and"),
    Mutant(WATCH, "must_close: a part ends it", "-1 if late == BY_PARTIAL else late", "late"),
    Mutant(BOOKING, "clear_position: late for ever", "    position[s, LATE] = 0\n", ""),
    Mutant(SWITCHES, "read_switches: nothing late", "        closing += book.position[s, LATE]\n", "        pass\n"),
    # Missed bars
    Mutant(REPLAY, "replay: missed bars are not filled", "if now >= filled and is_busy(book, switches):", "if now >= filled and now >= decided and is_busy(book, switches):"),
    Mutant(REPLAY, "replay: a venue's bars are filled", "if now >= filled and is_busy(book, switches):", "if is_busy(book, switches):"),
    Mutant(REPLAY, "replay: missed bars are decided on", "            if now >= decided:\n", "            if True:\n"),
    # Halts and what was explained
    constant(HALTS, "resume", "None"),
    Mutant(HALTS, "apply_halt: a breaker loses its name", "    if row[TRIPPED_BY] != DRAWDOWN:\n", "    if True:\n"),
    Mutant(HALTS, "apply_halt: a lost day keeps its name", "    if row[TRIPPED_BY] != DRAWDOWN:\n", "    if row[TRIPPED_BY] == 0:\n"),
    Mutant(HALTS, "apply_halt: never closes", "    if close:\n", "    if False:\n"),
    Mutant(HALTS, "resume: a lost day is forgiven", "row[TRIPPED_BY] not in (HALTED, DRAWDOWN) and row[CLOSING] == 0", "row[TRIPPED_BY] == 0 and row[CLOSING] == 0"),
    Mutant(HALTS, "resume: the old peak", "    row[PEAK] = row[WORTH]\n", ""),
    Mutant(HALTS, "resume: the old day", "    row[DAY_WORTH] = row[WORTH]\n", ""),
    Mutant(HALTS, "resume: the old streak", "    row[LOSSES_IN_ROW] = 0\n", ""),
    Mutant(HALTS, "resume: still cooling down", "    row[COOL_UNTIL] = 0\n", ""),
    Mutant(HALTS, "resume: still closing", "    row[CLOSING] = 0\n", ""),
    Mutant(ADJUST, "_move_worth: a deposit is a profit", "row[[WORTH, PEAK, DAY_WORTH]] += amount", "row[[WORTH]] += amount"),
    Mutant(ADJUST, "adjust_cash: the account does not see it", "    book.wallet[-1, CASH] += amount\n", ""),
    Mutant(ADJUST, "adjust_cash: below nothing", "    if cash + amount < 0:\n", "    if False:\n"),
    Mutant(ADJUST, "adjust_holding: below nothing", "    if held + quantity < 0:\n", "    if False:\n"),
    Mutant(ADJUST, "adjust_holding: without a price", "    if price <= 0:\n", "    if False:\n"),
    Mutant(ADJUST, "give: for nothing", "    position[s, TRIP_BOUGHT] += worth\n", ""),
    Mutant(ADJUST, "give: unprotected", "        protect_entry(close_ms, s, price, book, rules, steps)\n", ""),
    Mutant(ADJUST, "give: no position", "        book.account[POSITIONS] += 1\n", ""),
    Mutant(ADJUST, "give: the stop of an old order", "        position[s, ORDER_STOP] = 0\n", ""),
    Mutant(ADJUST, "give: the target of an old order", "        position[s, ORDER_TARGET] = 0\n", ""),
    Mutant(ADJUST, "give: the range of an old order", "        position[s, ORDER_ATR] = 0\n", ""),
    Mutant(ADJUST, "give: dust is a position", "if before == 0 and is_dust(s, quantity + position[s, DUST], price, rules, steps):", "if False:"),
    Mutant(ADJUST, "give: dust beside dust", "is_dust(s, quantity + position[s, DUST],", "is_dust(s, quantity,"),
    Mutant(ADJUST, "give: dust stays", "        position[s, QUANTITY] += position[s, DUST]\n        position[s, DUST] = 0\n", ""),
    Mutant(ADJUST, "take: lost", "    position[s, TRIP_SOLD] += proceeds_of(price, quantity, steps[s, PRICE_ONE])\n", ""),
    Mutant(ADJUST, "take: dust last", "    dust = min(quantity, position[s, DUST])\n", "    dust = 0\n"),
    Mutant(ADJUST, "take: gone but still a position", "        clear_position(s, book)\n", ""),
    Mutant(ADJUST, "take: gone but still to be sold", "        drop_order(s, book)\n", ""),
    Mutant(VALUE, "take_stock: dust is worth nothing", "book.position[s, QUANTITY] + book.position[s, DUST]", "book.position[s, QUANTITY]"),
    # The book as bytes
    Mutant(SNAPSHOT, "pack: the log's counters", "    account[FILLS] = 0\n", ""),
    Mutant(SNAPSHOT, "pack: the log's events", "    account[EVENTS] = 0\n", ""),
    Mutant(SNAPSHOT, "pack: a refusal goes on", "    position[:, LAST_EVENT] = 0\n", ""),
    Mutant(SNAPSHOT, "pack: scratch", "    position[:, CANDIDATE] = 0\n", ""),
    Mutant(SNAPSHOT, "unpack: what is held may go", "elif values[QUANTITY] != 0 or values[DUST] != 0:", "elif values[DUST] != 0:"),
    Mutant(SNAPSHOT, "unpack: dust may go", "elif values[QUANTITY] != 0 or values[DUST] != 0:", "elif values[QUANTITY] != 0:"),
    Mutant(SNAPSHOT, "unpack: rows as they stand", "w * len(symbols_now) + at", "w * len(symbols_then) + at"),
    Mutant(SNAPSHOT, "unpack: orders that are gone count", "    whole.account[ORDERS] = np.count_nonzero(position[:, ORDER_SIDE])\n", ""),
    Mutant(SNAPSHOT, "unpack: other wallets", "    if tuple(wallets_then) != tuple(wallets_now):\n", "    if False:\n"),
    Mutant(SNAPSHOT, "_read: damaged", "hashlib.sha256(raw).digest() != digest or", "False or"),
    Mutant(SNAPSHOT, "_read: any version", "    if version != VERSION:\n", "    if False:\n"),
    # Two legs
    Mutant(LEGS, "drop_spent_legs: one bar is not enough", "(has_bar(bar, s, market) or has_bar(bar, other, market))", "has_bar(bar, s, market)"),
    constant(ORDERS, "is_wish", "book.position[s, ORDER_SIDE] != 0"),
    Mutant(LEGS, "drop_lone_legs: a lone purchase", "if side > 0 or position[other, QUANTITY] > 0:", "if side < 0 and position[other, QUANTITY] > 0:"),
    Mutant(LEGS, "drop_lone_legs: a lone sale", "if side > 0 or position[other, QUANTITY] > 0:", "if side > 0:"),
    Mutant(LEGS, "drop_lone_legs: what is left stays", "if side > 0 or position[other, QUANTITY] > 0:", "if True:"),
    constant(LEGS, "level_legs", "None"),
    Mutant(LEGS, "level_legs: the finer lot", "max(steps[s, LOT], steps[other, LOT])", "min(steps[s, LOT], steps[other, LOT])"),
    Mutant(LEGS, "cut: keeps its room", "if position[s, ORDER_SIDE] > 0 and position[s, ORDER_ROOM] < NO_LIMIT:", "if False:"),
    constant(LEGS, "is_small", "False"),
    Mutant(LEGS, "is_small: nothing is enough", "if quantity > 0 and not below_minimum", "if not below_minimum"),
    Mutant(LEGS, "drop_lone_legs: the other below the minimum", " or is_small(bar, other, market, book, log, rules, steps):", ":"),
    Mutant(LEGS, "drop_lone_legs: costs not asked", "            if gain <= cost:\n", "            if False:\n"),
    Mutant(LEGS, "drop_lone_legs: at the costs", "            if gain <= cost:\n", "            if gain < cost:\n"),
    Mutant(LEGS, "drop_lone_legs: costs of a part", "elif side < 0 and position[s, ORDER_WEIGHT] == 0 and", "elif side < 0 and"),
    Mutant(LEGS, "level_legs: no dead band", "    if within_dead_band(theirs, mine, rules) or within_dead_band(mine, theirs, rules):\n        return\n", ""),
    Mutant(LEGS, "leg_money: no slippage", "sell_price(mark(bar, s, market, steps), rules[of.SLIP_RATE], steps[s, TICK])", "mark(bar, s, market, steps)"),
    Mutant(LEGS, "leg_money: the purchase pays no slippage", "buy_price(mark(bar, other, market, steps), rules[of.SLIP_RATE], steps[other, TICK])", "mark(bar, other, market, steps)"),
    Mutant(LEGS, "leg_money: no fees", "return sold - fee_of(sold, rules[of.TAKER_RATE]), bought + fee_of(bought, rules[of.TAKER_RATE])", "return sold, bought"),
    # What an order carries
    Mutant(ORDERS, "entry_order: no limit", "        if limit > 0.0:\n", "        if False:\n"),
    Mutant(ORDERS, "entry_order: no trigger", "if trigger > 0.0 and held == 0:", "if False:"),
    Mutant(ORDERS, "entry_order: triggers add", "if trigger > 0.0 and held == 0:", "if trigger > 0.0:"),
    Mutant(ORDERS, "equip: room not kept", "position[s, ORDER_ROOM] = room", "position[s, ORDER_ROOM] = 4_000_000_000_000_000_000"),
    Mutant(ORDERS, "equip: rule not kept", "position[s, ORDER_RULE] = rule", "pass"),
    Mutant(ORDERS, "order: time not kept", "position[s, ORDER_MS] = close_ms", "position[s, ORDER_MS] = 0"),
)  # fmt: skip


def test_files(mutant: Mutant, named: list[str], laws: bool) -> list[str]:
    """The tests to run: the engine's, and the rules' own where one of those is broken; what is likeliest to notice first."""
    if named:
        return named
    rooms = ("engine", "risk") if mutant.file.startswith("risk/") else ("engine",)
    found = [path for room in rooms for path in sorted((REPOSITORY / "tests" / room).glob("test_*.py"))]
    found = [path for path in found if "compiled" not in path.name and "deep" not in path.name]
    # Tables first: what draws its scenes at random takes longer than all of them.
    found.sort(key=lambda path: ("never" in path.name) + 2 * ("wallets" in path.name))
    quick = [path for path in found if "laws" not in path.name]
    ordered = quick + [path for path in found if laws and path not in quick]
    return [path.relative_to(REPOSITORY).as_posix() for path in ordered]


def run_tests(room: Path, files: list[str]) -> tuple[int, str]:
    """Return (pytest's exit code, its last lines) in a copy; a run that hangs is a 1."""
    env = {**os.environ, "TRADER_INTERPRET": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(room)}
    # Most of a run would be the loading of plugins that it does not use.
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-o", "addopts=", "-p", "timeout", "-x", "-q", "-p", "no:cacheprovider"]
    options += ["-m", "not deep", "-k", SKIPPED, "--tb=line", "-ra"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *files],
            cwd=room,
            env=env,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, "hung"
    return done.returncode, "\n".join(done.stdout.splitlines()[-8:])


def copies(folder: Path, count: int) -> Iterator[Path]:
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for i in range(count):
        room = folder / str(i)
        for name in NEEDED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, room / name, ignore=ignored)
            else:
                shutil.copy(source, room / name)
        yield room


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="part of a mutant's name or file")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--laws", action="store_true", help="run the laws too, after the others")
    parser.add_argument("--tests", nargs="+", default=[], metavar="FILE", help="run these instead, as tests/engine/...")
    chosen = parser.parse_args()
    mutants = [
        one for one in MUTANTS if not chosen.only or any(part in f"{one.file} {one.name}" for part in chosen.only)
    ]
    broken = 0
    for one in mutants:
        try:
            compile(one.apply((REPOSITORY / "trader_cli" / one.file).read_text()), one.file, "exec")
        except (ValueError, SyntaxError) as error:
            print(f"table   {error}")
            broken += 1
    if chosen.list:
        print("\n".join(f"{one.file:18} {one.name}" for one in mutants))
    if broken or chosen.list or not mutants:
        return 2 if broken or not mutants else 0

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        rooms: SimpleQueue[Path] = SimpleQueue()
        for room in copies(Path(folder), 2):
            rooms.put(room)
        whole = sorted({name for one in mutants for name in test_files(one, chosen.tests, chosen.laws)})
        room = rooms.get()
        code, said = run_tests(room, whole)
        rooms.put(room)
        if code != 0:
            print(f"the tests fail without a mutant:\n{said}")
            return 2

        def try_one(mutant: Mutant) -> tuple[Mutant, int, str, float]:
            began = time.monotonic()
            room = rooms.get()
            path = room / "trader_cli" / mutant.file
            source = path.read_text()
            try:
                path.write_text(mutant.apply(source))
                code, said = run_tests(room, test_files(mutant, chosen.tests, chosen.laws))
            finally:
                path.write_text(source)
                rooms.put(room)
            return mutant, code, said, time.monotonic() - began

        survivors, errors = [], []
        with ThreadPoolExecutor(2) as pool:
            for mutant, code, said, took in pool.map(try_one, mutants):
                word = {0: "SURVIVES", 1: "killed"}.get(code, "ERROR")
                by = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
                print(f"{word:9}{took:5.1f} s  {mutant.file:18} {mutant.name}  {by[0] if by else ''}", flush=True)
                if code == 0:
                    survivors.append(mutant)
                elif code != 1:
                    errors.append(mutant)
                    print(said)
    print(f"{len(mutants)} mutants, {len(survivors)} survive, {len(errors)} could not be tried")
    for mutant in survivors:
        print(f"  {mutant.file}: {mutant.name}")
    if errors:
        return 2
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
