"""`python -m tests.luck --seeds 200 --data FOLDER`: prints the rates; about two seconds a seed and market."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.luck.rates import markets, rate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.luck")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--data", type=Path, default=None, help="folder of the shared test data; none = no shuffled real data"
    )
    parser.add_argument("--market", action="append", default=[], help="only this one; may be repeated")
    chosen = parser.parse_args()
    for name, market in markets(chosen.data).items():
        if not chosen.market or name in chosen.market:
            found = rate(name, market, range(chosen.first, chosen.first + chosen.seeds))
            print(found, f"; let pass: {list(found.passed)}" if found.refused_pct > 50 else "", flush=True)


if __name__ == "__main__":
    main()
