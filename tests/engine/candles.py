"""A table of bars and wishes in, fills out: the language of the engine's tests."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from trader_cli.engine.panel import build_market, build_rules, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CASH, Log, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.bars import Bars
from trader_cli.model.fills import Fills, Reason, Refusal, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.risk.rules import Rules
from trader_cli.strategy.signals import Signals

MINUTE = Timeframe(60_000)
NAN = float("nan")


def rules(**changed: object) -> Rules:
    """Rules with every cost and limit off, one unit a trade."""
    plain: dict[str, object] = {
        "fee_bps": "0",
        "maker_fee_bps": "0",
        "slippage_bps": "0",
        "size_method": "quantity",
        "size_quantity": "1",
        "size_notional": "0",
        "size_fraction": "0",
        "rebalance": False,
        "dead_band_pct": "0",
        "max_positions": 0,
        "stop_pct": "0",
        "target_pct": "0",
        "trail_pct": "0",
        "min_notional": "0",
    }
    plain.update(changed)
    return build_rules(**{k: Decimal(v) if isinstance(v, str) and k != "size_method" else v for k, v in plain.items()})


def bars(rows: list[tuple[float, float, float, float] | None], symbol: str = "T/USD") -> Bars:
    """Bars a minute apart from (open, high, low, close); None = no bar in that minute."""
    kept = [(i, row) for i, row in enumerate(rows) if row is not None]
    columns = np.array([row for _, row in kept], float).reshape(-1, 4).T.copy()
    open_ms = np.array([i * 60_000 for i, _ in kept], np.int64)
    return Bars(symbol, "test", MINUTE, open_ms, *columns, np.ones(len(kept)))


@dataclass(frozen=True)
class Result:
    """What a run left, with prices, quantities and money as Decimal for reading."""

    fills: Fills
    trips: RoundTrips
    log: Log
    cash: Decimal
    instruments: tuple[Instrument, ...]

    @property
    def table(self) -> list[tuple[int, str, str, str, str]]:
        """One row a fill: (minute, side, quantity, price, reason)."""
        rows = []
        for i in range(len(self.fills)):
            instrument = self.instruments[self.fills.symbol[i]]
            price = Decimal(int(self.fills.price[i])).scaleb(-instrument.price_decimals).normalize()
            quantity = Decimal(int(self.fills.quantity[i])).scaleb(-8).normalize()
            side = "buy" if self.fills.side[i] > 0 else "sell"
            reason = Reason(int(self.fills.reason[i])).label
            rows.append((int(self.fills.time_ms[i]) // 60_000, side, f"{quantity:f}", f"{price:f}", reason))
        return rows

    def refusals(self, why: Refusal, symbol: int = 0) -> int:
        """How often the symbol's order was refused for that reason."""
        return int(self.log.refused[symbol, why, 0])


def run(
    series: Bars | list[Bars],
    targets: list[object],
    cash: str = "1000",
    tick: str = "0.01",
    lot: str = "0.0001",
    minimum: str = "0",
    **changed: object,
) -> Result:
    """Run wishes over bars. `targets`: a list of levels or a Signals, one a symbol (a bare list for one symbol)."""
    many = series if isinstance(series, list) else [series]
    wishes = targets if isinstance(series, list) else [targets]
    instruments = tuple(
        Instrument(one.symbol, Decimal(tick), Decimal(lot), Decimal(0), Decimal(minimum), described=True)
        for one in many
    )
    signals = [one if isinstance(one, Signals) else Signals(target=np.array(one, float)) for one in wishes]
    open_ms, market = build_market(many, signals)
    book = new_book(len(many), int(Decimal(cash).scaleb(8)))
    log = run_bars(
        market, book, new_log(len(many), len(open_ms), 8), rules(**changed), build_steps(instruments), 0, len(open_ms)
    )
    fills = fills_of(tuple(one.symbol for one in many), open_ms, book, log)
    cash_end = Decimal(int(book.account[CASH])).scaleb(-8)
    return Result(fills, round_trips(fills, MINUTE.ms), log, cash_end, instruments)
