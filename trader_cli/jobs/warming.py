"""Compiling the engine: said before somebody waits for it, and done ahead where a limit of time would cut it short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trader_cli.compiler import is_cached
from trader_cli.engine.panel import Measured, build_market, build_rules, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import new_book, new_log
from trader_cli.model.bars import Bars
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.signals import Signals

COMPILING = "compiling the engine for this machine, once; less than a minute"


def warn_of_compiling(note: Callable[[str], None], *kernels: str) -> None:
    """Say that somebody has to wait, where one of these was never compiled here."""
    if not all(is_cached(one) for one in kernels):
        note(COMPILING)


def compile_engine(settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Run the loop over two bars on which nobody wants anything: the types are those of any run, and so is the kernel."""
    frame = Timeframe(60_000)
    rules = build_rules(settings, bar_ms=frame.ms)
    ones = np.ones(2)
    bars = Bars("A/B", "x", frame, np.array([0, frame.ms], np.int64), ones, ones, ones, ones, ones)
    _, market = build_market([bars], [[Signals(np.full(2, np.nan))]], rules, [Measured(ones, ones)])
    run_bars(market, new_book(1, (1,)), new_log(2, 256), rules, build_steps([Instrument("A/B")]), 0, 0, 2)
