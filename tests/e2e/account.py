"""A home with a venue: the local exchange, its keys in the environment, a strategy that always holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exchange import KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer
from program import Done, trader

PHRASE = "YES I AM SURE"
HOLD = '''"""Hold, whatever comes."""

import numpy as np

from trader_cli.strategy.base import Strategy


class Hold(Strategy):
    """Hold, whatever comes."""

    def targets(self, bars):
        return np.ones(len(bars))
'''
TOML = """
[venue]
id = "kraken"
api_url = "{url}"
deadline_s = 3
lookup_margin_ms = 100
[data]
symbols = ["BTC/USD"]
timeframe = "1h"
[risk]
stop_pct = "2"
[execution]
order = "market"
"""


@dataclass(frozen=True)
class Account:
    """A home that trades on the local exchange."""

    home: Path
    server: ExchangeServer

    def trader(self, *words: str, **env: str) -> Done:
        """Run a command as its owner would, with the keys in the environment; nothing of it leaves this home."""
        keys = {"TRADER_API_KEY": KRAKEN_KEY, "TRADER_API_SECRET": KRAKEN_SECRET}
        done = trader(*words, home=self.home, XDG_STATE_HOME=str(self.home / "state"), **{**keys, **env})
        assert KRAKEN_SECRET not in done.out + done.err
        assert KRAKEN_KEY not in done.out + done.err
        return done

    def arm(self) -> None:
        """Deploy the strategy and agree to live trading, though nothing was validated."""
        done = self.trader("strategy", "deploy", "hold")
        assert done.code == 0, done.err
        done = self.trader("live", "arm", "--allow-unvalidated", "--confirm", PHRASE)
        assert done.code == 0, done.err

    def checks(self, *words: str) -> tuple[int, dict[str, str]]:
        """Run the doctor; return its exit code and what it says of each area, the worst word of several."""
        done = self.trader("doctor", *words, "--json")
        found: dict[str, str] = {}
        for one in done.json["result"]["checks"]:
            word = one["status"]
            found[one["area"]] = max(found.get(one["area"], "ok"), word, key=("ok", "warn", "fail").index)
        return done.code, found


@contextmanager
def trading(home: Path) -> Iterator[Account]:
    """Give a home on an exchange that has 10,000 USD and a coin that is not ours."""
    with ExchangeServer(["kraken"], balances={"kraken": {"USD": "10000", "BTC": "1"}}) as server:
        (home / "strategies").mkdir()
        (home / "strategies" / "hold.py").write_text(HOLD)
        (home / "trader.toml").write_text(TOML.format(url=server.url))
        (home / "trader.toml").chmod(0o600)
        yield Account(home, server)
