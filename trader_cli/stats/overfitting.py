"""How much of a Sharpe ratio is luck: of one record, of the best of many, of a search over parameters.

Sharpe ratios here are of one period (a day), not annualised, with the deviation of n-1; kurtosis is 3 for a normal law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from trader_cli.errors import DataError
from trader_cli.model.bars import Floats, Ints
from trader_cli.stats.performance import sharpe

NAN = float("nan")
_EULER = 0.5772156649015329
_NORMAL = NormalDist()
# Deviations below this are rounding of returns that are all the same (as in `performance.sharpe`).
_FLAT = 1e-15
# Scores this near are a tie: sums of the same numbers in another order differ in the last digits.
_TIE = 1e-12
# 184,756 splits; two blocks more are four times as many.
_MOST_BLOCKS = 20
# Combinations scored at once: bounds memory, and changes no result.
_CHUNK = 1024


@dataclass(frozen=True)
class Moments:
    """What the formulas need of a record. sharpe: of one period, NaN where returns do not differ; count: of returns."""

    sharpe: float
    skewness: float
    kurtosis: float
    count: int


@dataclass(frozen=True)
class Overfitting:
    """What CSCV found. probability: of backtest overfitting, in [0, 1].

    slope: of the chosen's Sharpe ratio out of sample on that in sample (below 0: the better it looked, the worse it did);
    NaN where the latter never differs. loss: share of splits in which the chosen lost out of sample. splits: how many.
    """

    probability: float
    slope: float
    loss: float
    splits: int


def moments(returns: Floats) -> Moments:
    """Return Sharpe ratio, skewness and kurtosis (of the population, not in excess) of returns, shape (n,).

    All NaN where the returns do not differ or there are fewer than two.
    """
    ratio = sharpe(returns, 1.0)
    if math.isnan(ratio):
        return Moments(NAN, NAN, NAN, len(returns))
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    skewness = float(np.mean(centred**3)) / variance**1.5
    return Moments(ratio, skewness, float(np.mean(centred**4)) / variance**2, len(returns))


def probabilistic_sharpe(record: Moments, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `benchmark` (of one period); NaN for no record.

    Source: Bailey and López de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), eq. 11.
    """
    spread = _spread(record)
    if record.count < 2 or math.isnan(spread):
        return NAN
    return _NORMAL.cdf((record.sharpe - benchmark) * math.sqrt(record.count - 1) / spread)


def minimum_track_record(record: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return how many returns like these are needed to be `confidence` sure of a Sharpe ratio above `benchmark`.

    Infinite where the record's own is not above it, NaN for no record. Source: Bailey and López de Prado (2012), eq. 13.
    """
    spread = _spread(record)
    if math.isnan(spread):
        return NAN
    if record.sharpe <= benchmark:
        return math.inf
    return 1.0 + (spread * _NORMAL.inv_cdf(confidence) / (record.sharpe - benchmark)) ** 2


def expected_maximum(trials: float) -> float:
    """Return about how many standard deviations the best of `trials` independent normal draws lies above their mean.

    0 for one trial; the approximation is poor below five and is never let fall below 0. Raises DataError for less than
    one. Source: Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), eq. 1.
    """
    if not trials >= 1:
        raise DataError(f"{trials} trials: one at least was made")
    if trials == 1:
        return 0.0
    best, later = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return max(0.0, (1.0 - _EULER) * best + _EULER * later)


def lucky_sharpe(variance: float, trials: float) -> float:
    """Return the Sharpe ratio that the best of `trials` without any edge is expected to show.

    variance: of the trials' Sharpe ratios. Both are of one period.
    """
    return math.sqrt(variance) * expected_maximum(trials)


def deflated_sharpe(record: Moments, variance: float, trials: float) -> float:
    """Return the probability that the best of `trials` is more than luck: its Sharpe ratio against `lucky_sharpe`.

    With one trial it is `probabilistic_sharpe`. Source: Bailey and López de Prado (2014), eq. 2.
    """
    return probabilistic_sharpe(record, lucky_sharpe(variance, trials))


def effective_trials(returns: Floats, counted: int) -> float:
    """Return how many independent trials `counted` correlated ones amount to, in [1, counted].

    returns: shape (n, m), a sample of the trials, one a column. rho + (1 - rho) * counted, with rho the mean correlation
    between two of them, taken as 0 where it is below; a trial whose returns never differ goes with no other (0). Of the
    known estimates it is the cautious one: 100 trials with rho = 0.5 are 50.5, where the participation ratio of the
    correlations' eigenvalues says 3.9 and clusters say as few as one likes. Source: Bailey and López de Prado (2014), A.3.
    """
    columns = returns.shape[1]
    if columns < 2:
        return float(max(counted, 1))
    deviations = returns.std(axis=0)
    moved = deviations > _FLAT
    scaled = (returns[:, moved] - returns[:, moved].mean(axis=0)) / deviations[moved]
    # The sum of all correlations is the mean square of the row sums; their own, 1 each, are taken off.
    both = float(np.mean(scaled.sum(axis=1) ** 2)) - int(moved.sum()) if moved.any() else 0.0
    rho = min(max(both / (columns * (columns - 1)), 0.0), 1.0)
    return float(min(max(rho + (1.0 - rho) * counted, 1.0), max(counted, 1)))


def sharpe_ratios(returns: Floats) -> Floats:
    """Return each column's Sharpe ratio of one period, shape (m,); 0 where returns never differ: who did nothing."""
    deviations = returns.std(axis=0, ddof=1)
    moved = deviations > _FLAT
    return np.where(moved, returns.mean(axis=0) / np.where(moved, deviations, 1.0), 0.0)


def backtest_overfitting(returns: Floats, blocks: int = 16) -> Overfitting:
    """Return how often the best of the trials in one half of the time is no better than their median in the other.

    returns: shape (n, m), one trial a column, at least two. The n rows are cut into `blocks` (even, at most 20) runs of
    neighbours, as equal as can be; each half of the blocks is once what the search sees (C(blocks, blocks/2) splits) and the
    rest is what it never saw. The score is the Sharpe ratio; w is the rank of the chosen among the m out of sample, over
    m + 1; the probability is the share of splits with log(w / (1 - w)) <= 0. Of trials that tie in sample the worst out of
    sample is the chosen one. Raises DataError for fewer than two trials or two rows a block.

    Source: Bailey, Borwein, López de Prado and Zhu (2017), "The Probability of Backtest Overfitting", Journal of
    Computational Finance 20(4).
    """
    count, trials = returns.shape
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise DataError(f"{blocks} blocks: an even number from 2 to {_MOST_BLOCKS} is needed")
    if trials < 2 or count < 2 * blocks:
        raise DataError(f"{trials} trials of {count} returns: at least 2 trials and {2 * blocks} returns are needed")
    starts = np.arange(blocks) * count // blocks
    sizes = np.diff(np.r_[starts, count]).astype(np.float64)
    # Sums of what is left without the trial's mean: squares of the returns themselves would cancel.
    mean = returns.mean(axis=0)
    centred = returns - mean
    sums = np.add.reduceat(centred, starts, axis=0)
    squares = np.add.reduceat(centred**2, starts, axis=0)
    splits = _halves(blocks)
    logits, seen, unseen = [], [], []
    # The rest of a split is the chosen half of its mirror image: the first half of the splits is scored, and looked at twice.
    for first in range(0, len(splits) // 2, _CHUNK):
        chosen = splits[first : min(first + _CHUNK, len(splits) // 2)].astype(np.float64)
        one = _scores(chosen, sizes, sums, squares, mean)
        other = _scores(1.0 - chosen, sizes, sums, squares, mean)
        for inside, outside in ((one, other), (other, one)):
            best = inside.max(axis=1)
            result = np.where(inside >= best[:, None] - _TIE, outside, np.inf).min(axis=1)
            below = np.count_nonzero(outside < result[:, None] - _TIE, axis=1)
            through = np.count_nonzero(outside <= result[:, None] + _TIE, axis=1)
            rank = (below + through + 1) / 2 / (trials + 1)
            logits.append(np.log(rank / (1.0 - rank)))
            seen.append(best)
            unseen.append(result)
    # A rank in the very middle is a logit of 0, and the division may leave its last digit.
    probability = float(np.mean(np.concatenate(logits) <= _TIE))
    x, y = np.concatenate(seen), np.concatenate(unseen)
    spread = float(np.mean((x - x.mean()) ** 2))
    slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread if spread > _TIE**2 else NAN
    return Overfitting(probability, slope, float(np.mean(y < 0)), len(splits))


def _spread(record: Moments) -> float:
    """Return the deviation of the estimated Sharpe ratio times sqrt(n - 1); NaN where it has none."""
    ratio = record.sharpe
    squared = 1.0 - record.skewness * ratio + (record.kurtosis - 1.0) / 4.0 * ratio**2
    # Kurtosis is at least 1 + skewness squared, so that only rounding brings this to 0: returns of two values.
    return math.sqrt(squared) if squared > 0 else NAN


def _halves(blocks: int) -> Ints:
    """Return every choice of half of the blocks as rows of 0 and 1; row i from the end is what row i leaves."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    rows = np.zeros((len(chosen), blocks), np.int64)
    np.put_along_axis(rows, chosen, 1, axis=1)
    return rows


def _scores(chosen: Floats, sizes: Floats, sums: Floats, squares: Floats, mean: Floats) -> Floats:
    """Return the Sharpe ratios (splits, trials) over the chosen blocks; 0 where returns never differ and are 0."""
    count = (chosen @ sizes)[:, None]
    offset = (chosen @ sums) / count
    variance = np.maximum((chosen @ squares) - count * offset**2, 0.0) / (count - 1.0)
    # Rounding of the two sums above is relative to the squares they are made of.
    flat = variance <= np.maximum(_FLAT**2, 1e-14 * (chosen @ squares) / count)
    deviation = np.sqrt(np.where(flat, 1.0, variance))
    return np.where(flat, 0.0, (mean + offset) / deviation)
