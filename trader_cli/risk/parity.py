"""Risk parity: weights under which every row carries the same share of the portfolio's risk.

True equal risk contributions, correlations included; inverse volatility is only where the iteration starts.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from trader_cli.compiler import inlined
from trader_cli.risk.returns import bar_return, first_bar, varies

_TOLERANCE = 1e-11  # of a contribution, relative to the equal share
_SWEEPS_MAX = 500  # with twice as many bars as rows 50 suffice; more are for rows that nearly hedge each other


@inlined
def covariance(returns: Any, bar: int, window: int, rows: Any, count: int, cov: Any, work: Any) -> int:
    """Fill cov[0:count, 0:count] with the sample covariance of the bar returns of rows[0:count]; return the bars used.

    returns: (R, T) float64, of `bar_returns`.
    cov[i, j] belongs to rows[i] and rows[j]; divisor n - 1; per bar, not annualised. A missing
    return counts 0.0, so that every pair has the same bars and the matrix is positive semidefinite. A row that
    does not vary by more than rounding, and every row where n < 2, gets zeros. work: at least 2 * count long.
    """
    first = first_bar(bar, window)
    n = max(0, bar + 1 - first)
    for i in range(count):
        work[i] = 0.0
        for j in range(count):
            cov[i, j] = 0.0
    if n < 2:
        return n
    for t in range(first, bar + 1):
        for i in range(count):
            work[i] += bar_return(returns, t, rows[i])
    for i in range(count):
        work[i] /= n
    for t in range(first, bar + 1):
        for i in range(count):
            work[count + i] = bar_return(returns, t, rows[i]) - work[i]
            for j in range(i + 1):
                cov[i, j] += work[count + i] * work[count + j]
    for i in range(count):
        # Marked first, because the diagonal is overwritten below.
        work[count + i] = 1.0 if varies(cov[i, i], n, work[i]) else 0.0
    for i in range(count):
        for j in range(i + 1):
            both = work[count + i] * work[count + j]
            cov[i, j] = cov[i, j] / (n - 1) if both > 0.0 else 0.0
            cov[j, i] = cov[i, j]
    return n


@inlined
def weighted_row(cov: Any, n: int, weights: Any, i: int) -> float:
    """Return row i of cov[0:n, 0:n] times weights[0:n]."""
    total = 0.0
    for j in range(n):
        total += cov[i, j] * weights[j]
    return total


@inlined
def equal_risk_weights(cov: Any, n: int, weights: Any) -> bool:
    """Fill weights[0:n] with the long-only equal risk contribution weights of cov[0:n, 0:n]; tell whether they converged.

    cov: symmetric, positive semidefinite. weights: each > 0, sum 1. A row without variance can carry no risk: it gets its
    equal weight 1 / n, and the others share the rest by equal risk. Where no such weights exist (rows that hedge each
    other perfectly) the result is False and weights are the last ones tried, positive and of sum 1 all the same.
    Minimises x' cov x / 2 - sum(log x) / n one coordinate at a time, each the root of a quadratic, then scales x to sum 1.
    Source: Griveau-Billion, Richard and Roncalli (2013), "A fast algorithm for computing high-dimensional risk parity
    portfolios"; Maillard, Roncalli and Teiletche (2010), "The properties of equally weighted risk contribution portfolios".
    """
    risky = 0
    for i in range(n):
        weights[i] = 0.0
        if cov[i, i] > 0.0:
            risky += 1
    for i in range(n):
        if cov[i, i] > 0.0:
            weights[i] = sqrt(1.0 / (risky * cov[i, i]))
    converged = risky == 0
    for _ in range(_SWEEPS_MAX):
        risk = 0.0
        for i in range(n):
            risk += weights[i] * weighted_row(cov, n, weights, i)
        if not risk > 0.0:
            break
        worst = 0.0
        for i in range(n):
            if cov[i, i] > 0.0:
                share = weights[i] * weighted_row(cov, n, weights, i) / risk
                worst = max(worst, abs(share * risky - 1.0))
        converged = bool(worst <= _TOLERANCE)
        if converged:
            break
        # At the minimum x' cov x = 1. Scaling there is an exact step along the ray; without it rows that nearly hedge each
        # other, whose x is large, would take hundreds of sweeps to grow to it.
        scale = 1.0 / sqrt(risk)
        for i in range(n):
            weights[i] *= scale
        for i in range(n):
            variance = cov[i, i]
            if variance > 0.0:
                others = weighted_row(cov, n, weights, i) - variance * weights[i]
                # The positive root of variance x^2 + others x = 1 / risky, in the form that does not cancel.
                root = sqrt(others * others + 4.0 * variance / risky)
                if others > 0.0:
                    weights[i] = 2.0 / (risky * (root + others))
                else:
                    weights[i] = (root - others) / (2.0 * variance)
    total = 0.0
    for i in range(n):
        total += weights[i]
    for i in range(n):
        weights[i] = weights[i] / total * (risky / n) if cov[i, i] > 0.0 else 1.0 / n
    return converged
