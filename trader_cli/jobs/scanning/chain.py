"""Why a symbol is where it is: its bar, every filter with its number, what each strategy read and said, its rank (X6)."""

from __future__ import annotations

from typing import Any

from trader_cli.errors import DataError, did_you_mean
from trader_cli.jobs.scan import Looked, Scanned
from trader_cli.jobs.scanning.signals import SignalNow, Sureness
from trader_cli.jobs.scanning.telling import signal_row
from trader_cli.jobs.summary import iso
from trader_cli.jobs.why_not_indicators import listened
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.model.scan import ACT, FLAT, KEEP, LOOK, SILENT, WEAK


def chain(done: Scanned, symbol: str) -> dict[str, Any]:
    """Return the whole chain of one symbol as JSON knows it. Raises DataError for a symbol that was not looked at.

    done: a scan that was told to ask about the symbol whatever the filters say.
    """
    gone = next((one for one in done.left_out if one.symbol == symbol), None)
    looked = done.looked.get(symbol)
    if looked is None and gone is None:
        known = [*done.looked, *(one.symbol for one in done.left_out)]
        raise DataError(f"`{symbol}` is not in the universe", *did_you_mean(symbol, known), "add it: `--symbols …`")
    said = done.signals.get(symbol, ())
    return {
        "symbol": symbol,
        "bar": None if looked is None else _bar(looked.bars),
        "filters": [] if looked is None else [vars(one) for one in looked.verdicts],
        "left_out": None if gone is None else vars(gone),
        "strategies": [_strategy(done, looked, one) for one in said] if looked is not None else [],
        "problem": done.problems.get(symbol, ""),
        "ranked": len(done.ranks),
    }


def _bar(bars: Bars) -> dict[str, Any]:
    columns = {name: float(getattr(bars, name)[-1]) for name in COLUMNS}
    return {"time": iso(int(bars.open_ms[-1])), "timeframe": str(bars.timeframe), "history": len(bars), **columns}


def _strategy(done: Scanned, looked: Looked, one: SignalNow) -> dict[str, Any]:
    instance = next(
        wallet.strategies[0].instance for wallet in done.request.wallets if wallet.strategies[0].name == one.strategy
    )
    # A fresh one: what a strategy keeps between calls must not answer for it.
    _, readings = listened(type(instance)(**instance.params), looked.bars, len(looked.bars) - 1)
    return {
        "strategy": one.strategy,
        "params": dict(instance.params),
        "indicators": {
            f"{each.call}.{part}" if part else each.call: value
            for each in readings
            for part, value in each.values.items()
        },
        "signal": signal_row(done, one),
        "verdict": _sentence(one, done.terms.sureness),
    }


def _sentence(one: SignalNow, sureness: Sureness) -> str:
    """Return what a scan makes of a signal, with the numbers."""
    if one.state == SILENT:
        return "it never had an opinion"
    if one.state == FLAT:
        return f"it wants to hold {one.target:g}: nothing"
    if one.state == KEEP:
        return "it has no opinion now: who holds may keep, nobody buys"
    sure = (
        "states no confidence, which counts as 1"
        if one.confidence != one.confidence
        else f"is {one.confidence:.4g} sure"
    )
    above = f" and more than {sureness.above:g}" if sureness.above else ""
    asks = {
        ACT: f"enough to act (from {sureness.act:g}{above})",
        LOOK: f"enough to look (from {sureness.look:g}), not to act (from {sureness.act:g}{above})",
        WEAK: f"too little to look (from {sureness.look:g})",
    }
    return f"it wants to hold {one.target:g} and {sure}: {asks[one.state]}"
