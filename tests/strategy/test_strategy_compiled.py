"""The compiler changes nothing: indicators and strategies give the same bits compiled and interpreted (law 4)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Rough prices with holes, a stretch that stands still and a jump: every branch of the compiled functions.
SCRIPT = """
import hashlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, "tests/strategy")
from test_strategy_indicators import EVERY, S
from trader_cli.compiler import INTERPRET
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from dataclasses import replace

from trader_cli.strategy.base import compute
from trader_cli.strategy.loader import Library
from trader_cli.strategy.signals import FIELDS

rough = {name: values.copy() for name, values in S.items()}
for values in rough.values():
    values[300:420] = values[300]
    values[700:] *= 3.0
holed = {name: values.copy() for name, values in rough.items()}
for values in holed.values():
    values[[0, 40, 41, 999]] = np.nan
whole = hashlib.sha256()
for series in (rough, holed):
    for name in EVERY:
        whole.update(EVERY[name](series).tobytes())
stamps = np.arange(len(rough["close"]), dtype=np.int64) * 3_600_000
bars = Bars("X", "x", Timeframe(3_600_000), stamps, rough["close"], *(rough[name] for name in rough))
bars = replace(bars, peers=(replace(bars, close=rough["close"] * np.where(stamps % 7 == 0, 1.01, 1.0)),))
library = Library(None, Path("strategies"))
short = {"grid": {"fast": 3, "slow": 10, "max_adx": 60.0, "step_atr": 0.0, "min_step_bps": 0.0}}
for name, params in [*((name, {}) for name in library.names()), *short.items()]:
    signals = compute(library.load(name).cls(**params), bars)
    for field in FIELDS:
        column = getattr(signals, field)
        whole.update(b"none" if column is None else column.tobytes())
print(INTERPRET, whole.hexdigest())
"""


def _digest(interpret: bool) -> list[str]:
    environment = {**os.environ, "TRADER_INTERPRET": "1" if interpret else "0"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_compiled_and_interpreted_indicators_and_strategies_give_the_same_bits() -> None:
    compiled, interpreted = _digest(interpret=False), _digest(interpret=True)
    assert (compiled[0], interpreted[0]) == ("False", "True")
    assert compiled[1] == interpreted[1]


@pytest.mark.parametrize("heavy", ["numba", "pandas", "pyarrow"])
def test_listing_strategies_does_not_import(heavy: str) -> None:
    code = (
        "import sys; from pathlib import Path; from trader_cli.strategy.loader import Library;"
        f"assert Library(None, Path('strategies')).files()[0].summary; print({heavy!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_strategy_needs_no_pandas() -> None:
    code = (
        "import sys; from pathlib import Path; from trader_cli.strategy.loader import Library;"
        "[Library(None, Path('strategies')).load(name) for name in Library(None, Path('strategies')).names()];"
        "import trader_cli.strategy.indicators; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
