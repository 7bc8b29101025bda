"""Law 1 as a check: nothing a strategy says may change with what comes after."""

from __future__ import annotations

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import excerpt, strategies
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.strategy.laws import check_lookahead
from trader_cli.strategy.laws_finding import Finding

NAME = "look_ahead"
_TOLD = 20


def look_ahead(bench: Bench) -> CheckResult:
    """Cut every series at `cuts` places and more, and put other futures after the cut.

    FAIL where anything said before a cut changes, or where the strategy reads what no cut can take away. WARN where it gives
    two answers for the same bars, so that nothing can be concluded: that is what `determinism` fails.
    """
    findings: list[Finding] = []
    bars = 0
    cuts = int(bench.limits["cuts"])
    for chosen in strategies(bench.lab):
        for one in bench.lab.series:
            if len(one):
                seen = excerpt(one, chosen.instance, bench.limits, bench.seed)
                bars += len(seen)
                findings += check_lookahead(chosen.instance, seen, cuts, bench.seed)
    reads = [one for one in findings if one.test == "watch"]
    unsteady = any(one.test == "again" for one in findings)
    leaks = [] if unsteady else [one for one in findings if one.test != "watch"]
    details = {
        "bars": bars,
        "cuts": cuts,
        "findings": [{**one.plain, "cut": one.cut} for one in (*reads, *leaks)[:_TOLD]],
    }
    symbols = len(bench.lab.series)
    if reads or leaks:
        first = reads[0] if reads else leaks[0]
        count = float(len({(one.symbol, one.cut) for one in leaks}) + len(reads))
        return CheckResult(NAME, Status.FAIL, count, 0.0, "cuts", _told(first), _cure(first), details)
    if unsteady:
        text = f"cannot be judged: it gives two answers for the same bars of {findings[0].symbol}"
        return CheckResult(NAME, Status.WARN, None, 0.0, "cuts", text, "see `determinism`", details)
    text = f"nothing it says changes with what comes after: {cuts} cuts and more in each of {symbols} series, {bars:,} bars"
    return CheckResult(NAME, Status.PASS, 0.0, 0.0, "cuts", text, details=details)


def _told(finding: Finding) -> str:
    if finding.test == "watch":
        return finding.cause
    if finding.problem:
        return f"{finding.symbol}, bar {finding.bar} ({finding.time}): {finding.problem}; {finding.cause}"
    return (
        f"{finding.cause}: on {finding.symbol}, bar {finding.bar} ({finding.time}), `{finding.field}` is "
        f"{finding.expected:g} with the bars from {finding.cut} on and {finding.got:g} without them"
    )


def _cure(finding: Finding) -> str:
    if finding.test == "watch":
        return (
            "let it decide on `bars` alone: what is read from elsewhere may hold the future, and is not there tomorrow"
        )
    return (
        "row i may depend on rows 0..i only: no negative shift, no centred window, no statistic over the whole series"
    )
