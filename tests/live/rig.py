"""A home that trades live on the local exchange: real ccxt over real HTTP, and the exchange's clock is the program's."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange import BINANCE_KEY, BINANCE_SECRET, KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer
from proof import verdict_on

from trader_cli.cli.main import run
from trader_cli.errors import TraderError
from trader_cli.jobs.arming import new_arming
from trader_cli.jobs.plan import code_digest
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify
from trader_cli.model.orders import OrderState, Purpose
from trader_cli.model.session import Deployment, OrderRecord, Session, Step
from trader_cli.trading import Post, live, state_folder
from trader_cli.venues.budget import Budget
from trader_cli.wiring import Wiring

HOUR = 3_600_000
DAY = 24 * HOUR
START = 497_222 * HOUR + 5_000
QUOTES = {"kraken": "USD", "binance": "USDT"}
KEYS = {"kraken": (KRAKEN_KEY, KRAKEN_SECRET), "binance": (BINANCE_KEY, BINANCE_SECRET)}
BOTH = ("kraken", "binance")
PLANNED = '''"""Hold what a file says."""

import json
from pathlib import Path

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy

PLAN = Path(__file__).with_name("{name}.json")


class {title}(Strategy):
    """Hold what a file says."""

    def targets(self, bars: Bars) -> Signals:
        names = ("target", "stop", "take", "limit", "trigger", "keep", "confidence")
        columns = {{name: np.full(len(bars), np.nan) for name in names}}
        columns["target"][:] = 0.0
        for since_ms, said in json.loads(PLAN.read_text()).get(bars.symbol, []):
            rows = bars.open_ms + bars.timeframe.ms >= since_ms
            for name in columns:
                columns[name][rows] = said.get(name, np.nan)
        return Signals(**columns)
'''
HOME = {
    "venue": {"timeout_s": 60},
    "data": {"timeframe": "1h"},
    "costs": {"fee_bps": "40", "slippage_bps": "0"},
    "sizing": {"method": "notional", "notional": "1000"},
    "risk": {"stop_pct": "2"},
    "execution": {"order": "market"},
}


@dataclass
class Done:
    """A cycle that ended: exit code, its sentence, and the result where it got that far."""

    code: int
    message: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass
class Rig:
    """One home at one venue, some minutes after the start of an hour; `bar` goes to the next."""

    home: Path
    server: ExchangeServer
    venue: str
    off_ms: int = 0
    _ledger: Ledger | None = None

    @property
    def btc(self) -> str:
        return f"BTC/{QUOTES[self.venue]}"

    @property
    def eth(self) -> str:
        return f"ETH/{QUOTES[self.venue]}"

    @property
    def now(self) -> int:
        return self.server.clock.now_ms()

    def do(self, op: str, /, **values: Any) -> Any:
        return self.server.do(op, **({"venue": self.venue} if op not in _WITHOUT else {}), **values)

    def fault(self, path: str, **values: Any) -> Any:
        """Let a request go wrong. path: `place`, `cancel`, `order`, `open`, `trades`, `balance`, or a glob of its end."""
        method, end = PATHS[self.venue].get(path, ("*", path))
        return self.server.fault(venue=self.venue, method=method, path=end, **values)

    # What the strategy says.

    def want(self, symbol: str, target: float, *, strategy: str = "planned", **levels: float) -> None:
        """Let the strategy want this from the newest closed bar on."""
        path = self.home / "strategies" / f"{strategy}.json"
        plan = json.loads(path.read_text())
        plan.setdefault(symbol, []).append([self.now // HOUR * HOUR, {"target": target, **levels}])
        path.write_text(json.dumps(plan))

    def bar(self, *prices: object, symbol: str = "", after_ms: int = 5_000) -> None:
        """Go through the rest of this hour, through these prices, to the beginning of the next."""
        end = self.now // HOUR * HOUR + HOUR
        step = (end - self.now) // (len(prices) + 1)
        for price in prices:
            self.do("clock", advance_ms=step)
            self.do("price", symbol=symbol or self.btc, price=str(price))
        self.do("clock", advance_ms=end + after_ms - self.now)

    def pass_ms(self, ms: int) -> None:
        self.do("clock", advance_ms=ms)

    def fill_counter(self, symbol: str, orders: int) -> None:
        """Let that many orders on a market be counted already, as by another process of this account."""
        parts = self.parts()
        post = Post(parts, *KEYS[self.venue], lambda: 60_000)
        budget = Budget(
            state_folder() / f"{self.venue}.json", self.venue, post.client.account, "starter", 0, parts.now_ms
        )
        for _ in range(orders):
            budget.take("place", symbol, longest_ms=600_000, sleep=lambda _seconds: None)

    # The program.

    def parts(self) -> Wiring:
        """Return a fresh process's parts; only the open ledger is handed on, which takes longest to make."""
        made = Wiring.find(self.home, None, {})
        if self._ledger is None:
            self._ledger = made.ledger
        else:
            made.__dict__["ledger"] = self._ledger
        return made

    def let_go(self) -> None:
        """Close the ledger, so that its file stands alone."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def cli(self, *words: str) -> tuple[int, str]:
        """Run a command line in this process; return its exit code and all it said."""
        self.let_go()
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = run([*words, "--home", str(self.home)])
        return code, said.getvalue()

    def deploy(self, *names: str) -> None:
        """Deploy strategies, let validation pass them, and agree to live trading."""
        parts = self.parts()
        for name in names or ("planned",):
            digest = code_digest(parts.strategies.load(name).source_digest)
            parts.ledger.deploy(self.now, Deployment(name, "", {}, digest, self.now))
        self.arm()

    def arm(self, days: int = 7, *, proved: bool = True, unvalidated: Mapping[str, str] | None = None) -> None:
        """Agree to live trading of what is deployed; proved: validation passes it first."""
        parts = self.parts()
        deployments = parts.ledger.deployments()
        terms = parts.terms(deployments)
        now = parts.now_ms()
        for one in deployments if proved else ():
            parts.ledger.record_verdict(
                verdict_on(
                    parts.candidate(one.strategy, one.params), now, timeframe=parts.settings.data.timeframe or "1h"
                )
            )
        parts.ledger.arm(new_arming(self.venue, parts.account, terms, now, now + days * DAY, unvalidated))

    def cycle(self, *, dry: bool = False, limit_s: int = 120) -> Done:
        """Run one cycle as its own process would; what it raises is its exit code."""
        parts = self.parts()
        end = self.now + limit_s * 1000
        try:
            done = live(parts, dry=dry, left_ms=lambda: max(end - self.now, 0), note=lambda _text: None)
        except TraderError as error:
            return Done(error.exit_code, error.message)
        return Done(done.exit_code, done.message, done.result)

    # What the ledger knows.

    @property
    def ledger(self) -> Ledger:
        return self.parts().ledger

    @property
    def session(self) -> Session:
        return self.ledger.sessions()[0]

    @property
    def step(self) -> Step:
        return self.ledger.last_step(self.session.run_id)

    def orders(self, purpose: Purpose | None = None, state: OrderState | None = None) -> list[OrderRecord]:
        return [
            one
            for one in self.ledger.orders(self.session.run_id)
            if purpose in (None, one.ticket.purpose) and state in (None, one.state)
        ]

    def stops(self) -> list[OrderRecord]:
        """Return the stops of ours that rest, as the ledger knows."""
        return self.orders(Purpose.STOP, OrderState.OPEN)

    def held(self, symbol: str = "", wallet: str = "") -> Decimal:
        """Return what the book holds of a symbol, dust included."""
        step, total = self.step, 0
        for row, units in enumerate(step.holdings):
            w, s = divmod(row, len(step.symbols))
            if step.symbols[s] == (symbol or self.btc) and wallet in ("", step.wallets[w]):
                total += units
        return Decimal(total) / 10**8

    @property
    def cash(self) -> Decimal:
        return Decimal(self.step.cash) / 10**8

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the risk events of the session."""
        rows = self.ledger.rows("risk_events", self.session.run_id)
        return [row for row in rows if kind in ("", row["kind"])]

    def rules(self) -> list[str]:
        return [row["rule"] for row in self.events()]

    # What the exchange knows.

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        return self.server.requests(path, venue=self.venue)

    def sent(self) -> list[dict[str, Any]]:
        """Return the placements that left, in order; what was only to be judged is none."""
        return [
            row
            for row in self.requests()
            if ("validate" not in row["params"] and row["path"].endswith(("/AddOrder", "/oco")))
            or (row["method"] == "POST" and row["path"].endswith("/order"))
        ]

    @property
    def at_venue(self) -> list[dict[str, Any]]:
        return self.do("state")["orders"]

    def resting(self, symbol: str = "") -> list[dict[str, Any]]:
        """Return the open orders of a market at the venue that are ours."""
        found = (one for one in self.at_venue if one["status"] == "open" and not one["foreign"])
        return [one for one in found if one["symbol"] == (symbol or self.btc)]

    def balance(self, asset: str) -> Decimal:
        return Decimal(str(self.do("state")["balances"].get(asset, {"total": 0})["total"]))

    def check(self) -> None:
        """Hold exchange, account and ledger against each other; everything adds up, nothing was sent twice."""
        assert self.server.audit() == []
        assert all(len(ids) == 1 for ids in self.server.accepted(self.venue).values())
        assert verify(self.ledger) == []
        known = {one.ticket.client_id: one for one in self.orders()}
        for one in self.at_venue:
            if not one["foreign"]:
                assert one["client_id"] in known, f"{one} is not in the ledger"
        for client_id in [one["client_id"] for one in self.at_venue if not one["foreign"]]:
            record = known[client_id]
            there = next(one for one in self.at_venue if one["client_id"] == client_id)
            if record.state.is_final:
                assert Decimal(record.booked) / 10**8 == Decimal(str(there["filled"])), record


_WITHOUT = ("clock", "rule", "clear", "stats", "state", "audit", "journal")
PATHS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "kraken": {
        "place": ("POST", "AddOrder"),
        "cancel": ("POST", "CancelOrder"),
        "order": ("POST", "QueryOrders"),
        "open": ("POST", "OpenOrders"),
        "closed": ("POST", "ClosedOrders"),
        "trades": ("POST", "TradesHistory"),
        "balance": ("POST", "BalanceEx"),
        "book": ("GET", "Depth"),
        "time": ("GET", "Time"),
        "candles": ("GET", "OHLC"),
    },
    "binance": {
        "place": ("POST", "v3/order"),
        "pair": ("POST", "oco"),
        "cancel": ("DELETE", "v3/order"),
        "order": ("GET", "v3/order"),
        "open": ("GET", "openOrders"),
        "trades": ("GET", "myTrades"),
        "balance": ("GET", "account"),
        "book": ("GET", "depth"),
        "time": ("GET", "v3/time"),
        "candles": ("GET", "klines"),
    },
}


def toml_of(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return tables of plain values as TOML."""
    lines = []
    for table, values in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


_made: list[bytes] = []


def _empty_ledger(path: str) -> bytes:
    """Return the file of a new ledger, made once."""
    if not _made:
        Ledger.open(f"sqlite:///{path}", Path(path).parent).close()
        _made.append(Path(path).read_bytes())
    return _made[0]


@contextmanager
def rigged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    venue: str = "kraken",
    *,
    symbols: tuple[str, ...] = ("BTC",),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    balances: Mapping[str, object] | None = None,
    strategies: tuple[str, ...] = ("planned",),
) -> Iterator[Rig]:
    """Give a home that is deployed and armed, with 10,000 of the quote at the venue, and everything but a price that moves."""
    home = tmp_path / "home"
    (home / "strategies").mkdir(parents=True)
    key, secret = KEYS[venue]
    for name, value in {
        "TRADER_API_KEY": key,
        "TRADER_API_SECRET": secret,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TRADER_HOME": str(home),
    }.items():
        monkeypatch.setenv(name, value)
    quote = QUOTES[venue]
    amounts = {quote: 10_000} if balances is None else balances
    with ExchangeServer([venue], balances={venue: amounts}, now_ms=START - 3_600_000) as server:
        tables: dict[str, dict[str, Any]] = {name: dict(values) for name, values in HOME.items()}
        tables["venue"] |= {"id": venue, "api_url": server.url}
        tables["data"]["symbols"] = [f"{one}/{quote}" for one in symbols]
        for name, values in (settings or {}).items():
            tables.setdefault(name, {}).update(values)
        (home / "trader.toml").write_text('preset = "plain"\n' + toml_of(tables))
        for name in strategies:
            title = "".join(word.capitalize() for word in name.split("_"))
            (home / "strategies" / f"{name}.py").write_text(PLANNED.format(name=name, title=title))
            (home / "strategies" / f"{name}.json").write_text("{}")
        rig = Rig(home, server, venue)
        (home / "trader.db").write_bytes(_empty_ledger(str(tmp_path / "empty.db")))
        # The program's clock is the exchange's, off by what a test says; to sleep is to move it.
        monkeypatch.setattr(Wiring, "now_ms", lambda _self: server.clock.now_ms() + rig.off_ms)
        monkeypatch.setattr(Wiring, "sleep", lambda _self, seconds: rig.pass_ms(round(seconds * 1000)))
        for symbol in tables["data"]["symbols"]:
            rig.do("history", symbol=symbol, days=2)
        # One bar in which the price stood: the newest close is a round number.
        rig.bar()
        rig.deploy(*strategies)
        try:
            yield rig
        finally:
            rig.let_go()
