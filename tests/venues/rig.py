"""An account of ours at the local exchange: real ccxt over real HTTP, a budget that only writes down."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from exchange import BINANCE_KEY, BINANCE_SECRET, KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer

from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, client_id_of
from trader_cli.venues.account import Account
from trader_cli.venues.client import Client
from trader_cli.venues.opening import open_client, open_venue
from trader_cli.venues.rules import Rulebook

NOW_MS = 1_790_000_000_000
SYMBOLS = {"kraken": "BTC/USD", "binance": "BTC/USDT"}
PLACES = {"kraken": "AddOrder", "binance": "/order"}
KEYS = {"kraken": (KRAKEN_KEY, KRAKEN_SECRET), "binance": (BINANCE_KEY, BINANCE_SECRET)}
_numbers = itertools.count(1)


@dataclass
class Purse:
    """A budget without an end, that knows what was spent and which bans it was told of."""

    spent: list[str] = field(default_factory=list)
    bans: list[int] = field(default_factory=list)
    waits: dict[str, int] = field(default_factory=dict)
    refusal: Exception | None = None
    ages: list[int] = field(default_factory=list)
    together: int = 0

    def wait_ms(self, kind: str, symbol: str = "", age_ms: int = 0, call: str = "") -> int:
        return self.waits.get(kind, 0)

    def spend(self, kind: str, symbol: str = "", age_ms: int = 0, call: str = "") -> None:
        if self.refusal is not None:
            raise self.refusal
        self.spent.append(kind)
        self.ages.append(age_ms)

    def take(
        self,
        kind: str,
        symbol: str = "",
        age_ms: int = 0,
        call: str = "",
        *,
        longest_ms: int,
        sleep: Callable[[float], None],
    ) -> None:
        wait_ms = self.waits.get(kind, 0)
        if 0 < wait_ms <= longest_ms:
            sleep(wait_ms / 1000)
        self.spend(kind, symbol, age_ms, call)

    def refused(self, retry_ms: int, kind: str = "") -> None:
        self.bans.append(retry_ms)

    def count_together(self, until_ms: int) -> None:
        self.together = until_ms

    def together_ms(self) -> int:
        return self.together

    def load_pct(self, symbol: str) -> float:
        return 12.5


class NoSleep:
    """A sleep that only adds up."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Rig:
    """One account and what it stands on."""

    server: ExchangeServer
    venue: str
    account: Account
    client: Client
    purse: Purse
    sleep: NoSleep
    rulebook: Rulebook

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.venue]

    @property
    def asked(self) -> list[str]:
        """The ends of the paths that were asked for, oldest first."""
        return [row["path"].rsplit("/", 1)[-1] for row in self.server.requests(venue=self.venue)]

    @property
    def placements(self) -> int:
        rows = self.server.requests(PLACES[self.venue], venue=self.venue) + self.server.requests(
            "oco", venue=self.venue
        )
        return sum(row["method"] == "POST" for row in rows)

    @property
    def accepted(self) -> dict[str, list[str]]:
        return self.server.accepted(self.venue)

    def ticket(self, kind: TicketKind = TicketKind.MARKET, *, side: int = 1, quantity: str = "0.01", price: str = "0",
               trigger: str = "0", symbol: str = "", deadline_ms: int = 0, key: str = "") -> Ticket:  # fmt: skip
        """Make a ticket; numbers are decimal text, prices of 8 decimals."""
        key = key or f"live-1|a|{symbol or self.symbol}|{NOW_MS}|entry|{next(_numbers)}"
        now_ms = self.account.now_ms()
        return Ticket(
            key=key, client_id=client_id_of(key), run_id="live-1", wallet="a", symbol=symbol or self.symbol, side=side,
            kind=kind, purpose=Purpose.ENTRY, reason=0, quantity=int(Decimal(quantity) * 10**8),
            price=int(Decimal(price) * 10**8), trigger=int(Decimal(trigger) * 10**8), price_decimals=8,
            arrival=int(Decimal(50_000) * 10**8), bar_ms=now_ms, created_ms=now_ms, deadline_ms=deadline_ms or now_ms + 5_000,
        )  # fmt: skip

    def place(self, ticket: Ticket) -> str:
        """Place an order that the venue takes; return its id there."""
        answer = self.account.place(ticket)
        assert answer.state is OrderState.OPEN, answer
        return answer.venue_id


def rig(
    server: ExchangeServer,
    venue: str,
    folder: Path,
    *,
    timeout_s: float = 60,
    clock: Callable[[], int] | None = None,
    key: str = "",
    secret: str = "",
    purse: Purse | None = None,
    api_url: str = "",
    stop_gap_bps: str = "200",
) -> Rig:
    """Open an account at the exchange; its clock is the exchange's unless another is given."""
    purse, sleep, now_ms = purse or Purse(), NoSleep(), clock or server.clock.now_ms
    usual = KEYS[venue]
    client = open_client(
        venue, api_url=api_url or server.url, key=key or usual[0], secret=secret or usual[1], budget=purse,
        nonce_path=folder / f"nonce-{venue}", now_ms=now_ms, sleep=sleep, timeout_s=timeout_s, recv_window_ms=5_000,
    )  # fmt: skip
    rulebook = Rulebook(folder / f"rules-{venue}.json", venue, "pro", 24, client.markets, now_ms)
    account: Any = open_venue(client, rulebook, recv_window_ms=5_000, stop_gap_bps=Decimal(stop_gap_bps))
    return Rig(server, venue, account, client, purse, sleep, rulebook)
