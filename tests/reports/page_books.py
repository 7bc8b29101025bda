"""What a page reads, as lists: a run with bars, fills and round trips that a seed decides, a verdict and a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trader_cli.errors import DataError
from trader_cli.jobs.page_levels import Protection, protection
from trader_cli.jobs.page_markets import Shown
from trader_cli.jobs.space import Axis, Space
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status, SweepRecord, SweepState, Trial, Verdict
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.session import Session, Step
from trader_cli.model.timeframe import Timeframe

ONE = 10**8
HOUR = 3_600_000
BEGIN = 1_577_836_800_000  # 2020-01-01T00:00:00Z


@dataclass(frozen=True)
class Line:
    """A run as a ledger lists it."""

    run_id: str
    mode: str
    strategy: str
    params: Mapping[str, Any]
    preset: str
    symbols: tuple[str, ...]
    exchange: str
    timeframe: str
    quote: str
    started_ms: int
    start_ms: int
    end_ms: int
    bars: int
    cash_start: int
    equity_end: int
    digest: str
    code_digest: str
    stats: Mapping[str, Any]


@dataclass
class Shelf:
    """The named fake: one run, its bars, and what research said; bars of a symbol that has none are missing."""

    line: Line
    tables: dict[str, list[dict[str, Any]]]
    bars: dict[str, Bars]
    all_sessions: list[Session] = field(default_factory=list)
    all_steps: list[Step] = field(default_factory=list)
    all_verdicts: list[Verdict] = field(default_factory=list)
    searches: list[tuple[SweepState, list[Trial]]] = field(default_factory=list)

    def run(self, prefix: str) -> Line:
        assert self.line.run_id.startswith(prefix)
        return self.line

    def sessions(self) -> Sequence[Session]:
        return self.all_sessions

    def last_step(self, run_id: str) -> Step:
        return self.all_steps[-1]

    def steps(self, run_id: str, limit: int) -> Sequence[Step]:
        return self.all_steps[::-1][:limit]

    def rows(self, table: str, run_id: str) -> Sequence[Mapping[str, Any]]:
        return self.tables.get(table, [])

    def adjustments(self, run_id: str) -> Sequence[Any]:
        return []

    def orders(self, run_id: str, *, open_only: bool = False) -> Sequence[Any]:
        return []

    def order(self, client_id: str) -> None:
        return None

    def find_orders(self, prefix: str) -> Sequence[Any]:
        return []

    def venue_fills(self, run_id: str) -> Sequence[Any]:
        return []

    def cycles(self, limit: int, run_id: str | None = None) -> Sequence[Any]:
        return []

    def halted(self) -> Mapping[str, Any]:
        return {}

    def verdicts(self, strategy: str | None = None, limit: int | None = None) -> Sequence[Verdict]:
        return [one for one in self.all_verdicts if strategy in (None, one.strategy)][:limit]

    def sweeps(self, strategy: str | None = None, limit: int | None = None) -> Sequence[SweepState]:
        return [state for state, _ in self.searches if strategy in (None, state.record.strategy)][:limit]

    def trials(self, sweep_id: str, first: int = 0, limit: int | None = None) -> Iterator[Trial]:
        yield from next(trials for state, trials in self.searches if state.record.sweep_id == sweep_id)[first:]

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        if symbol not in self.bars:
            raise DataError(f"no bars for `{symbol}`")
        return self.bars[symbol].between(since_ms, until_ms)

    def digest(self, bars: Bars) -> str:
        return "d" * 64


def bars_of(symbol: str, closes: Sequence[float], first_ms: int = BEGIN) -> Bars:
    """Return hourly bars with these closes, each opening at the close before."""
    close = np.array(closes, float)
    opened = np.r_[close[:1], close[:-1]]
    open_ms = first_ms + HOUR * np.arange(len(close))
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    return Bars(symbol, "test", Timeframe.parse("1h"), open_ms, opened, high, low, close, np.ones(len(close)))


def fill(symbol: str, time_ms: int, side: int, quantity: int, price: int, fee: int, reason: Reason) -> dict[str, Any]:
    """Return a row of `fills`. quantity, price, fee: 1e-8."""
    return {
        "time_ms": time_ms, "symbol": symbol, "side": side, "quantity": quantity, "price": price, "price_decimals": 8,
        "notional": quantity * price // ONE, "fee": fee, "kind": int(OrderKind.MARKET), "reason": int(reason), "txn": 0,
        "wallet": "main",
    }  # fmt: skip


def trip(buy: Mapping[str, Any], sell: Mapping[str, Any], strategy: str) -> dict[str, Any]:
    """Return the row of `trades` that two fills close."""
    fees = buy["fee"] + sell["fee"]
    return {
        "symbol": buy["symbol"], "entry_ms": buy["time_ms"], "exit_ms": sell["time_ms"], "quantity": buy["quantity"],
        "bought": buy["notional"], "sold": sell["notional"], "fees": fees,
        "pnl": sell["notional"] - buy["notional"] - fees, "reason": sell["reason"],
        "bars": (sell["time_ms"] - buy["time_ms"]) // HOUR, "wallet": "main", "strategy": strategy,
    }  # fmt: skip


def book(
    trades: int, *, strategy: str = "momentum", symbols: Sequence[str] = ("BTC/USD", "ETH/USD"), seed: int = 7
) -> Shelf:
    """Return a run of so many round trips, spread over the symbols; of each the last is stopped out in every fifth."""
    random = np.random.default_rng(seed)
    each = -(-trades // len(symbols))
    count = max(2 * each + 2, 24 * 100)
    cash, fills, trips = 10_000 * ONE, [], []
    bars = {one: bars_of(one, 100 * np.exp(np.cumsum(random.normal(0, 0.004, count)))) for one in symbols}
    for symbol in symbols:
        series = bars[symbol]
        rows = np.linspace(1, count - 1, 2 * each).astype(int)
        for i in range(each):
            first, last = int(rows[2 * i]), int(rows[2 * i + 1])
            reason = (Reason.STOP, Reason.STRATEGY, Reason.TARGET, Reason.STRATEGY, Reason.TRAIL)[i % 5]
            buy, sell = (
                fill(symbol, int(series.open_ms[row]), side, ONE, int(series.open[row] * ONE), 10_000_000, why)
                for row, side, why in ((first, 1, Reason.STRATEGY), (last, -1, reason))
            )
            fills += [buy, sell]
            trips.append(trip(buy, sell, strategy))
    fills.sort(key=lambda one: one["time_ms"])
    trips.sort(key=lambda one: one["exit_ms"])
    end = cash - sum(one["side"] * one["notional"] + one["fee"] for one in fills)
    held = dict.fromkeys(symbols, 0)
    for one in fills:
        held[one["symbol"]] += one["side"] * one["quantity"]
    end += sum(int(held[one] * bars[one].close[-1]) for one in symbols)
    line = Line(
        run_id="20200101T000000-abcdef", mode="backtest", strategy=strategy, params={"fast": 5}, preset="plain",
        symbols=tuple(symbols), exchange="test", timeframe="1h", quote="USD", started_ms=BEGIN, start_ms=BEGIN,
        end_ms=BEGIN + count * HOUR, bars=count, cash_start=cash, equity_end=end, digest="a" * 64, code_digest="c" * 64,
        stats={
            "fee_bps": 10.0, "slippage_bps": 5.0, "final_equity": end / ONE, "cash": cash / ONE, "trades": len(trips),
            "total_return_pct": (end / cash - 1) * 100, "sharpe": float("nan"), "notes": [],
        },
    )  # fmt: skip
    return Shelf(line, {"fills": fills, "trades": trips}, bars)


def protections(
    run: object, fills: Sequence[Mapping[str, Any]], shown: Sequence[Shown]
) -> tuple[list[Protection], list[str]]:
    """Return what a fake engine had in force: a stop 3 % under the entry that rises by 0.1 a bar, a target 50 over it."""
    found, bought = [], {}
    wanted = {one.symbol for one in shown}
    for one in fills:
        if one["side"] > 0:
            bought[one["symbol"]] = one
        elif (first := bought.pop(one["symbol"], None)) is not None and one["symbol"] in wanted:
            times = range(first["time_ms"], one["time_ms"], HOUR)
            price = first["price"]
            rows = [(ms, price * 97 // 100 + i * ONE // 10, price + 50 * ONE) for i, ms in enumerate(times)]
            found.append(protection(one["symbol"], "main", 8, one["time_ms"], rows))
    return found, []


def verdict(strategy: str, message: str = "it holds up") -> Verdict:
    """Return a complete verdict on the run's code and parameters."""
    checks = [
        CheckResult("walk_forward", Status.PASS, 1.25, 0.5, "ratio", message),
        CheckResult("costs", Status.FAIL, float("nan"), None, "", "costs eat it", "trade less"),
    ]
    return Verdict(
        strategy=strategy, status=Status.FAIL, complete=True, params={"fast": 5}, code_digest="c" * 64, data_digests={},
        exchange="test", timeframe="1h", symbols=("BTC/USD",), since_ms=BEGIN, until_ms=BEGIN + HOUR, time_ms=BEGIN,
        seed=1, trials=3, checks=checks, settings={},
    )  # fmt: skip


AXES = Space((Axis("fast", int, (5, 10, 20)), Axis("slow", int, (50, 100))))


def search(strategy: str) -> tuple[SweepState, list[Trial]]:
    """Return a search over fast (5, 10, 20) and slow (50, 100): the Sharpe ratio is fast / 10 + slow / 100."""
    trials = [
        Trial(i, at, {"sharpe": at["fast"] / 10 + at["slow"] / 100, "trades": 30.0, "final_equity": 1.0})
        for i, at in enumerate(AXES.at(i) for i in range(6))
    ]  # fmt: skip
    record = SweepRecord(
        sweep_id="sweep-1", key="k", strategy=strategy, code_digest="c" * 64, data_digests={}, exchange="test",
        timeframe="1h", symbols=("BTC/USD",), since_ms=BEGIN, until_ms=BEGIN + HOUR, method="grid", seed=1,
        objectives=("sharpe",), space=AXES.stated, settings={}, total=6, started_ms=BEGIN,
    )  # fmt: skip
    return SweepState(record, 6, "finished"), trials
