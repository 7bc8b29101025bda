"""luck: might the days, the order of the trades or the entries have been drawn from a hat?

Random entries trade the same market under the same rules, so that its drift is theirs too: only the moments differ. Where
more was tried than this, beating 95 % of random entries proves nothing, as the best of many random ones does that; the bar is
then the Sharpe ratio that the best of as many random tries stays below with that probability.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.hat import drawn_entries
from trader_cli.model.bars import Floats
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.model.fills import RoundTrips
from trader_cli.stats.performance import sharpe
from trader_cli.stats.resampling import bootstrap, compounded_drawdowns, reordered_drawdowns

NAME = "luck"


def luck(bench: Bench) -> CheckResult:
    """Judge the mean day by bootstrap, the entries by random ones, and the drawdown by other orders of the trades.

    FAIL: too few trades, or fewer days than that; the interval of the mean daily return reaches 0 or below; the Sharpe ratio
    is within what random entries give (see `entry_bar`). WARN: as many of the orders as `confidence_pct` have a deeper
    drawdown than the order that happened: the backtest's is then no guide. An unlucky order is no fault.
    """
    limits, base = bench.limits, bench.base
    confidence, least = float(limits["confidence_pct"]) / 100, int(limits["min_trades"])
    if len(base.trips) < least:
        message = f"{len(base.trips)} closed trades, at least {least} are needed to tell skill from luck"
        return CheckResult(
            NAME, Status.FAIL, len(base.trips), least, "trades", message, "give it a longer span or more symbols"
        )
    if len(base.daily) < least:
        message = f"{len(base.daily)} days, at least {least} are needed to draw from: trades of one day share its luck"
        return CheckResult(NAME, Status.FAIL, len(base.daily), least, "days", message, "give it a longer span")
    samples = int(limits["bootstrap_samples"])
    drawn = bootstrap(base.daily, samples, bench.seed, confidence)
    random = drawn_entries(bench.lab, base, int(limits["entry_samples"]), bench.seed)
    own = _annual(sharpe(base.daily, base.periods))
    tries = max(bench.tried.count, 1)
    bar = entry_bar(random, confidence, tries)
    results = trade_results(base.trips, base.start)
    orders = reordered_drawdowns(results, samples, bench.seed)
    happened = float(compounded_drawdowns(results[None, :])[0])
    worst, deeper = float(np.quantile(orders, confidence)), float(np.mean(orders > happened + 1e-12))
    year = math.sqrt(base.periods)
    details = {
        "block_days": drawn.block,
        "mean_bps": drawn.mean.value * 1e4,
        "mean_low_bps": drawn.mean.low * 1e4,
        "mean_high_bps": drawn.mean.high * 1e4,
        "sharpe": own,
        "sharpe_low": drawn.sharpe.low * year,
        "sharpe_high": drawn.sharpe.high * year,
        "drawdown_pct": drawn.drawdown.value * 100,
        "drawdown_high_pct": drawn.drawdown.high * 100,
        "random_entries": len(random),
        "random_sharpe_mean": float(random.mean()),
        "random_sharpe_deviation": float(random.std(ddof=1)),
        "beaten_pct": float(np.mean(random < own)) * 100,
        "tries": tries,
        "trade_drawdown_pct": happened * 100,
        "trade_drawdown_worst_pct": worst * 100,
        "deeper_orders_pct": deeper * 100,
    }
    low, high = details["mean_low_bps"], details["mean_high_bps"]
    if not low > 0:
        message = (
            f"with {confidence:.0%} confidence the mean day earns between {low:.1f} and {high:.1f} bps: "
            f"nothing or a loss is among what these {len(base.daily):,} days allow"
        )
        hint = "it needs a larger edge or more days; parameters fitted to these days do not count"
        return CheckResult(NAME, Status.FAIL, low, 0.0, "bps a day", message, hint, details)
    against = f"the best of {tries:,} random tries" if tries > 1 else f"{confidence:.0%} of random entries"
    if not own > bar:
        chance = "among so many tries that may be chance" if tries > 1 else "its moments may be drift or chance"
        message = (
            f"{against} with the same holding times stay below a Sharpe ratio of {bar:.2f}; this one has {own:.2f} and "
            f"beats {details['beaten_pct']:.0f} % of {len(random):,}: {chance}"
        )
        hint = "compare it with holding the market; an entry that says nothing costs fees"
        return CheckResult(NAME, Status.FAIL, own, bar, "Sharpe ratio", message, hint, details)
    message = (
        f"the mean day earns {low:.1f} bps or more, the Sharpe ratio of {own:.2f} is above the {bar:.2f} that {against} "
        f"stay below, and one order of its trades in {1 / (1 - confidence):.0f} has a drawdown of {worst:.1%} or more"
    )
    if deeper >= confidence:
        message += f"; the order that happened had {happened:.1%} and was luckier than {deeper:.0%} of them"
        hint = f"plan with a drawdown of {worst:.1%}, not with the backtest's"
        return CheckResult(NAME, Status.WARN, own, bar, "Sharpe ratio", message, hint, details)
    return CheckResult(NAME, Status.PASS, own, bar, "Sharpe ratio", message, "", details)


def entry_bar(random: Floats, confidence: float, tries: int) -> float:
    """Return the Sharpe ratio that luck stays below with probability `confidence`.

    random: Sharpe ratios of random entries. One try: their quantile. Several: also that of the best of `tries`, which is
    their normal quantile at confidence ** (1 / tries) (Šidák 1967), independent of each other; it is cautious for tries alike.
    """
    quantile = float(np.quantile(random, confidence))
    if tries == 1:
        return quantile
    deviations = NormalDist().inv_cdf(confidence ** (1.0 / tries))
    return max(quantile, float(random.mean() + deviations * random.std(ddof=1)))


def trade_results(trips: RoundTrips, start: float) -> Floats:
    """Return each trip's result as a fraction of the account when it closed, in the order they closed, never below -1.

    The account is `start` and the results before it; what other trips had open then is not in it.
    """
    pnl = trips.pnl * 1e-8
    before = start + np.r_[0.0, np.cumsum(pnl)[:-1]]
    return np.maximum(np.where(before > 0, pnl / np.where(before > 0, before, 1.0), -1.0), -1.0)


def _annual(ratio: float) -> float:
    return 0.0 if math.isnan(ratio) else ratio
