"""The compiler changes nothing: the risk arithmetic gives the same bits compiled and interpreted (law 4)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Prices with late beginnings, bars without change and a row that stands still: every branch of the compiled functions.
SCRIPT = """
import hashlib
import warnings

import numpy as np

warnings.simplefilter("error")
from trader_cli.compiler import INTERPRET
from trader_cli.risk import correlation, kelly, parity, performance, var
from trader_cli.risk.returns import bar_returns

def in_kernel(function):
    # Called from Python they are Python; a kernel makes machine code of them.
    if INTERPRET:
        return function
    import numba
    return numba.njit(error_model="numpy")(lambda *numbers: function(*numbers))

correlation, kelly_rate = in_kernel(correlation.correlation), in_kernel(kelly.kelly_rate)
covariance, equal_risk_weights = in_kernel(parity.covariance), in_kernel(parity.equal_risk_weights)
performance_weights = in_kernel(performance.performance_weights)
tail_losses, var_and_cvar = in_kernel(var.tail_losses), in_kernel(var.var_and_cvar)

rng = np.random.default_rng(20)
moves = rng.normal(0.0, 0.02, (300, 8)) + rng.normal(0.0, 0.02, (300, 1)) * rng.uniform(-1.5, 1.5, 8)
moves[rng.random((300, 8)) < 0.2] = 0.0
prices = np.empty((4, 300, 8))
prices[:] = 50.0 * np.cumprod(1.0 + moves, axis=0)
prices[:, :, 6] = 7.0
prices[:, :, 7] = 100.0 * 1.001 ** np.arange(300)
prices[:, :40, 1] = np.nan
prices[:, :290, 2] = np.nan
whole = hashlib.sha256()
work, cov, weights, out = np.empty(300), np.empty((8, 8)), np.empty(8), np.empty(8, np.int64)
for case in range(60):
    bar, window = int(rng.integers(0, 300)), int(rng.integers(1, 280))
    rows, count = rng.permutation(8), int(rng.integers(0, 9))
    n = tail_losses(bar_returns(prices[3]), bar, window, rng.normal(0.0, 1e4, 8), rows, count, work)
    whole.update(work[:n].tobytes())
    whole.update(np.array(var_and_cvar(work, n, float(rng.uniform(0.5, 0.999)))).tobytes())
    whole.update(np.float64(correlation(bar_returns(prices[3]), bar, window, int(rows[0]), int(rows[1]))).tobytes())
    covariance(bar_returns(prices[3]), bar, window, rows, count, cov, work)
    weights[:] = 0.0
    whole.update(bytes([equal_risk_weights(cov, count, weights)]))
    whole.update(weights.tobytes())
    bought, result = rng.integers(0, 10**16, 8), rng.integers(-(10**16), 10**16, 8)
    out[:] = 0
    performance_weights(bought, result, rng.integers(0, 30, 8), count, 5, int(rng.integers(0, 2 * 10**7)), 4 * 10**7, out)
    whole.update(out.tobytes())
    won, lost = rng.integers(0, 10**15, 2)
    whole.update(b"%d," % kelly_rate(*rng.integers(0, 1000, 2), won, lost, 5 * 10**7, 9 * 10**7))
print(INTERPRET, whole.hexdigest())
"""


def _digest(interpret: bool) -> list[str]:
    environment = {**os.environ, "TRADER_INTERPRET": "1" if interpret else "0"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.req("R2.3")
@pytest.mark.req("R2.4")
@pytest.mark.req("R4.4")
def test_compiled_and_interpreted_risk_arithmetic_give_the_same_bits() -> None:
    compiled, interpreted = _digest(interpret=False), _digest(interpret=True)
    assert (compiled[0], interpreted[0]) == ("False", "True")
    assert compiled[1] == interpreted[1]
