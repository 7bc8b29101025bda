"""capacity: are the fills small against what was traded, and how large may the account be?"""

from __future__ import annotations

import numpy as np

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Lab
from trader_cli.model.bars import Floats
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.model.fills import Fills

NAME = "capacity"


def capacity(bench: Bench) -> CheckResult:
    """Hold each fill's quantity against the volume of the bar in which it filled.

    A fill of more than `max_volume_pct` of that volume is not believed: it would have moved the price. FAIL: more than
    `above_volume_pct` of the fills are such, or there are none at all. The size of the account at which just that share would
    be follows from it, as quantities grow with the cash they are bought for. WARN: the bars state no volume. PASS else.
    """
    base, limits = bench.base, bench.limits
    most, share = float(limits["max_volume_pct"]), float(limits["above_volume_pct"])
    if len(base.fills) == 0:
        return CheckResult(
            NAME,
            Status.FAIL,
            0,
            1,
            "fills",
            "it never traded: there is nothing to hold against volume",
            "see `backtest`",
        )
    taken = volume_shares(bench.lab, base.fills)
    stated = ~np.isnan(taken)
    if not stated.any():
        message = f"the bars of {', '.join(bench.lab.symbols)} state no volume: how much could be traded is unknown"
        return CheckResult(NAME, Status.WARN, None, share, "%", message, "take bars with volumes")
    above = float(np.mean(taken[stated] > most)) * 100
    # The smallest of the largest fills that may exceed: an account so many times larger brings it to the limit.
    ranked = np.sort(taken[stated])[::-1]
    place = min(int(len(ranked) * share / 100), len(ranked) - 1)
    start = base.start
    size = start * most / float(ranked[place]) if ranked[place] > 0 else float("inf")
    quote = bench.lab.request.quote
    details = {
        "above_pct": above,
        "account": size,
        "median_pct": float(np.median(taken[stated])),
        "largest_pct": float(ranked[0]),
        "fills": len(taken),
        "without_volume": int((~stated).sum()),
    }
    numbers = f"{above:.1f} % of {len(ranked):,} fills take more than {most:g} % of their bar's volume"
    if above > share:
        message = (
            f"{numbers}, at most {share:g} % should: an account of {size:,.0f} {quote} could, not one of {start:,.0f}"
        )
        hint = f"start with less, `--cash {int(size)}`, trade larger markets, or longer bars"
        return CheckResult(NAME, Status.FAIL, above, share, "%", message, hint, details)
    message = f"{numbers}; up to {size:,.0f} {quote} at the start it stays within {share:g} %"
    return CheckResult(NAME, Status.PASS, above, share, "%", message, "", details)


def volume_shares(lab: Lab, fills: Fills) -> Floats:
    """Return what each fill took of its bar's volume, in percent, shape (n,); NaN where all of that symbol's volumes are 0.

    A bar without volume in a series that has some: infinite, nothing was traded there.
    """
    found = np.full(len(fills), np.nan)
    for s, bars in enumerate(lab.series):
        mine = fills.symbol == s
        volumes = np.nan_to_num(bars.volume, nan=0.0)
        if not mine.any() or not volumes.any():
            continue
        rows = np.searchsorted(bars.open_ms, fills.time_ms[mine])
        volume, quantity = volumes[rows], fills.quantity[mine] * 1e-8
        found[mine] = np.where(volume > 0, quantity / np.where(volume > 0, volume, 1.0) * 100, np.inf)
    return found
