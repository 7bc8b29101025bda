"""The composition of a trading cycle: feed, broker and session of this home, wired to the one job that paper and live are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from trader_cli.errors import DataError, LeaseError, RiskError, TraderError, UsageError, VenueError
from trader_cli.model.instrument import Instrument

if TYPE_CHECKING:
    from trader_cli.jobs.gate import Gate
    from trader_cli.jobs.plan import Request
    from trader_cli.jobs.ports import TradeLedger
    from trader_cli.jobs.trade import Broker, Cycled
    from trader_cli.jobs.venue_orders import Terms
    from trader_cli.ledger import Ledger
    from trader_cli.model.session import Session, Step
    from trader_cli.wiring import Wiring

_KEY_HINTS = (
    "check the key, its permissions and this machine's address",
    "then go on: `trader risk resume --reason TEXT`",
)
_ARM_ANYWAY = "or trade it nevertheless: `trader live arm --allow-unvalidated`"
_NOT_DRY = "without `--dry-run` nothing would be placed unless it was armed with `--allow-unvalidated`"
Note: TypeAlias = Callable[[str], None]
LeftMs: TypeAlias = Callable[[], int]


def paper_replay(parts: Wiring, names: str | None, params: Mapping[str, str], *, fresh: bool, note: Note) -> Cycled:
    """Step a paper session by the next stored bar, at the moment it closed. The same question goes on with its session."""
    from trader_cli.jobs.feeding import FeedSource
    from trader_cli.jobs.simulated import SimulatedBroker
    from trader_cli.jobs.trade import trade
    from trader_cli.market.feed import ReplayFeed

    request = _request(parts, names, params)
    if len(request.exchanges) > 1:
        raise UsageError("a cycle trades at one venue", "name one: `--exchange NAME`")
    exchange = request.exchanges[0] if request.exchanges else ""
    broker = SimulatedBroker(f"replay:{exchange}", _question(request), watched=False)
    session = None if fresh else parts.ledger.session(broker.mode, broker.exchange, broker.account)
    step = parts.ledger.last_step(session.run_id) if session is not None else None
    span = (request.since_ms, request.until_ms)
    ahead = ReplayFeed(parts.bars, request.symbols, exchange, request.timeframe, *span, 1 << 62)
    timeframe = ahead.timeframe
    seen = step.bar_ms + timeframe.ms if step is not None and step.bar_ms >= 0 else -(1 << 62)
    moment = ahead.next_close(seen)
    if moment is None:
        return _at_end(parts, session, request)
    source = FeedSource(ahead.at(moment))
    _warn_of_compiling(note)
    return trade(
        replace(request, timeframe=timeframe, until_ms=None),
        source,
        parts.instrument,
        broker,
        parts.ledger,
        lambda: moment,
        parts.new_run_id(),
        stale_bars=parts.settings.cycle.stale_bars,
        problems=source.problems,
        fresh=fresh,
    )


def paper(
    parts: Wiring, names: str | None, params: Mapping[str, str], *, fresh: bool, left_ms: LeftMs, note: Note
) -> Cycled:
    """Step the paper session over what the venue's market did since the last run."""
    from trader_cli.jobs.simulated import SimulatedBroker

    request = at_venue(parts, _request(parts, names, params))
    post = Post(parts, "", "", left_ms)
    broker = SimulatedBroker(request.exchanges[0])
    return kept(parts, "paper", lambda: _trade(parts, request, post, broker, fresh=fresh, note=note))


def live(parts: Wiring, *, dry: bool, left_ms: LeftMs, note: Note) -> Cycled:
    """Run one cycle against the account of the configured venue. Raises RiskError unless it is armed for just this."""
    from trader_cli.config.secrets import credentials
    from trader_cli.jobs.arming import armed_or_refuse
    from trader_cli.jobs.dry import DryLedger
    from trader_cli.jobs.gate import candidates, refuse_unvalidated, unvalidated_rows, without_verdict
    from trader_cli.jobs.venue_broker import VenueBroker

    ledger = parts.ledger
    deployments = ledger.deployments()
    request = at_venue(parts, parts.deployed_request(deployments))
    settings = parts.settings
    key, secret = credentials(settings.venue, os.environ)
    _refuse_locked(ledger, settings.venue.id)
    wanted, known = candidates(request, deployments), gate(parts)
    if dry:
        unproved = without_verdict(known, wanted)
        unvalidated = [{"strategy": name, "reason": reason} for name, reason in unproved.items()]
    else:
        terms = parts.terms(deployments)
        arming = armed_or_refuse(ledger, settings.venue.id, parts.account, terms, parts.now_ms(), ledger.taken_back())
        refuse_unvalidated(known, wanted, "nothing is placed", _ARM_ANYWAY, arming=arming)
        unvalidated = unvalidated_rows(arming)
    post = Post(parts, key.reveal(), secret.reveal(), left_ms)
    broker = VenueBroker(post.venue, order_terms(parts, ledger), parts.sleep, left_ms, dry=dry)
    books: TradeLedger = DryLedger(ledger) if dry else ledger
    if dry:
        done = _trade(parts, request, post, broker, fresh=False, note=note, ledger=books)
        done.result["rehearsal"] = broker.rehearsal
        done.result["unvalidated"] = unvalidated
        done.result["notes"] += [f"`{one['strategy']}` {one['reason']}; {_NOT_DRY}" for one in unvalidated]
        return done

    def act() -> Cycled:
        return _trade(parts, request, post, broker, fresh=False, note=note)

    done = kept(parts, "live", lambda: _halting(parts, act))
    done.result["unvalidated"] = unvalidated
    return done


def gate(parts: Wiring) -> Gate:
    """Return what tells whether a strategy may trade for real now."""
    from trader_cli.jobs.gate import Gate

    return Gate(
        parts.ledger,
        parts.bars,
        parts.now_ms(),
        parts.settings.validate.max_age_days,
        parts.settings.model_dump(mode="json"),
    )


def _refuse_locked(ledger: Ledger, venue: str) -> None:
    """Ask nothing of a venue that refused our key until somebody looked: asking on would lock it (B8)."""
    from trader_cli.model.risk import ALL
    from trader_cli.venues.patterns import is_final

    halt = ledger.halted().get(ALL)
    if halt is not None and is_final(venue, halt.rule):
        raise RiskError(f"{halt.reason}; nothing is asked of it", *_KEY_HINTS)


def _halting(parts: Wiring, act: Callable[[], Cycled]) -> Cycled:
    """Halt everything where the venue says that it takes nothing from us whatever we ask."""
    from trader_cli.model.orders import Resolution
    from trader_cli.model.risk import ALL

    try:
        return act()
    except VenueError as error:
        if error.resolution != Resolution.HALT_ALL:
            raise
        text = f"`{parts.settings.venue.id}` refuses us: {error.message}"
        parts.ledger.halt(parts.now_ms(), ALL, text, rule=error.pattern)
        raise RiskError(f"{text}; everything is halted", *_KEY_HINTS) from error


def resolve(parts: Wiring, post: Post, session: Session, left_ms: LeftMs) -> dict[str, str]:
    """Ask what became of a session's orders whose fate is open; return the symbols whose question stays open, and why."""
    from trader_cli.jobs.venue_orders import Accounts, recover

    at = Accounts(post.venue, order_terms(parts, parts.ledger), parts.sleep, left_ms)
    return recover(at, session, parts.ledger).questions


def kept(parts: Wiring, mode: str, act: Callable[[], Cycled]) -> Cycled:
    """Run a cycle and write down how it ended, however it did: the heartbeat that `report cycles` and `doctor` read."""
    started = parts.now_ms()
    try:
        done = act()
    except LeaseError:
        raise
    except (TraderError, KeyboardInterrupt) as error:
        known = isinstance(error, TraderError)
        code, outcome = (error.exit_code, error.code) if isinstance(error, TraderError) else (130, "interrupted")
        # What monitoring counts by: which cycle it was though no session is named, and what the venue's answer is called.
        told = {"mode": mode}
        if pattern := getattr(error, "pattern", ""):
            told["pattern"] = pattern
        # Where the ledger itself is the trouble there is nowhere to write it, and its own error is the one to show.
        with contextlib.suppress(TraderError):
            _heartbeat(parts, "", started, outcome, code, str(error) if known else "interrupted", told)
        raise
    result = done.result
    figures = {
        "fills": len(result["fills"]),
        "working": len(result["orders"]),
        "equity": result["equity"],
        "calls": result["calls"],
    }
    outcome = str(result["outcome"])
    _heartbeat(parts, result["run_id"], started, outcome, done.exit_code, done.message, figures)
    return done


def _heartbeat(
    parts: Wiring, run_id: str, started: int, outcome: str, code: int, message: str, figures: Mapping[str, object]
) -> None:
    from trader_cli.model.session import CycleRecord

    ended = parts.now_ms()
    told = {**figures, "seconds": (ended - started) / 1000}
    parts.ledger.record_cycle(CycleRecord(run_id, started, ended, outcome, code, message, told))


class Post:
    """What a cycle asks a venue with: the client, its rules of markets and its candles. key and secret empty = public only."""

    def __init__(self, parts: Wiring, key: str, secret: str, left_ms: LeftMs) -> None:
        from trader_cli.jobs.arming import account_of
        from trader_cli.market.feed import CachedFeed
        from trader_cli.venues.budget import Budget
        from trader_cli.venues.candles import Candles
        from trader_cli.venues.opening import open_client, open_venue
        from trader_cli.venues.rules import Rulebook

        venue = parts.settings.venue
        where = state_folder()
        own = account_of(venue.id, key) if key else "public"
        reserve = parts.settings.execution.cancel_reserve_pct
        budget = Budget(where / f"{venue.id}.json", venue.id, own, venue.tier, reserve, parts.now_ms)
        self.client = open_client(
            venue.id,
            api_url=venue.api_url,
            key=key,
            secret=secret,
            budget=budget,
            nonce_path=where / f"{venue.id}-{own}.nonce" if key else None,
            now_ms=parts.now_ms,
            sleep=parts.sleep,
            timeout_s=min(float(venue.timeout_s), max(left_ms() / 1000, 1.0)),
            recv_window_ms=venue.recv_window_ms,
            left_ms=left_ms,
        )
        self.rulebook = Rulebook(
            where / f"{venue.id}-rules.json",
            venue.id,
            venue.tier,
            float(venue.rules_hours),
            self.client.markets,
            self.client.now_ms,
        )
        gap = parts.settings.execution.max_slippage_bps
        self.venue = open_venue(self.client, self.rulebook, recv_window_ms=venue.recv_window_ms, stop_gap_bps=gap)
        spike = float(parts.settings.execution.spike_times)
        candles = Candles(venue.id, self.client.candles, self._pair, self.client.now_ms, spike)
        self.feed = CachedFeed(parts.home / "data", venue.id, parts.bars, candles, self.client.now_ms)

    def _pair(self, symbol: str) -> str:
        return str(self.rulebook.raw([symbol])[symbol]["id"])


def state_folder() -> Path:
    """Return where what all homes of this user share about a venue lies: counters, bans, nonces, leases of accounts."""
    from platformdirs import user_state_path

    return user_state_path("trader", appauthor=False) / "venues"


def at_venue(parts: Wiring, request: Request) -> Request:
    """Return the request for the configured venue: its symbols named, and a length of bar."""
    from trader_cli.model.timeframe import Timeframe

    venue = parts.settings.venue.id
    if not venue:
        raise UsageError(
            "no venue is configured",
            'state it in `trader.toml`: `[venue]`, `id = "kraken"` or `id = "binance"`; or `--set venue.id=kraken`',
            "or step through stored bars: `trader paper --replay`",
        )
    if not parts.settings.data.symbols:
        raise UsageError(
            "no symbols are stated", "name them: `--symbols BTC/USD,ETH/USD`, or `data.symbols` in `trader.toml`"
        )
    timeframe = request.timeframe or (request.timeframes[0] if request.timeframes else Timeframe.parse("4h"))
    return replace(request, exchanges=(venue,), timeframe=timeframe)


def _trade(
    parts: Wiring,
    request: Request,
    post: Post,
    broker: Broker,
    *,
    fresh: bool,
    note: Note,
    ledger: TradeLedger | None = None,
) -> Cycled:
    from trader_cli.jobs.feeding import FeedSource
    from trader_cli.jobs.trade import trade

    # Which bar is closed is a question of the venue's clock, and so is an order's deadline.
    skew = post.venue.skew_ms()
    if broker.mode == "live" and abs(skew) > parts.settings.venue.skew_ms:
        raise RiskError(
            f"this machine's clock is {skew} ms off the venue's, at most {parts.settings.venue.skew_ms} are allowed",
            "set it, e.g. with chrony or systemd-timesyncd",
        )
    source = FeedSource(post.feed)
    learned = parts.ledger.learned_minimums(post.client.venue)
    rules = post.rulebook.rules(request.symbols)
    unknown = [one for one in request.symbols if one not in rules]
    if unknown:
        shown = ", ".join(f"`{one}`" for one in unknown)
        raise UsageError(f"{post.client.venue} does not trade {shown}", "choose others: `--symbols …`")

    def instrument(symbol: str, exchange: str) -> Instrument:
        stated = post.rulebook.rules([symbol]).get(symbol)
        known = parts.instrument(symbol, exchange)
        if stated is None:
            return known
        minimum = max(known.learned_minimum, learned.get(symbol, Decimal(0)))
        return Instrument(
            symbol,
            tick=stated.tick,
            lot=stated.lot,
            min_quantity=max(stated.min_quantity, known.min_quantity),
            min_notional=max(stated.min_notional, known.min_notional),
            quote_currency=known.quote_currency,
            described=True,
            learned_minimum=minimum,
        )

    _warn_of_compiling(note)
    done = trade(
        request,
        source,
        instrument,
        broker,
        ledger if ledger is not None else parts.ledger,
        post.client.now_ms,
        parts.new_run_id(),
        stale_bars=parts.settings.cycle.stale_bars,
        problems=source.problems,
        fresh=fresh,
    )
    done.result["notes"] += [one.text for one in post.feed.notes()]
    done.result["calls"] = post.client.calls
    return done


def order_terms(parts: Wiring, ledger: Ledger) -> Terms:
    """Return how orders are sent: as configured, and as R1.10's switches say after what the ledger saw."""
    from trader_cli.jobs.report_orders import execution
    from trader_cli.jobs.venue_orders import Terms

    settings = parts.settings
    one = settings.execution
    session = ledger.session("live", settings.venue.id, parts.account)
    tuned = execution(ledger, one, session.run_id if session is not None else "").switches
    return Terms(
        limits=one.order == "limit",
        limit_bps=one.limit_bps,
        ioc=tuned.ioc,
        ioc_above_pct=float(one.ioc_above_pct),
        buffer=tuned.minimum_buffer,
        tries=one.tries,
        band_bps=one.max_slippage_bps,
        tolerance=one.tolerance,
        deadline_ms=int(settings.venue.deadline_s) * 1000,
        margin_ms=settings.venue.lookup_margin_ms,
        skew_ms=settings.venue.skew_ms,
        reasons=tuned.reasons,
    )


def _at_end(parts: Wiring, session: Session | None, request: Request) -> Cycled:
    """Return what a replay shows when its data is over: the same as any other step, from the newest one written."""
    from trader_cli.jobs.summary import iso
    from trader_cli.jobs.trade import Cycled

    if session is None:
        raise DataError("there is no bar in the time asked for", "`trader data list` shows what there is")
    step = parts.ledger.last_step(session.run_id)
    result = {
        "run_id": session.run_id,
        "mode": session.mode,
        "exchange": session.exchange,
        "strategies": [one.name for wallet in request.wallets for one in wallet.strategies],
        "symbols": list(step.symbols),
        "timeframe": session.timeframe,
        "quote": session.quote,
        "step": step.seq,
        "bar": iso(step.bar_ms),
        "outcome": "ended",
        "fills": [],
        "orders": [],
        "positions": holdings(session, step),
        "cash": step.cash * 1e-8,
        "equity": step.equity * 1e-8,
        "trades": step.trade_count,
        "digest": step.digest,
        "blocked": {},
        "notes": [],
    }
    return Cycled(result, 0, "")


def holdings(session: Session, step: Step) -> list[dict[str, Any]]:
    """Return what a session held after a step, at the step's own prices."""
    described = {one.symbol: one for one in session.instruments}
    found = []
    for row, held in enumerate(step.holdings):
        w, s = divmod(row, len(step.symbols))
        if not held:
            continue
        one = described.get(step.symbols[s]) or Instrument(step.symbols[s], quote_currency=session.quote)
        price, value = step.marks[s] / one.price_one, one.value_units(step.marks[s], held) * 1e-8
        found.append(
            {
                "wallet": step.wallets[w],
                "symbol": step.symbols[s],
                "quantity": held * 1e-8,
                "price": price,
                "value": value,
            }
        )
    return found


def compiled(parts: Wiring, names: str | None, params: Mapping[str, str], note: Note) -> None:
    """Compile the engine for this machine where nobody has, before a cycle's limit of time begins.

    On a slow machine it takes longer than a cycle may, and what is cut short begins anew with the next run, for ever.
    """
    from trader_cli.compiler import is_cached

    if is_cached("replay"):
        return
    # What cannot be meant is said first.
    at_venue(parts, _request(parts, names, params))
    from trader_cli.jobs.warming import COMPILING, compile_engine

    note(COMPILING)
    compile_engine(parts.settings.model_dump())


def _request(parts: Wiring, names: str | None, params: Mapping[str, str]) -> Request:
    """Return what is to be traded: the strategies named, else those deployed."""
    if names is not None:
        return parts.request(names, params)
    if params:
        raise UsageError(
            "`--param` needs the name of a strategy",
            "a deployed one keeps its own: `trader strategy deploy NAME --param …`",
        )
    return parts.deployed_request(parts.ledger.deployments())


def _question(request: Request) -> str:
    """Return what tells one replay from another: 12 hex digits over everything it was asked."""
    wallets = [
        (one.name, one.share, [(each.name, dict(each.instance.params), each.source_digest) for each in one.strategies])
        for one in request.wallets
    ]
    asked = (wallets, request.symbols, request.exchanges, str(request.timeframe), request.since_ms, request.config)
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _warn_of_compiling(note: Note) -> None:
    from trader_cli.jobs.warming import warn_of_compiling

    warn_of_compiling(note, "replay")
