"""What might as well have happened: returns drawn anew in blocks, trades in another order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trader_cli.errors import DataError
from trader_cli.model.bars import Floats, Ints

# Cells drawn at once; bounds memory at some tens of MB whatever is asked for.
_CELLS = 1_000_000
_FLAT = 1e-15


@dataclass(frozen=True)
class Interval:
    """A figure with the bounds that a share `confidence` of the drawn ones lies between (equal tails)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Of the mean return of a period, its Sharpe ratio of a period, and the deepest drawdown (a fraction, compounded).

    block: mean length of the blocks, in returns.
    """

    mean: Interval
    sharpe: Interval
    drawdown: Interval
    block: float


def automatic_block(returns: Floats) -> float:
    """Return the mean block length that suits the returns' autocorrelation, in [1, min(3 sqrt(n), n / 3)]; 1 for fewer than 9.

    (2 G^2 / D)^(1/3) n^(1/3), D = 2 g(0)^2, with G the sum of |k| R(k), g(0) that of R(k), under a flat-top window whose
    width is twice the lag after which K = max(5, sqrt(log10 n)) autocorrelations in a row are within 2 sqrt(log10(n) / n).

    Source: Politis and White (2004), "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews
    23(1), with the correction of Patton, Politis and White (2009), Econometric Reviews 28(4).
    """
    n = len(returns)
    if n < 9 or float(np.std(returns)) <= _FLAT:
        return 1.0
    quiet = max(5, math.ceil(math.sqrt(math.log10(n))))
    longest = min(math.ceil(math.sqrt(n)) + quiet, n - 1)
    centred = returns - returns.mean()
    covariance = np.array([float(centred[k:] @ centred[: n - k]) / n for k in range(longest + 1)])
    bound = 2.0 * math.sqrt(math.log10(n) / n)
    loud = np.abs(covariance / covariance[0]) >= bound
    # Lag 0 is always loud: the first lag after which the next `quiet` ones are not, else the last loud one.
    starts = [m for m in range(longest - quiet + 1) if not loud[m + 1 : m + 1 + quiet].any()]
    last = starts[0] if starts else int(np.flatnonzero(loud)[-1])
    width = min(2 * max(last, 1), longest)
    lags = np.arange(1, width + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - lags / width))
    first = 2.0 * float(np.sum(window * lags * covariance[1 : width + 1]))
    spectrum = float(covariance[0]) + 2.0 * float(np.sum(window * covariance[1 : width + 1]))
    if spectrum == 0.0:
        return 1.0
    block = abs(first / spectrum) ** (2.0 / 3.0) * n ** (1.0 / 3.0)
    return float(min(max(block, 1.0), 3.0 * math.sqrt(n), n / 3.0))


def stationary_rows(n: int, block: float, samples: int, rng: np.random.Generator) -> Ints:
    """Return rows to draw, shape (samples, n): blocks of geometric length with mean `block`, begun anywhere, in a circle.

    Source: Politis and Romano (1994), "The Stationary Bootstrap", JASA 89(428).
    """
    begins = rng.random((samples, n)) < 1.0 / block
    begins[:, 0] = True
    columns = np.arange(n)
    since = np.maximum.accumulate(np.where(begins, columns, 0), axis=1)
    starts = np.take_along_axis(rng.integers(0, n, (samples, n)), since, axis=1)
    return (starts + columns - since) % n


def bootstrap(
    returns: Floats, samples: int, seed: int, confidence: float = 0.95, block: float | None = None
) -> Intervals:
    """Return what mean, Sharpe ratio and drawdown might have been; the same for the same seed.

    returns: shape (n,), n at least 2. block: mean block length, None = `automatic_block`. Percentile intervals; a Sharpe
    ratio of drawn returns that do not differ counts as 0. Raises DataError for fewer than two returns.
    """
    if len(returns) < 2:
        raise DataError(f"{len(returns)} returns: at least two are needed to draw from")
    length = automatic_block(returns) if block is None else block
    rng = np.random.default_rng(seed)

    def draw(count: int) -> Floats:
        return _figures(returns[stationary_rows(len(returns), length, count, rng)])

    drawn = _in_parts(samples, len(returns), draw)
    own = _figures(returns[None, :])[0]
    bounds = np.quantile(drawn, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], axis=0)
    mean, ratio, drawdown = (Interval(float(own[i]), float(bounds[0, i]), float(bounds[1, i])) for i in range(3))
    return Intervals(mean, ratio, drawdown, length)


def reordered_drawdowns(results: Floats, samples: int, seed: int) -> Floats:
    """Return the deepest drawdown, a fraction, of each of `samples` random orders of trades, shape (samples,).

    results: of each trade, as a fraction of the account before it, shape (n,), above -1. They compound, so that every
    order ends with the same account; only the way there differs.
    """
    rng = np.random.default_rng(seed)

    def draw(count: int) -> Floats:
        orders = rng.permuted(np.broadcast_to(results, (count, len(results))), axis=1)
        return compounded_drawdowns(orders)

    return _in_parts(samples, max(len(results), 1), draw)


def compounded_drawdowns(returns: Floats) -> Floats:
    """Return the deepest fall from a peak, the start among them, of each row of returns (s, n), as a fraction, shape (s,)."""
    if returns.shape[1] == 0:
        return np.zeros(len(returns))
    account = np.cumprod(1.0 + returns, axis=1)
    peak = np.maximum(np.maximum.accumulate(account, axis=1), 1.0)
    return np.asarray(np.max(1.0 - account / peak, axis=1))


def _figures(returns: Floats) -> Floats:
    mean = returns.mean(axis=1)
    deviation = returns.std(axis=1, ddof=1)
    moved = deviation > _FLAT
    ratio = np.where(moved, mean / np.where(moved, deviation, 1.0), 0.0)
    return np.column_stack((mean, ratio, compounded_drawdowns(returns)))


def _in_parts(samples: int, width: int, draw: Callable[[int], Floats]) -> Floats:
    most = max(1, _CELLS // width)
    return np.concatenate([draw(min(most, samples - done)) for done in range(0, samples, most)])
