"""A session: the book of an account that is still being traded, as the ledger keeps it from one cycle to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import OrderState, Ticket, VenueTrade
from trader_cli.model.risk import RiskEvent, WalletRecord


@dataclass(frozen=True)
class Session:
    """Who trades what with how much since when. It is a run of the ledger whose end is its newest step.

    mode: `paper` or `live`. exchange: venue id, `replay:NAME` for a paper session on stored bars. account: the venue
    account's digest, empty on paper. wallets: what each began with. outside: what lay on the venue's account and was not
    ours when the session began, decimal text by asset. cash_start: 1e-8 quote. config, params: JSON-able.
    """

    run_id: str
    mode: str
    exchange: str
    account: str
    strategy: str
    params: Mapping[str, object]
    preset: str
    config: Mapping[str, object]
    timeframe: str
    quote: str
    instruments: tuple[Instrument, ...]
    wallets: tuple[WalletRecord, ...]
    cash_start: int
    started_ms: int
    code_digest: str
    outside: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """What stood when a session last paused. The engine's book is in `state`, and everything it says of money is derivable.

    seq: 0 for the opening, then one more each. bar_ms: open of the newest bar decided on, -1 = none yet. symbols: the book's,
    in its order; wallets: names. state: the book's arrays, opaque to the ledger. notes: JSON-able, the cycle's own memory.
    cash: of all wallets and what none was given, equity: with holdings at `marks`; 1e-8 quote. holdings: 1e-8 base, one per
    wallet and symbol. marks: price units. digest: SHA-256 of all fills so far, over `symbols`.
    """

    seq: int
    time_ms: int
    bar_ms: int
    symbols: tuple[str, ...]
    wallets: tuple[str, ...]
    state: bytes
    notes: Mapping[str, object]
    cash: int
    equity: int
    holdings: tuple[int, ...]
    marks: tuple[int, ...]
    fill_count: int
    trade_count: int
    digest: str


@dataclass(frozen=True)
class VenueFill:
    """A venue's trade beside the fill it was booked as; client_id: of the ticket it belongs to."""

    client_id: str
    trade: VenueTrade


@dataclass(frozen=True)
class Adjustment:
    """A difference between book and venue that somebody explained.

    kind: `adopt` (it is ours now: cash or holding of `wallet` changes), `write_off` (it is not: it counts as outside, or as
    lost where less is there than we held). asset in our names; amount: signed, decimal text. wallet: empty = given to none.
    """

    asset: str
    amount: str
    kind: str
    wallet: str
    reason: str


@dataclass(frozen=True)
class StepRecord:
    """A step with everything new in it, written in one transaction.

    instruments: of `step.symbols`, in that order. fills: only the new ones, indexing step.symbols and step.wallets. trips: the
    round trips those closed; last_fill indexes the new fills. trip_strategies: names, one a trip. venue_fills: one a new fill,
    None where it is simulated. outcomes: what became known of orders.
    """

    step: Step
    instruments: tuple[Instrument, ...]
    fills: Fills
    trips: RoundTrips
    trip_strategies: tuple[str, ...]
    risk_events: tuple[RiskEvent, ...] = ()
    venue_fills: tuple[VenueFill | None, ...] = ()
    outcomes: tuple[OrderEvent, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True)
class OrderEvent:
    """One thing learned of an order. filled: 1e-8 base in all so far. message: why, or the venue's words."""

    client_id: str
    time_ms: int
    state: OrderState
    venue_id: str
    filled: int
    message: str


@dataclass(frozen=True)
class OrderRecord:
    """An order with what is known of it now, and everything that was ever learned, oldest first.

    booked: 1e-8 base that fills in the ledger account for.
    """

    ticket: Ticket
    state: OrderState
    venue_id: str
    filled: int
    booked: int
    events: tuple[OrderEvent, ...]


@dataclass(frozen=True)
class Deployment:
    """A strategy that is to run. wallet: empty = wherever the configuration names it. params: as stated, text by name."""

    strategy: str
    wallet: str
    params: Mapping[str, str]
    code_digest: str
    since_ms: int


@dataclass(frozen=True)
class Arming:
    """Leave to trade for real: for one venue and account, one configuration and these strategies, until it expires."""

    venue: str
    account: str
    config_digest: str
    strategies_digest: str
    since_ms: int
    expires_ms: int
    summary: Mapping[str, object]


@dataclass(frozen=True)
class CycleRecord:
    """One cycle that ended, however it did. outcome: `acted`, `nothing`, or the code of the error that ended it."""

    run_id: str
    started_ms: int
    ended_ms: int
    outcome: str
    exit_code: int
    message: str
    figures: Mapping[str, object]
