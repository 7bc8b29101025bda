"""Random entries: the holdings of a run, each as long and as large as it was, at moments drawn from a hat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trader_cli.jobs.lab import Lab, Outcome, Variant
from trader_cli.model.bars import Bars, Floats
from trader_cli.stats.performance import sharpe
from trader_cli.strategy.base import Param, Strategy
from trader_cli.strategy.signals import Signals


@dataclass(frozen=True, eq=False)
class Held:
    """A symbol's holdings. first: row from which wishes may be drawn. levels: of each holding, bar by bar, 1 = its most."""

    first: int
    levels: Sequence[Floats]


def drawn_entries(lab: Lab, base: Outcome, samples: int, seed: int) -> Floats:
    """Return the annual Sharpe ratios of `samples` runs with random entries, shape (samples,); 0 for one without returns.

    Each has the trades of `base`, symbol by symbol, as many and as long, under the same rules and costs on the same path.
    """
    table = {bars.symbol: held_in(base, s, bars) for s, bars in enumerate(lab.series)}
    # One wish a bar was drawn: there is nothing for several timeframes to agree on.
    plain = Lab(replace(lab.request, timeframes=()), lab.stage).wanting(random_entries(table, seed)())
    found = np.empty(samples)
    for i in range(samples):
        outcome = plain.run(Variant(params={"sample": i}))
        ratio = sharpe(outcome.daily, outcome.periods)
        found[i] = 0.0 if math.isnan(ratio) else ratio
    return found


def held_in(base: Outcome, symbol: int, bars: Bars) -> Held:
    """Return what a run held of a symbol (its index), the holding that is open at the end too.

    A trip within one bar was a holding of one. Nothing is drawn before the first was wished for: who warms up cannot trade.
    """
    mine = base.fills.symbol == symbol
    rows = np.searchsorted(bars.open_ms, base.fills.time_ms[mine])
    signed = (base.fills.side * base.fills.quantity)[mine]
    change = np.zeros(len(bars) + 1, np.int64)
    np.add.at(change, rows, signed)
    held = np.cumsum(change)[:-1]
    trips = base.trips.symbol == symbol
    spans = [
        (int(a), int(b))
        for a, b in zip(
            np.searchsorted(bars.open_ms, base.trips.entry_ms[trips]),
            np.searchsorted(bars.open_ms, base.trips.exit_ms[trips]),
            strict=True,
        )
    ]
    if len(held) and held[-1] > 0:
        running = np.cumsum(signed)
        flat = np.flatnonzero(running == 0)
        spans.append((int(rows[flat[-1] + 1 if len(flat) else 0]), len(bars)))
    levels = []
    for begin, end in spans:
        kept = held[begin : max(end, begin + 1)].astype(np.float64)
        most = kept.max()
        levels.append(kept / most if most > 0 else np.ones(len(kept)))
    return Held(max(min((begin for begin, _ in spans), default=1) - 1, 0), levels)


def random_entries(table: Mapping[str, Held], seed: int) -> type[Strategy]:
    """Return a strategy that wants the holdings of `table` at random moments; `sample` says which draw."""
    places = {symbol: i for i, symbol in enumerate(table)}

    class RandomEntries(Strategy):
        """Hold what was held, as long as it was held, at random moments."""

        sample = Param(0, low=0)

        def targets(self, bars: Bars) -> Signals:
            rng = np.random.default_rng([seed, self.sample, places[bars.symbol]])
            return Signals(target=placed(table[bars.symbol], len(bars), rng), confidence=np.ones(len(bars)))

    return RandomEntries


def placed(held: Held, bars: int, rng: np.random.Generator) -> Floats:
    """Return wishes, shape (bars,): the holdings in random order, the time between them split at random, 0 elsewhere.

    Every order and every split is as likely. A bar lies between two holdings where there is room, so that they stay two.
    """
    target = np.zeros(bars)
    count = len(held.levels)
    # The wish of the last bar is filled by no bar, and that of the one before it ends the last holding.
    free = bars - 2 - held.first - sum(len(one) for one in held.levels)
    between = 1 if free >= count - 1 else 0
    free = max(free - between * max(count - 1, 0), 0)
    # Stars and bars: the holdings' places among as many free bars and holdings.
    gaps = np.diff(np.r_[-1, np.sort(rng.choice(free + count, count, replace=False, shuffle=False))]) - 1
    row = held.first
    for i, (gap, which) in enumerate(zip(gaps.tolist(), rng.permutation(count).tolist(), strict=True)):
        row += gap + (between if i else 0)
        level = held.levels[which]
        target[row : row + len(level)] = level[: max(bars - row, 0)]
        row += len(level)
    return target
