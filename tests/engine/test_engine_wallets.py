"""Laws of several wallets on one account (R2.5), on random bars, wishes and rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from candles import MINUTE, NAN, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_laws import random_bars, random_signals

from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import (
    ACCOUNT_COLUMNS,
    CANDIDATE,
    CASH,
    CLOSE,
    CLOSING,
    EVENT_BREAKER,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    FILLS,
    LAST_ASKED,
    LAST_EVENT,
    LOG_FEE,
    LOG_NOTIONAL,
    LOG_REASON,
    LOG_ROW,
    LOG_SIDE,
    ORDER_SIDE,
    ORDERS,
    POSITIONS,
    QUANTITY,
    SHARE,
    TRIPPED_BY,
    WORTH,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import Reason, Refusal
from trader_cli.model.instrument import Instrument
from trader_cli.money import proceeds_of
from trader_cli.risk.rules import PRICE_ONE, WALLET, Rules
from trader_cli.strategy.signals import Signals

SAMPLES = settings(max_examples=150, deadline=None)
COUNT = 90
# Bars begin 45 minutes before midnight, so that a day ends among them.
BEGIN_MS = (1440 - 45) * MINUTE.ms
CASHES = (100_000_000_000, 35_000_000_000, 7_700_000_001)
TICKS = (Decimal("0.01"), Decimal("0.05"), Decimal("0.0000000001"))
LOTS = (Decimal("0.0001"), Decimal("0.01"), Decimal("0.00000001"))

# Rules that look at one wallet, or at one row, only.
OWN_RULES = {
    "fee_bps": st.sampled_from(["0", "26.5"]),
    "maker_fee_bps": st.sampled_from(["0", "10"]),
    "slippage_bps": st.sampled_from(["0", "33.3333"]),
    "size_method": st.sampled_from(["quantity", "notional", "fraction", "risk", "volatility", "kelly"]),
    "size_quantity": st.sampled_from(["0.5", "3"]),
    "size_notional": st.sampled_from(["50", "700"]),
    "size_fraction": st.sampled_from(["0.3", "0.95"]),
    "kelly_trades": st.sampled_from([0, 2]),
    "rebalance": st.booleans(),
    "dead_band_pct": st.sampled_from(["0", "10"]),
    "share_method": st.sampled_from(["none", "equal", "risk_parity", "performance"]),
    "allocation.trades": st.sampled_from([1, 3]),
    "allocation.bars": st.just(10),
    "min_notional": st.sampled_from(["0", "40"]),
    "raise_to_minimum": st.sampled_from(["0", "1.1"]),
    "max_wallet_pct": st.sampled_from(["0", "60"]),
    "cash_reserve_pct": st.sampled_from(["0", "15"]),
    "min_confidence": st.sampled_from(["0", "0.3"]),
    "max_gap_bars": st.sampled_from([0, 1]),
    "wallet_daily_loss_pct": st.sampled_from(["0", "1"]),
    "wallet_drawdown_pct": st.sampled_from(["0", "2"]),
    "close_on_drawdown": st.booleans(),
    "losing_streak": st.sampled_from([0, 2]),
    "cool_down_bars": st.sampled_from([0, 4]),
    "swap_atr": st.sampled_from(["0", "3"]),
    "stop_pct": st.sampled_from(["0", "1.5"]),
    "stop_atr": st.sampled_from(["0", "2"]),
    "trail_pct": st.sampled_from(["0", "2.5"]),
    "trail_atr": st.sampled_from(["0", "2"]),
    "break_even_pct": st.sampled_from(["0", "1"]),
    "target_pct": st.sampled_from(["0", "2"]),
    "micro_profit_pct": st.sampled_from(["0", "1.2"]),
    "partial_pct": st.sampled_from(["0", "0.8"]),
    "max_bars": st.sampled_from([0, 12]),
    "high_score": st.sampled_from([0, 35]),
}
# Rules that look at the whole account: through them wallets may stand in each other's way.
SHARED_RULES = {
    "max_positions": st.sampled_from([0, 2]),
    "max_symbol_pct": st.sampled_from(["0", "30"]),
    "max_gross_pct": st.sampled_from(["0", "80"]),
    "max_correlation": st.sampled_from(["0", "0.4"]),
    "correlation_bars": st.just(10),
    "max_var_pct": st.sampled_from(["0", "1"]),
    "max_cvar_pct": st.sampled_from(["0", "1.5"]),
    "var_bars": st.just(20),
    "daily_loss_pct": st.sampled_from(["0", "1"]),
    "drawdown_pct": st.sampled_from(["0", "3"]),
}
SEEDS = st.integers(0, 2**32 - 1)
OWN = st.fixed_dictionaries(OWN_RULES)
ALL = st.fixed_dictionaries({**OWN_RULES, **SHARED_RULES})


def rules_on(seed: int) -> dict[str, object]:
    """Every rule on, the sizes and the allocations in turn; where one rule would always speak first, others have seeds
    without it."""
    chosen: dict[str, object] = {
        "fee_bps": "10",
        "maker_fee_bps": "5",
        "slippage_bps": "3.3333",
        "size_method": ("quantity", "notional", "fraction", "risk", "volatility", "kelly")[seed % 6],
        "size_quantity": "1.5",
        "size_notional": "150",
        "size_fraction": "0.6",
        "kelly_trades": 2,
        "rebalance": seed % 2 == 0,
        "dead_band_pct": "10",
        "share_method": ("none", "equal", "risk_parity", "performance")[seed // 6 % 4],
        "allocation.trades": 1,
        "allocation.bars": 10,
        "min_notional": "20",
        "raise_to_minimum": "1.1",
        "max_wallet_pct": "85",
        "cash_reserve_pct": "30",
        "min_confidence": "0.1",
        "max_gap_bars": 2,
        "wallet_daily_loss_pct": "4",
        "wallet_drawdown_pct": "6",
        "close_on_drawdown": seed % 2 == 0,
        "losing_streak": 3,
        "cool_down_bars": 4,
        "swap_atr": "3",
        "stop_pct": "3",
        "stop_atr": "3",
        "trail_pct": "3.5",
        "trail_atr": "3.5",
        "break_even_pct": "1",
        "target_pct": "4",
        "micro_profit_pct": "2.5",
        "partial_pct": "1.5",
        "max_bars": 9,
        "high_score": 45,
        "max_positions": 5,
        "max_symbol_pct": "20",
        "max_gross_pct": "45",
        "max_correlation": "0.6",
        "correlation_bars": 12,
        "max_var_pct": "0.4" if seed % 2 else "2",
        "max_cvar_pct": "2" if seed % 2 else "0.5",
        "var_bars": 20,
        "daily_loss_pct": "4",
        "drawdown_pct": "7",
    }
    silent = (
        ("max_correlation", "max_var_pct", "max_cvar_pct"),
        ("max_correlation", "max_wallet_pct", "min_confidence"),
        ("max_wallet_pct", "max_symbol_pct", "max_gross_pct", "max_var_pct", "max_cvar_pct", "losing_streak"),
        (),
    )[seed // 2 % 4]
    return {name: 0 if name in silent else value for name, value in chosen.items()}


def random_wishes(rng: np.random.Generator, series: Bars, levels: bool) -> Signals:
    """Wishes with confidence; with `levels` also prices of their own, and parts that stay at the take."""
    said = replace(random_signals(rng, series, levels), confidence=np.round(rng.random(len(series)), 2))
    if not levels:
        return said
    return replace(said, keep=np.where(rng.random(len(series)) < 0.5, 0.25, NAN))


@dataclass(frozen=True)
class Scene:
    """What an account meets: one series a symbol, per wallet one wish a symbol."""

    series: list[Bars]
    measured: list[Measured]
    wishes: list[list[Signals]]
    cash: tuple[int, ...]

    def of(self, *wallets: int) -> Scene:
        """Return the same market with some of the wallets only."""
        return replace(self, wishes=[self.wishes[w] for w in wallets], cash=tuple(self.cash[w] for w in wallets))


@dataclass(frozen=True)
class Setup:
    """A scene as arrays."""

    market: Market
    steps: Ints
    book: Book
    chosen: Rules

    def play(self, cuts: Sequence[int] = ()) -> tuple[Book, Log]:
        """Run to each cut with a copy of the book, as a process that ends there and another that goes on would."""
        count = len(self.market.open_ms)
        book = Book(*(array.copy() for array in self.book))
        log = new_log(count, 4)
        done = 0
        for cut in [*cuts, count]:
            log = run_bars(self.market, book, log, self.chosen, self.steps, done, done, cut)
            book = Book(*(array.copy() for array in book))
            done = cut
        return book, log


def scene(seed: int, wallets: int = 3, symbols: int = 3) -> Scene:
    rng = np.random.default_rng(seed)
    levels = bool(seed % 3)
    series = []
    measured = []
    for i in range(symbols):
        one = random_bars(rng, COUNT, f"S{i}/USD", holes=0.1 if i else 0.0)
        series.append(replace(one, open_ms=one.open_ms + BEGIN_MS))
        swing = np.where(rng.random(len(one)) < 0.1, NAN, one.close * rng.uniform(0.005, 0.03, len(one)))
        measured.append(Measured(atr=np.round(swing, 3), volatility=rng.uniform(0.05, 0.9, len(one))))
    wishes = [[random_wishes(rng, one, levels) for one in series] for _ in range(wallets)]
    return Scene(series, measured, wishes, CASHES[:wallets])


def set_up(made: Scene, changed: Mapping[str, object], legs: Sequence[Mapping[int, int]] = ()) -> Setup:
    chosen = rules(**changed)
    instruments = [Instrument(one.symbol, TICKS[i], LOTS[i], described=True) for i, one in enumerate(made.series)]
    _, market = build_market(made.series, made.wishes, chosen, made.measured)
    steps = build_steps(instruments, len(made.wishes), legs)
    return Setup(market, steps, new_book(len(made.series), made.cash), chosen)


def fills_and_events(book: Book, log: Log) -> tuple[Ints, Ints]:
    return log.fills[: book.account[FILLS]], log.events[: book.account[EVENTS]]


def mine(rows: Ints, column: int, first: int, last: int) -> Ints:
    """Return the rows of the book's rows [first, last), counted from 0."""
    kept = rows[(rows[:, column] >= first) & (rows[:, column] < last)].copy()
    kept[:, column] -= first
    return kept


@pytest.mark.req("R2.5")
@SAMPLES
@given(seed=SEEDS, chosen=OWN, own_legs=st.booleans())
def test_nothing_that_other_wallets_do_changes_a_wallets_fills_cash_or_limits(seed, chosen, own_legs) -> None:
    """Wallet 1 between two others is wallet 1 alone: fills, refusals, cash, breakers and positions."""
    made = scene(seed)
    linked = {0: 1, 1: 0}
    among = [{0: 2, 2: 0}, linked, {}] if own_legs else []
    book, log = set_up(made, chosen, among).play()
    alone, lone_log = set_up(made.of(1), chosen, [linked] if own_legs else []).play()
    symbols = len(made.series)
    fills, events = fills_and_events(book, log)
    lone_fills, lone_events = fills_and_events(alone, lone_log)
    np.testing.assert_array_equal(mine(fills, LOG_ROW, symbols, 2 * symbols), lone_fills)
    # Left out: where the log's rows are, and what every decision reckons anew, be it another wallet's.
    kept = [one for one in range(book.wallet.shape[1]) if one != WORTH]
    np.testing.assert_array_equal(book.wallet[1, kept], alone.wallet[0, kept])
    kept = [one for one in range(book.position.shape[1]) if one not in (LAST_EVENT, CANDIDATE, SHARE)]
    np.testing.assert_array_equal(book.position[symbols : 2 * symbols, kept], alone.position[:, kept])
    # An event's row is the book's for a refusal and the wallets' for a breaker.
    for breaker, first, last in ((0, symbols, 2 * symbols), (1, 1, 2)):
        got = mine(events[events[:, EVENT_BREAKER] == breaker], EVENT_ROW, first, last)
        lone = lone_events[lone_events[:, EVENT_BREAKER] == breaker]
        np.testing.assert_array_equal(got, lone[lone[:, EVENT_ROW] < (symbols if breaker == 0 else 1)])


@pytest.mark.req("R2.5")
@pytest.mark.parametrize("lost", ["fees", "prices", "halts"])
def test_a_wallet_that_loses_everything_leaves_the_others_untouched(lost: str) -> None:
    # the other wallet trades badly: for half its money in fees a trade, from 100 to 1, or is told to sell
    made = scene(7, wallets=2)
    costs = {"fee_bps": "5000", "maker_fee_bps": "5000"} if lost == "fees" else {"fee_bps": "10"}
    setup = set_up(made, {"size_method": "fraction", "size_fraction": "0.9", **costs})
    if lost == "prices":
        setup.market.signals[0, :, :3] = 1.0
    if lost == "halts":
        setup.book.wallet[0, CLOSING] = 1
    book, log = setup.play()
    alone, lone_log = set_up(made.of(1), {"size_method": "fraction", "size_fraction": "0.9", **costs}).play()
    np.testing.assert_array_equal(
        mine(fills_and_events(book, log)[0], LOG_ROW, 3, 6), fills_and_events(alone, lone_log)[0]
    )
    assert book.wallet[1, CASH] == alone.wallet[0, CASH]


@pytest.mark.req("R2.5")
@SAMPLES
@given(seed=SEEDS, chosen=ALL, legs=st.booleans())
def test_at_every_bar_the_accounts_cash_is_the_sum_of_the_wallets_and_of_their_fills(seed, chosen, legs) -> None:
    """And no wallet's is ever below zero, whatever the others spend."""
    setup = set_up(scene(seed), chosen, [{0: 1, 1: 0}, {}, {}] if legs else [])
    book, log = setup.book, new_log(len(setup.market.open_ms), 4)
    for bar in range(len(setup.market.open_ms)):
        log = run_bars(setup.market, book, log, setup.chosen, setup.steps, bar, bar, bar + 1)
        fills = log.fills[: book.account[FILLS]]
        paid = fills[:, LOG_SIDE] * fills[:, LOG_NOTIONAL] + fills[:, LOG_FEE]
        wallet = setup.steps[fills[:, LOG_ROW], WALLET]
        for w, start in enumerate(CASHES):
            assert int(book.wallet[w, CASH]) == start - int(paid[wallet == w].sum()) >= 0
        assert int(book.wallet[-1, CASH]) == int(book.wallet[:-1, CASH].sum())
        # What is counted is what there is: a count that drifts would block slots, or skip bars, for ever.
        assert book.account[POSITIONS] == np.count_nonzero(book.position[:, QUANTITY])
        assert book.account[ORDERS] == np.count_nonzero(book.position[:, ORDER_SIDE])
        assert (book.position[:, QUANTITY] >= 0).all()
        held = book.position[:, QUANTITY] > 0
        worth = sum(
            proceeds_of(
                int(setup.market.prices[CLOSE, bar, s] * float(setup.steps[s, PRICE_ONE]) + 0.5),
                int(book.position[s, QUANTITY]),
                int(setup.steps[s, PRICE_ONE]),
            )
            for s in np.flatnonzero(held)
        )
        assert log.equity[bar] == pytest.approx((int(book.wallet[-1, CASH]) + worth) / 1e8, abs=1e-5)


@pytest.mark.req("R2.5", "R0.9")
@SAMPLES
@given(seed=SEEDS, chosen=ALL, legs=st.booleans())
def test_stopping_after_any_bar_changes_nothing_of_any_wallet(seed, chosen, legs) -> None:
    """Law 2 with every rule: the same fills, refusals, breakers, wallets and positions."""
    setup = set_up(scene(seed), chosen, [{0: 1, 1: 0}, {}, {}] if legs else [])
    whole = setup.play()
    cut = setup.play(range(1, len(setup.market.open_ms)))
    for ours, theirs in zip((*whole[0], *fills_and_events(*whole)), (*cut[0], *fills_and_events(*cut)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def outcome(seed: int) -> dict[str, object]:
    """A run with every rule on, as text: what a digest would hide is named where two runs differ."""
    legs = [{0: 1, 1: 0}, {}, {}] if seed % 5 == 0 else []
    setup = set_up(scene(seed), rules_on(seed), legs)
    if seed % 7 == 0:
        setup.book.wallet[2, TRIPPED_BY] = Refusal.HALTED
    book, log = setup.play()
    fills, events = fills_and_events(book, log)
    kept = [one for one in range(book.position.shape[1]) if one not in (CANDIDATE, LAST_ASKED)]
    return {
        "fills": fills.tolist(),
        "events": events.tolist(),
        "account": book.account[:ACCOUNT_COLUMNS].tolist(),
        "wallet": book.wallet.tolist(),
        "position": book.position[:, kept].tolist(),
        "equity": [one.hex() for one in log.equity.tolist()],
    }


PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_engine_wallets import outcome
print(json.dumps([outcome(seed) for seed in range(int(sys.argv[2]))]))
"""


@pytest.mark.req("R2.3", "R2.4", "R4.4")
def test_interpreted_and_compiled_runs_of_three_wallets_with_every_rule_on_are_the_same() -> None:
    """Law 4, over 48 scenes: every sizing with every allocation; and every rule had something to say in them."""
    here = str(Path(__file__).parent)

    def outcomes(interpret: str) -> list[dict[str, list[list[int]]]]:
        env = {**os.environ, "TRADER_INTERPRET": interpret}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, here, "48"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    interpreted = outcomes("1")
    reasons = {row[LOG_REASON] for one in interpreted for row in one["fills"]}
    # Only a venue leaves a position unprotected.
    assert {Reason(one).label for one in set(Reason) - reasons} == {Reason.UNPROTECTED.label}
    spoken = {row[EVENT_RULE] for one in interpreted for row in one["events"]}
    assert {Refusal(one).label for one in set(Refusal) - spoken} == set()
    assert outcomes("0") == interpreted
