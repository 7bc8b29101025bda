"""What the jobs need from the ends; `market`, `ledger` and `strategy` implement it, tests fake it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from trader_cli.model.bars import Bars
from trader_cli.model.fills import Fills
from trader_cli.model.orders import (
    Activity,
    Answer,
    Balance,
    Cancelled,
    MarketRules,
    Quote,
    Ticket,
    VenueOrder,
    VenueTrade,
)
from trader_cli.model.run import RunRecord
from trader_cli.model.session import CycleRecord, OrderEvent, OrderRecord, Session, Step, StepRecord
from trader_cli.model.timeframe import Timeframe


class BarSource(Protocol):
    """Where closed bars come from."""

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        """Return the bars of one symbol; raises DataError when there are none or they are damaged."""
        ...

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        ...


class SwingCache(Protocol):
    """Where confirmed swings are kept (R4.3)."""

    def swings(self, key: str) -> Sequence[tuple[int, int, float, str]] | None:
        """Return (happened_ms, known_ms, price, `high` or `low`) as stored under a key, None when nothing ever was."""
        ...

    def store_swings(self, key: str, rows: Iterable[tuple[int, int, float, str]]) -> None:
        """Store swings under a key, once."""
        ...


class RunLedger(SwingCache, Protocol):
    """Where a finished run is kept."""

    def record_run(self, record: RunRecord) -> None:
        """Write the run, its fills, round trips and entries in one transaction, or nothing."""
        ...


class Feed(Protocol):
    """Where a cycle's bars come from."""

    exchange: str

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC; of a replay, the close of the newest bar it shows."""
        ...

    def closed(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return every closed bar known of a symbol, oldest first, the newest as of now.

        since_ms: first open wanted, None = as far back as there is. Raises DataError for a series that cannot be traded on
        (damaged, contradicting itself), VenueError where the venue does not answer.
        """
        ...

    def known(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return the closed bars that are known without asking anybody, none where there are none."""
        ...

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        ...


class Venue(Protocol):
    """A trading account at a venue. Every method is at most a few requests; reads raise VenueError, never guess.

    id: `kraken` or `binance`. account: which account this is, without giving its key away (a short digest of the API key).
    untold: what `activity` cannot know, in words, empty = it tells everything.
    """

    id: str
    account: str
    untold: str

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC: ours, mended by the skew it told last."""
        ...

    def skew_ms(self) -> int:
        """Ask the venue's clock; return ours minus theirs."""
        ...

    def rules(self, symbols: Sequence[str]) -> Mapping[str, MarketRules]:
        """Return what the venue allows on each market; a symbol it does not trade is absent."""
        ...

    def balances(self) -> Mapping[str, Balance]:
        """Return what the account has by asset, in our names (BTC, not XXBT)."""
        ...

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every open order of the account, foreign ones too."""
        ...

    def find(self, client_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by its client id among open and ended ones; None only where well-formed answers prove that there is
        none now. Raises VenueError where the answer proves nothing.
        """
        ...

    def order(self, venue_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by the venue's id; None as in `find`."""
        ...

    def trades(self, order: VenueOrder) -> Sequence[VenueTrade]:
        """Return every trade of an order, all pages, each once, oldest first."""
        ...

    def activity(self, since_ms: int, symbols: Sequence[str]) -> Sequence[Activity]:
        """Return what moved the account since then, oldest first; `untold` says what the venue does not tell of it.

        symbols: the markets whose trades are looked at, where the venue asks for each.
        """
        ...

    def price(self, symbol: str) -> Quote:
        """Return the best bid and ask now. Raises VenueError for an empty, crossed or one-sided book."""
        ...

    def wait_ms(self, kind: str, symbol: str = "") -> int:
        """Return how long the budget asks us to wait before a request of this kind (`place`, `cancel`, `read`); 0 = go.

        symbol: the market it is about; venues count orders by market.
        """
        ...

    def load_pct(self, symbol: str) -> float:
        """Return how full the venue's order counter of this market is, 0 to 100."""
        ...

    def place(self, ticket: Ticket) -> Answer:
        """Send one order with exactly one request, never repeated by any layer; never raises for what a venue can do."""
        ...

    def place_pair(self, stop: Ticket, target: Ticket) -> Answer:
        """Send a stop and a target that cancel each other, with one request; each is found by its own client id after."""
        ...

    def check(self, ticket: Ticket) -> Answer:
        """Let the venue judge an order without placing it: OPEN without an id means that it would be taken."""
        ...

    def cancel(self, venue_id: str, symbol: str) -> Cancelled:
        """Ask the venue to cancel one order, by its id and no other's."""
        ...


class Halted(Protocol):
    """A scope that is halted. close_positions: what it holds is to be sold."""

    @property
    def close_positions(self) -> bool:
        """Tell whether positions are to be closed."""
        ...


class TradeLedger(Protocol):
    """What a cycle needs of the ledger. Every method is one transaction."""

    def open_session(self, session: Session, first: Step) -> None:
        """Write a session and its opening."""
        ...

    def session(self, mode: str, exchange: str, account: str) -> Session | None:
        """Return the newest session of that kind, None where there is none."""
        ...

    def last_step(self, run_id: str) -> Step:
        """Return a session's newest step."""
        ...

    def write_step(self, run_id: str, record: StepRecord) -> None:
        """Write a step with everything new in it. Raises LeaseError where another run wrote one since."""
        ...

    def session_fills(self, run_id: str) -> Fills:
        """Return all fills of a session, oldest first, indexing its newest step's symbols and wallets."""
        ...

    def add_ticket(self, ticket: Ticket) -> bool:
        """Commit an order before it is sent; False, and nothing written, where its key is known already."""
        ...

    def note_orders(self, events: Sequence[OrderEvent]) -> None:
        """Write down what became known of orders."""
        ...

    def orders(self, run_id: str, *, open_only: bool = False) -> Sequence[OrderRecord]:
        """Return a session's orders, oldest first; open_only: those whose end or fills are not all booked."""
        ...

    def trade_ids(self, run_id: str, symbol: str) -> set[str]:
        """Return the venue's ids of a market's trades that are booked."""
        ...

    def halted(self) -> Mapping[str, Halted]:
        """Return what is halted by scope: `all` or a wallet's name."""
        ...

    def halt(
        self,
        time_ms: int,
        scope: str,
        reason: str,
        *,
        close_positions: bool = False,
        rule: str = "",
        number: str = "",
        limit: str = "",
        unit: str = "",
    ) -> object:
        """Halt a scope."""
        ...

    def record_event(self, time_ms: int, kind: str, message: str) -> None:
        """Note something that happened to the system itself."""
        ...

    def record_cycle(self, record: CycleRecord) -> None:
        """Write how a cycle ended."""
        ...

    def learn_minimum(self, time_ms: int, venue: str, symbol: str, minimum: Decimal, message: str) -> None:
        """Remember the smallest order a refusal taught us."""
        ...
