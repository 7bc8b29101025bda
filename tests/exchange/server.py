"""The exchange as a whole: a clock, accounts, dialects, the fault script and the journal behind one HTTP server."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from .binance import Binance
from .clients import client
from .clock import Clock
from .control import Control
from .faults import Rule, Script
from .handler import Handler
from .journal import Journal
from .kraken import Kraken
from .listing import BINANCE, KRAKEN, Listing
from .venue import Venue
from .wire import Reply, Request


class ExchangeServer:
    """One exchange that speaks Kraken's and Binance's REST on 127.0.0.1; each has an account of its own.

    balances: by venue, asset and amount. now_ms: freezes the clock there. seed: of the wandering prices and candles.
    """

    def __init__(
        self,
        venues: Iterable[str] = ("kraken", "binance"),
        *,
        balances: Mapping[str, Mapping[str, Any]] | None = None,
        now_ms: int | None = None,
        seed: int = 1,
        port: int = 0,
        listings: Mapping[str, Iterable[Listing]] | None = None,
    ) -> None:
        self.clock = Clock(now_ms)
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.journal = Journal(self.clock)
        self.script = Script()
        self.venues: dict[str, Venue] = {}
        self.dialects: dict[str, Kraken | Binance] = {}
        usual = {"kraken": KRAKEN, "binance": BINANCE}
        for name in venues:
            venue = Venue(name, self.clock, (listings or {}).get(name, usual[name]), self.journal.tell, seed)
            self.venues[name] = venue
            self.dialects[name] = Kraken(venue) if name == "kraken" else Binance(venue)
        self._quiet: dict[str, tuple[int, int]] = {}
        self.control = Control(self)
        for name, amounts in (balances or {}).items():
            for asset, amount in amounts.items():
                self.control.do("deposit", venue=name, asset=asset, amount=amount)
        self.clock.listeners.append(self.tick)
        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.exchange = self
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, and let go of everybody who waits for an answer."""
        self.closing.set()
        self.clock.close()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ccxt(self, venue: str, **options: Any) -> Any:
        """Return a real ccxt client of this server."""
        return client(self.url, venue, **options)

    def do(self, op: str, /, **values: Any) -> Any:
        """Do a control operation (see control.py)."""
        return self.control.do(op, **values)

    def fault(self, **values: Any) -> Rule:
        """Add a rule to the fault script (see faults.Rule) and return it: `used` tells how often it struck."""
        with self.lock:
            return self.script.add(**values)

    def accepted(self, venue: str = "") -> dict[str, list[str]]:
        """Return the ids of accepted orders by client id: more than one is a doubled order."""
        with self.lock:
            return self.journal.accepted(venue)

    def requests(self, path: str = "", venue: str = "") -> list[dict[str, Any]]:
        """Return the journal's requests whose path ends like that."""
        with self.lock:
            return self.journal.requests(path, venue)

    def audit(self) -> list[str]:
        """Return what does not add up; empty when all does."""
        found: list[str] = self.control.do("audit")
        return found

    def load(self, state: Path | None = None, script: Path | None = None) -> None:
        """Begin with what two JSON files say: operations of control.py in `state`, rules of faults.py in `script`."""
        if state:
            self.control.run(json.loads(state.read_text()))
        if script:
            for values in json.loads(script.read_text()):
                self.script.add(Rule.of(values))

    def tick(self) -> None:
        """Let time act: prices that wander, the dead man's switch."""
        with self.lock:
            for venue in self.venues.values():
                venue.tick()
            for dialect in self.dialects.values():
                dialect.tick()

    def be_quiet(self, venue: str, status: int, seconds: float) -> None:
        """Turn requests to a venue away with a status until some seconds have passed."""
        self._quiet[venue] = status, self.clock.now_ms() + round(seconds * 1000)

    def open(self, venue: str, request: Request) -> tuple[dict[str, Any], Rule | None, Reply | None]:
        """Write a request's row; return it with the rule that strikes it and, during a ban, the answer to it."""
        with self.lock:
            self.tick()
            row = self.journal.request(venue, request.method, request.path, request.params)
            rule = self.script.match(venue, request.method, request.path, request.params)
            if rule:
                row["fault"] = rule.title
            status, until = self._quiet.get(venue, (0, 0))
            if (left := until - self.clock.now_ms()) > 0:
                row["impatient"] = True
                return (
                    row,
                    None,
                    Reply.html(status, headers={"Retry-After": str(-(-left // 1000))}, errors=[str(status)]),
                )
            return row, rule, None

    def act(self, venue: str, request: Request, row: dict[str, Any]) -> Reply:
        """Let the dialect do what is asked and note what came of it."""
        with self.lock:
            self.tick()
            try:
                reply = self.dialects[venue].handle(request)
            except Exception:
                # What the exchange cannot read is either its own mistake or the client's: the audit tells.
                reply = self.trouble(f"{request.method} {request.path} {row['params']}")
            row["acted"] = reply.acted
            row["errors"] = reply.errors
            row["orders"] = reply.orders
            return reply

    def trouble(self, where: str) -> Reply:
        """Note what went wrong in the exchange itself; every audit tells of it."""
        with self.lock:
            self.journal.tell("trouble", text=f"{where}: {traceback.format_exc()}")
        return Reply.html(500)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    exchange: ExchangeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: that is what the tests are about."""
