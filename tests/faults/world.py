"""One venue, one home, one clock: the program run in it as often as wanted, and the way back to a moment before."""

from __future__ import annotations

import copy
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from exchange import BINANCE_KEY, BINANCE_SECRET, KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer
from exchange.control import Control
from exchange.kraken import Kraken

KEYS = {"kraken": (KRAKEN_KEY, KRAKEN_SECRET), "binance": (BINANCE_KEY, BINANCE_SECRET)}
QUOTE = {"kraken": "USD", "binance": "USDT"}
ANSWER_MS = 40
"""What a request takes by the exchange's clock."""

_STEP_MS = 250
_TRADER = Path(__file__).resolve().parent.parent.parent


class _Passing(Control):
    """Lets time pass in small steps while somebody waits for a moment, so that he acts at it and not long after."""

    server: Exchange

    def do(self, op: str, /, **values: Any) -> Any:
        if op != "clock" or not values.get("advance_ms") or not self.server.waiters:
            return super().do(op, **values)
        left = int(values["advance_ms"])
        while left > 0:
            step = min(left, _STEP_MS)
            super().do("clock", advance_ms=step)
            left -= step
            time.sleep(0.004)
        return None


class Exchange(ExchangeServer):
    """The exchange with a clock that others read from a file, and a little time for every request."""

    def __init__(self, clock: Path, **values: Any) -> None:
        super().__init__(**values)
        self.control = _Passing(self)
        self.waiters = False
        self._file = os.open(clock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.clock.listeners.append(self.show)
        self.show()

    def show(self) -> None:
        """Write the time where the program reads it."""
        os.pwrite(self._file, struct.pack("<q", self.clock.now_ms()), 0)

    def open(self, venue: str, request: Any) -> Any:
        """Let the request take its time."""
        self.clock.advance(ANSWER_MS)
        return super().open(venue, request)

    def act(self, venue: str, request: Any, row: dict[str, Any]) -> Any:
        """Let a request that was held up be past the check of its nonce: it is inside already, only its deadline counts."""
        dialect = self.dialects[venue]
        if not self.waiters or not isinstance(dialect, Kraken):
            return super().act(venue, request, row)
        with self.lock:
            newest, dialect.last_nonce = dialect.last_nonce, 0
            reply = super().act(venue, request, row)
            dialect.last_nonce = max(dialect.last_nonce, newest)
            return reply

    def kept(self) -> Any:
        """Return all that the exchange knows."""
        with self.lock:
            everything = (self.venues, self.dialects, self.journal)
            return self.clock.now_ms(), copy.deepcopy(everything, {id(self.clock): self.clock})

    def put_back(self, kept: Any) -> None:
        """Know what was kept, and nothing else."""
        now, everything = kept
        with self.lock:
            self.waiters = False
            self.script.clear()
            self.script.requests = 0
            self._quiet.clear()
            self.venues, self.dialects, self.journal = copy.deepcopy(everything, {id(self.clock): self.clock})
            for venue in self.venues.values():
                venue._ticked = now
        self.clock.set(now)


@dataclass
class Ran:
    """One command: exit code (negative = the signal that ended it), what it printed, the points it passed."""

    code: int
    output: str
    points: list[tuple[str, str]]
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def orders(self) -> list[dict[str, Any]]:
        """The requests that place or cancel."""
        return [one for one in self.requests if is_order(one["method"], one["path"])]


def is_order(method: str, path: str) -> bool:
    """Tell whether a request changes something at the venue."""
    if path.startswith("/0/"):
        return path.rpartition("/")[2] in ("AddOrder", "CancelOrder", "AmendOrder", "CancelAll")
    return method in ("POST", "DELETE") and "order" in path.lower()


class World:
    """A venue with an account, and a home that trades it. folder: where it all lies."""

    def __init__(self, venue: str, folder: Path, config: str, strategy: str, start_ms: int) -> None:
        self.venue = venue
        self.folder = folder
        self.home = folder / "home"
        self.quote = QUOTE[venue]
        folder.mkdir(parents=True, exist_ok=True)
        self.server = Exchange(
            folder / "clock",
            venues=(venue,),
            balances={venue: {self.quote: 10_000}},
            now_ms=start_ms,
        )
        (self.home / "strategies").mkdir(parents=True)
        (self.home / "strategies" / "scripted.py").write_text(strategy)
        config = f'[venue]\nid = "{venue}"\napi_url = "{self.server.url}"\n{config}'
        (self.home / "trader.toml").write_text(config)
        key, secret = KEYS[venue]
        inherited = {name: os.environ[name] for name in ("PATH", "TRADER_CACHE_DIR", "LANG") if name in os.environ}
        self.environment = {
            **inherited,
            "HOME": str(self.home),
            "TRADER_HOME": str(self.home),
            "TRADER_INTERPRET": "1",
            "TRADER_API_KEY": key,
            "TRADER_API_SECRET": secret,
            "TZ": "UTC",
        }
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.server.start()
        single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._zygote = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "zygote.py")],
            cwd=_TRADER,
            env={**self.environment, **single, "PYTHONPATH": str(_TRADER)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._zygote.stdout is not None
        assert self._zygote.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        if self._zygote is not None:
            assert self._zygote.stdin is not None
            assert self._zygote.stdout is not None
            self._zygote.stdin.close()
            self._zygote.wait(10)
            self._zygote.stdout.close()
        self.server.stop()

    def trader(self, *arguments: str, plan: Mapping[str, Mapping[str, Any]] | None = None) -> Ran:
        """Run one command of the program to its end, whatever that is."""
        assert self._zygote is not None
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        trace, output = self.folder / "trace", self.folder / "output"
        before = len(self.server.journal.rows)
        asked = {
            "arguments": list(arguments), "environment": self.environment, "plan": plan or {},
            "port": self.server.port, "clock": str(self.folder / "clock"), "trace": str(trace), "output": str(output),
        }  # fmt: skip
        self._zygote.stdin.write(json.dumps(asked) + "\n")
        self._zygote.stdin.flush()
        code = int(self._zygote.stdout.readline())
        passed = [json.loads(line) for line in trace.read_text().splitlines()]
        with self.server.lock:
            rows = [row for row in self.server.journal.rows[before:] if row["what"] == "request"]
        return Ran(code, output.read_text(errors="replace"), [(one["point"], one["what"]) for one in passed], rows)

    def cycle(self, plan: Mapping[str, Mapping[str, Any]] | None = None) -> Ran:
        """Run one live cycle."""
        return self.trader("live", "--once", plan=plan)

    def price(self, symbol: str) -> Decimal:
        """Return where the market stands."""
        return self.server.venues[self.venue].books[symbol].mid

    def strike(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put faults in force, counting requests from now."""
        with self.server.lock:
            self.server.script.clear()
            self.server.script.requests = 0
            for values in rules:
                self.server.script.add(**values)
                self.server.waiters = self.server.waiters or bool(values.get("act_after_s"))

    def heal(self, pass_ms: int) -> None:
        """Take all faults back and let time pass, as between two calls of cron."""
        self.strike([])
        self.server.do("clock", advance_ms=pass_ms)
        self.server.waiters = False

    def keep(self, name: str) -> Any:
        """Keep this moment."""
        copied = self.folder / f"kept-{name}"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(self.home, copied)
        return copied, self.server.kept()

    def put_back(self, kept: Any) -> None:
        """Go back to a moment that was kept."""
        copied, state = kept
        shutil.rmtree(self.home)
        shutil.copytree(copied, self.home)
        self.server.put_back(state)
