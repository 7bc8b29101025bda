"""Historical value at risk and expected shortfall of a portfolio: what it would have lost over the last bars.

Today's values are held fixed and every bar of the window is one equally likely scenario. No distribution is assumed, and
so nothing worse than the window's worst bar is foreseen. Losses are of one bar; nothing is scaled to longer horizons.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.risk.returns import bar_return, first_bar


@inlined
def tail_losses(returns: Any, bar: int, window: int, values: Any, rows: Any, count: int, work: Any) -> int:
    """Write the loss of each scenario into work[0:n], oldest first, and return n; a loss is positive, a gain negative.

    returns: (R, T) float64, of `bar_returns`.
    values: (R,) quote at stake per row, negative for a short one. rows[0:count]: the rows held.
    work: at least `window` long. n is `window`, less where history is shorter. A missing return counts 0.0.
    Source: Jorion (2006), "Value at Risk", 3rd ed., chapter 10: historical simulation.
    """
    first = first_bar(bar, window)
    n = max(0, bar + 1 - first)
    for i in range(n):
        work[i] = 0.0
    # Row by row, so that a row's returns are read in one stretch.
    for k in range(count):
        r = rows[k]
        value = values[r]
        for i in range(n):
            work[i] -= value * bar_return(returns, first + i, r)
    return n


@inlined
def worst_loss(work: Any, n: int) -> float:
    """Return the largest of the losses work[0:n], at least 0: neither VaR nor CVaR at any confidence is more."""
    worst = 0.0
    for i in range(n):
        worst = max(worst, work[i])
    return worst


@inlined
def tail_size(n: int, confidence: float) -> int:
    """Return how many of n scenarios lie at or beyond the VaR, 1 to n.

    The rank of the VaR is the smallest k with k / n >= confidence; decided on the quotient, which is rounded as the
    decimal `confidence` is: 0.07 * 100 is above 7 in floats, 7 / 100 is not above 0.07.
    """
    rank = int(confidence * n)
    if rank / n < confidence:
        rank += 1
    return n - rank + 1


@inlined
def sift_down(heap: Any, at: int, size: int) -> None:
    """Move heap[at] down until no child in heap[0:size] is smaller."""
    value = heap[at]
    child = 2 * at + 1
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if not heap[child] < value:
            break
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    heap[at] = value


@inlined
def var_and_cvar(work: Any, n: int, confidence: float) -> Any:
    """Return (VaR, CVaR) of the losses in work[0:n], both >= 0 and VaR <= CVaR; (0.0, 0.0) for no scenario.

    VaR: the inverse of the empirical distribution, the smallest loss such that at least the share `confidence` (in (0, 1))
    of the scenarios are not worse; an order statistic, never interpolated (numpy's `inverted_cdf`). CVaR: the mean of the
    scenarios from the VaR's rank on. Of scenarios that equal the VaR only those from its rank on count: with many
    bars of no change the others would dilute the tail to nothing. So it is the mean of the worst m scenarios, which is
    coherent (subadditive). Reorders work[0:n].
    Source: Jorion (2006); Acerbi and Tasche (2002), "On the coherence of expected shortfall"; Rockafellar and Uryasev
    (2002), "Conditional value-at-risk for general loss distributions".
    """
    if n <= 0:
        return 0.0, 0.0
    # The tail is a few scenarios of many: a heap of the worst, with the mildest of them on top, is passed once over
    # the rest. Unlike quickselect it has no bad case.
    size = tail_size(n, confidence)
    for at in range(size // 2 - 1, -1, -1):
        sift_down(work, at, size)
    for k in range(size, n):
        loss = work[k]
        if loss > work[0]:
            work[k] = work[0]
            work[0] = loss
            sift_down(work, 0, size)
    quantile = work[0]
    total = 0.0
    for k in range(size):
        total += work[k]
    # A mean of equal numbers may round below them.
    mean = max(total / size, quantile)
    if not quantile > 0.0:
        quantile = 0.0
    if not mean > 0.0:
        mean = 0.0
    return quantile, mean
