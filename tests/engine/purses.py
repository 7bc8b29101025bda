"""Several wallets, linked legs and a kill switch in the language of the candle tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from candles import MINUTE, bars, rules

from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import (
    CLOSING,
    EVENT_BAR,
    EVENT_BREAKER,
    EVENT_COUNT,
    EVENT_LIMIT,
    EVENT_NUMBER,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    Book,
    new_book,
    new_log,
)
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.fills import Fills, Reason, Refusal, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.strategy.signals import Signals

Row = tuple[float, float, float, float] | None


def still(price: float) -> Row:
    """A bar in which the price does not move."""
    return (price, price, price, price)


@dataclass(frozen=True)
class Played:
    """What a run of several wallets left.

    table: one row a fill, (minute, wallet, symbol, side, quantity, price, reason).
    """

    table: list[tuple[int, int, int, str, str, str, str]]
    events: list[tuple[int, int, str, int, int, int, bool]]
    book: Book
    fills: Fills
    trips: RoundTrips


def play(
    series: Sequence[Sequence[Row]],
    wishes: Sequence[Sequence[object]],
    cash: Sequence[str] = ("1000",),
    tick: str = "0.01",
    lots: Sequence[str] = (),
    minimum: str = "0",
    legs: Sequence[Mapping[int, int]] = (),
    measured: Sequence[Measured] = (),
    closing: Mapping[int, int] | None = None,
    **changed: object,
) -> Played:
    """Run the wishes of each wallet (one a symbol) over the bars of each symbol.

    lots: the lot of each symbol, 0.0001 where none is given.
    closing: which wallet (-1 = the whole account) is told before which bar to sell what it holds.

    events: one row an episode: (first minute, row, rule, number, limit, times, whether a breaker).
    """
    many = [bars(list(rows), f"S{i}/USD") for i, rows in enumerate(series)]
    instruments = [
        Instrument(one.symbol, Decimal(tick), Decimal(lot), Decimal(0), Decimal(minimum), described=True)
        for one, lot in zip(many, lots or ("0.0001",) * len(many), strict=True)
    ]
    signals = [
        [one if isinstance(one, Signals) else Signals(target=np.array(one, float)) for one in wallet]
        for wallet in wishes
    ]
    chosen = rules(**changed)
    open_ms, market = build_market(many, signals, chosen, measured)
    book = new_book(len(many), tuple(int(Decimal(one).scaleb(8)) for one in cash))
    steps = build_steps(instruments, len(signals), legs)
    log = new_log(len(open_ms), 8)
    done = 0
    for w, bar in sorted((closing or {}).items(), key=lambda one: one[1]):
        log = run_bars(market, book, log, chosen, steps, done, done, bar)
        book.wallet[w, CLOSING] = 1
        done = bar
    log = run_bars(market, book, log, chosen, steps, done, done, len(open_ms))
    fills = fills_of(tuple(one.symbol for one in many), open_ms, book, log)
    table = [
        (
            int(fills.time_ms[i]) // MINUTE.ms,
            int(fills.wallet[i]),
            int(fills.symbol[i]),
            "buy" if fills.side[i] > 0 else "sell",
            f"{Decimal(int(fills.quantity[i])).scaleb(-8).normalize():f}",
            f"{Decimal(int(fills.price[i])).scaleb(-8).normalize():f}",
            Reason(int(fills.reason[i])).label,
        )
        for i in range(len(fills))
    ]
    events = [
        (
            int(one[EVENT_BAR]),
            int(one[EVENT_ROW]),
            Refusal(int(one[EVENT_RULE])).label,
            int(one[EVENT_NUMBER]),
            int(one[EVENT_LIMIT]),
            int(one[EVENT_COUNT]),
            bool(one[EVENT_BREAKER]),
        )
        for one in log.events[: book.account[EVENTS]]
    ]
    return Played(table, events, book, fills, round_trips(fills, MINUTE.ms))
