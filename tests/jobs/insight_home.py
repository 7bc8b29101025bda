"""A home with bars made by hand and a strategy that holds what a file says, driven through the command line in this process."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from said import Said

from trader_cli.cli.main import run
from trader_cli.ledger import Ledger

HOUR = 3_600_000
FIRST = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PLANNED = '''"""Hold what a file says."""

import json
from pathlib import Path

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy, indicators

PLAN = Path(__file__).with_name("planned.json")


class Planned(Strategy):
    """Hold what a file says."""

    def targets(self, bars: Bars) -> Signals:
        indicators.sma(bars.close, 3)
        columns = {name: np.full(len(bars), np.nan) for name in ("target", "stop", "confidence")}
        columns["target"][:] = 0.0
        for since_ms, said in json.loads(PLAN.read_text()).get(bars.symbol, []):
            rows = bars.open_ms + bars.timeframe.ms >= since_ms
            for name in columns:
                columns[name][rows] = said.get(name, np.nan)
        return Signals(**columns)
'''


def at(hours: int) -> int:
    """Return the open of a bar, ms UTC."""
    return FIRST + hours * HOUR


def clock(hours: int) -> str:
    """Return the same as text."""
    return datetime.fromtimestamp(at(hours) / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


@dataclass(frozen=True)
class Home:
    """The home of one test."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, **settings: Any) -> Home:
        (folder / "strategies").mkdir(parents=True, exist_ok=True)
        (folder / "strategies" / "planned.py").write_text(PLANNED)
        (folder / "strategies" / "planned.json").write_text("{}")
        home = cls(folder)
        home.states(**settings)
        return home

    def states(self, **settings: Any) -> None:
        """Write the configuration: `costs__fee_bps="10"`."""
        tables: dict[str, dict[str, Any]] = {
            "data": {"symbols": ["AA/USD"], "exchange": "test", "timeframe": "1h"},
            "account": {"cash": "1000"},
            "costs": {"fee_bps": "0", "maker_fee_bps": "0", "slippage_bps": "0"},
            "sizing": {"method": "quantity", "quantity": "1"},
        }
        for key, value in settings.items():
            section, _, name = key.partition("__")
            tables.setdefault(section, {})[name] = value
        lines = ['preset = "plain"']
        for table, values in tables.items():
            lines.append(f"[{table}]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        (self.folder / "trader.toml").write_text("\n".join(lines) + "\n")

    def bars(self, closes: Sequence[float], symbol: str = "AA/USD", gone: Sequence[int] = ()) -> None:
        """Store bars of an hour that open where the one before closed; gone: those that do not exist."""
        path = self.folder / "data" / "test" / f"{symbol.replace('/', '-')}-1h.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("timestamp", "open", "high", "low", "close", "volume"))
            before = closes[0]
            for i, close in enumerate(closes):
                if i not in gone:
                    rows.writerow((at(i), before, max(before, close), min(before, close), close, 1000))
                before = close

    def want(self, hours: int, target: float, symbol: str = "AA/USD", **levels: float) -> None:
        """Let the strategy want this from the close of a bar on: `hours` is where the next one opens."""
        path = self.folder / "strategies" / "planned.json"
        plan = json.loads(path.read_text())
        plan.setdefault(symbol, []).append([at(hours), {"target": target, **levels}])
        path.write_text(json.dumps(plan))

    def call(self, *words: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*words, "--home", str(self.folder)])
        return Said(code, out.getvalue(), err.getvalue())

    def backtest(self, *words: str) -> dict[str, Any]:
        said = self.call("backtest", "planned", "--json", *words)
        assert said.code == 0, said.err
        return said.result

    def paper(self, cycles: int, *words: str) -> dict[str, Any]:
        """Step a paper session on the stored bars so many times; return what the last cycle said."""
        result: dict[str, Any] = {}
        for _ in range(cycles):
            said = self.call("paper", "planned", "--replay", "--json", *words)
            assert said.code == 0, said.err
            result = said.result
        return result

    def ledger(self) -> Ledger:
        return Ledger.open("sqlite:///trader.db", self.folder, create=False)
