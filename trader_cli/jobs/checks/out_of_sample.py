"""out_of_sample: does it do on bars that no search saw what it did on those before?"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Outcome, Variant
from trader_cli.jobs.summary import iso
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.stats.overfitting import Moments, moments

NAME = "out_of_sample"


def out_of_sample(bench: Bench) -> CheckResult:
    """Compare the Sharpe ratio of the bars after the last search with that of the bars before; both begin with a fresh book.

    Where no search is on record, or none saw any of these bars, the newest `holdout_pct` of them stand for the former.

    Sharpe ratios are compared because a market that halves its swings halves every return; what counts as a loss is money.
    PASS: within `tolerance_pct` of the ratio before. Above: WARN, it is not what was backtested. Below: FAIL where it lost
    money, or where chance explains the gap to the tolerance less often than 1 - `confidence_pct`; else WARN.

    Why so: over a year the error of a Sharpe ratio is about 1, so that an honest strategy falls below 80 % of its backtest
    nearly every other time, and to refuse it for that alone would be noise: of honest ones this fails one in twenty by chance,
    and those that lose. What is nothing but fitted has a ratio of zero out of sample: half of the time it loses, and where the
    ratio before was many of its errors high, as that of a curve that was bent to its bars is, the other half falls short by
    more than chance allows. The best of a few tries is not so high; that it is luck no held-out bars can tell, but the count
    of the tries can: see `overfitting`. Too few days, or trades in proportion to `min_trades`, are a FAIL: no evidence.
    """
    lab, limits = bench.lab, bench.limits
    rows, seen = len(lab.open_ms), bench.tried.seen_until_ms
    cut = rows if seen is None else int(np.searchsorted(lab.open_ms, seen))
    searched = seen is not None and cut > 0
    if searched and cut == rows:
        message = f"a search saw every bar, the last one too: none is left to judge {lab.request.label} by"
        return CheckResult(
            NAME,
            Status.FAIL,
            0.0,
            float(limits["min_days"]),
            "days",
            message,
            "bring newer bars with `trader data fetch`; a search that is to be judged leaves some out: "
            f"`trader optimize {lab.request.label} --holdout-pct 20`",
        )
    if not searched:
        cut = int(rows * (1.0 - float(limits["holdout_pct"]) / 100))
    before, after = lab.run(Variant(last=cut)), lab.run(Variant(first=cut))
    return _judged(bench, before, after, searched=searched)


def _judged(bench: Bench, before: Outcome, after: Outcome, *, searched: bool) -> CheckResult:
    limits = bench.limits
    days, least = min(len(before.daily), len(after.daily)), int(limits["min_days"])
    if days < least:
        side = "out of sample" if len(after.daily) <= len(before.daily) else "before them"
        message = f"{days} days {side}, at least {least} are needed to compare"
        return CheckResult(
            NAME, Status.FAIL, days, least, "days", message, "give it a longer span: `--since`, `--until`"
        )
    trades = len(after.trips)
    wanted = math.ceil(int(limits["min_trades"]) * len(after.daily) / (len(before.daily) + len(after.daily)))
    if trades < wanted:
        message = f"{trades} closed trades in {len(after.daily)} days out of sample, at least {wanted} are needed there"
        return CheckResult(
            NAME, Status.FAIL, trades, wanted, "trades", message, "give it a longer span or more symbols"
        )
    old, new = moments(before.daily), moments(after.daily)
    tolerance = float(limits["tolerance_pct"])
    ratio = new.sharpe / old.sharpe * 100 if old.sharpe > 0 else math.nan
    chance = shortfall(old, new, 1.0 - tolerance / 100)
    begin = iso(int(after.open_ms[0]))
    details = {
        "from": begin,
        "searched": searched,
        "days_before": len(before.daily),
        "days": len(after.daily),
        "sharpe_before": before.stats["sharpe"],
        "sharpe": after.stats["sharpe"],
        "cagr_before_pct": before.stats["cagr_pct"],
        "cagr_pct": after.stats["cagr_pct"],
        "return_pct": after.stats["total_return_pct"],
        "trades": trades,
        "chance": chance,
    }
    which = "no search saw" if searched else "were held out"
    found = (
        f"on the {len(after.daily)} days from {begin[:10]} that {which} the Sharpe ratio is "
        f"{after.stats['sharpe']:.2f} ({after.stats['total_return_pct']:+.1f} % in all)"
    )
    status, said, hint = Status.PASS, f"within {tolerance:g} % of it", ""
    if not old.sharpe > 0:
        message = f"{found}, and {before.stats['sharpe']:.2f} before: there was no profit that could last"
        return CheckResult(
            NAME, Status.FAIL, None, None, "%", message, "it needs another idea, not other bars", details
        )
    if after.final <= round(after.start * 1e8):
        status, said, hint = Status.FAIL, "it lost money there", "what held before does not hold after: it was fitted"
    elif chance < 1.0 - float(limits["confidence_pct"]) / 100:
        status, hint = Status.FAIL, "fewer parameters, or more bars to choose them on"
        said = f"less than {100 - tolerance:g} % of it, with a probability of {chance:.3f} by chance alone"
    elif ratio < 100 - tolerance:
        status, hint = Status.WARN, "more days out of sample would tell"
        said = f"less than {100 - tolerance:g} % of it, which {chance:.0%} of honest ones of as many days have too"
    elif ratio > 100 + tolerance:
        status, hint = Status.WARN, "expect the backtest, not this"
        said = f"more than {100 + tolerance:g} % of it, unlike the backtest"
    message = f"{found}, {ratio:.0f} % of the {before.stats['sharpe']:.2f} before: {said}"
    return CheckResult(NAME, status, ratio, 100.0 - tolerance, "%", message, hint, details)


def shortfall(before: Moments, after: Moments, share: float) -> float:
    """Return how probable a gap of this size is by chance, had the second record `share` of the first one's true ratio.

    One-sided, by the normal law of the difference of two independent Sharpe ratios; NaN where one has none. Their errors
    count skewness and kurtosis, and take the days as independent. Sources: Lo (2002), "The Statistics of Sharpe Ratios",
    Financial Analysts Journal 58(4); Mertens (2002), "Comments on variance of the IID estimator in Lo (2002)".
    """
    variance = _variance(after) + share**2 * _variance(before)
    if not variance > 0:
        return math.nan
    return NormalDist().cdf((after.sharpe - share * before.sharpe) / math.sqrt(variance))


def _variance(record: Moments) -> float:
    squared = 1.0 - record.skewness * record.sharpe + (record.kurtosis - 1.0) / 4.0 * record.sharpe**2
    return squared / (record.count - 1) if record.count > 1 else math.nan
