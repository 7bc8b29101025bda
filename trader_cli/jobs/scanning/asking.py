"""Asking every strategy about every symbol, on all cores; what fails is named and the rest goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.jobs.plan import Chosen, Request, WalletPlan
from trader_cli.jobs.scanning.signals import Protection, SignalNow, Sureness, newest
from trader_cli.jobs.threads import threads_for
from trader_cli.jobs.wishes import ask, find_levels
from trader_cli.model.bars import Bars
from trader_cli.money import ONE
from trader_cli.strategy import indicators
from trader_cli.strategy.base import sealed


@dataclass(frozen=True)
class Answers:
    """What was said: signals by symbol, one a strategy in the order of their names given. problems: by symbol."""

    signals: Mapping[str, tuple[SignalNow, ...]]
    problems: Mapping[str, str]


def one_each(request: Request) -> Request:
    """Return the request with every strategy in a wallet of its own, so that none of them decides for another."""
    chosen = {one.name: one for wallet in request.wallets for one in wallet.strategies}
    return replace(request, wallets=tuple(WalletPlan(name, ONE, (one,)) for name, one in chosen.items()))


def ask_all(
    request: Request, series: Sequence[Bars], protection: Protection, sureness: Sureness, workers: int = 0
) -> Answers:
    """Return what every strategy of a request says at the newest bar of every series.

    workers: threads, 0 = one a core where the series are long. Raises StrategyError where no strategy could be asked about
    any symbol.
    """
    threads = max(1, min(workers or threads_for(series), len(series)))
    if threads == 1:
        parts = [_part(request, series, protection, sureness)]
    else:
        # Every thread its own instances: what a strategy remembers of one symbol is no other thread's.
        with ThreadPoolExecutor(threads, thread_name_prefix="scan") as pool:
            works = [
                pool.submit(_part, _fresh(request), series[first::threads], protection, sureness)
                for first in range(threads)
            ]
            parts = [one.result() for one in works]
    said = {symbol: one for signals, _ in parts for symbol, one in signals.items()}
    problems = {symbol: error for _, wrong in parts for symbol, error in wrong.items()}
    if problems and not any(said.values()):
        raise next(iter(problems.values()))
    order = [one.symbol for one in series]
    return Answers(
        {symbol: said[symbol] for symbol in order}, {name: problems[name].message for name in order if name in problems}
    )


def _part(
    request: Request, series: Sequence[Bars], protection: Protection, sureness: Sureness
) -> tuple[dict[str, tuple[SignalNow, ...]], dict[str, StrategyError]]:
    said: dict[str, tuple[SignalNow, ...]] = {}
    wrong: dict[str, StrategyError] = {}
    for one in series:
        # Sealed once for all strategies, not once for each.
        bars = sealed(one)
        said[bars.symbol] = ()
        try:
            said[bars.symbol] = _asked(request, bars, protection, sureness)
        except StrategyError as error:
            wrong[bars.symbol] = error
            for wallet in request.wallets:
                try:
                    said[bars.symbol] += _asked(replace(request, wallets=(wallet,)), bars, protection, sureness)
                except StrategyError as its:
                    wrong[bars.symbol] = its
    return said, wrong


def _asked(request: Request, bars: Bars, protection: Protection, sureness: Sureness) -> tuple[SignalNow, ...]:
    wishes = ask(request, [bars], find_levels(request, [bars], {}, None))
    atr = float("nan")
    if protection.stop_atr > 0.0:
        atr = float(indicators.atr(bars.high, bars.low, bars.close, request.atr_period)[-1])
    return tuple(
        newest(wallet.strategies[0].name, bars, wish[0].signals, protection, atr, sureness)
        for wallet, wish in zip(request.wallets, wishes.wallets, strict=True)
    )


def _fresh(request: Request) -> Request:
    def again(one: Chosen) -> Chosen:
        return replace(one, instance=type(one.instance)(**one.instance.params))

    return replace(
        request,
        wallets=tuple(replace(one, strategies=tuple(map(again, one.strategies))) for one in request.wallets),
    )


def closes(series: Sequence[Bars]) -> int:
    """Return the newest close of any series, ms UTC."""
    return max(int(np.int64(one.open_ms[-1])) + one.timeframe.ms for one in series)
