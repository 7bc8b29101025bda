"""Why nothing was bought or sold at a moment: the chain from the bar to the fill that did not come (X6).

What the ledger recorded is told as it was recorded: a session's steps, refusals, orders and fills. What it did not keep, the
indicators and a backtest's book at every bar, is replayed on the one decision path with the run's own settings, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import (
    CONFIDENCE,
    LEVEL,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    QUANTITY,
    TRIPPED,
    WEIGHT,
    Book,
)
from trader_cli.errors import UsageError, did_you_mean
from trader_cli.jobs.drift_rerun import Rerun, laid_out, stepped, steps_as_recorded
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.report import exact, time_text
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.summary import iso
from trader_cli.jobs.why import Decided, Link, is_meant, spoke, step_of
from trader_cli.jobs.why_not_choice import Listed, first_moment, last_moment
from trader_cli.jobs.why_not_indicators import listened
from trader_cli.jobs.why_not_limits import Stand, measured_limits
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import Purpose
from trader_cli.model.risk import ALL
from trader_cli.model.session import Session, Step
from trader_cli.model.timeframe import Timeframe
from trader_cli.money import ONE

_CYCLES = 5_000


@dataclass(frozen=True)
class WalletChain:
    """One wallet's chain. verdict: why nothing was traded there, in one sentence."""

    wallet: str
    verdict: str
    links: tuple[Link, ...]


@dataclass(frozen=True)
class WhyNot:
    """What was asked for. close: of the bar that was decided on, ISO 8601. source: where the book at that bar is from."""

    symbol: str
    close: str
    run_id: str
    mode: str
    exchange: str
    source: str
    notes: tuple[str, ...]
    wallets: tuple[WalletChain, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """What a chain is read from. request: the run's own; source: today's bars."""

    ledger: ReportLedger
    asked: Session
    run: Listed
    request: Request
    source: BarSource
    instrument: Callable[[str, str], Instrument]


def why_not(place: Place, symbol: str, when: int) -> WhyNot:
    """Return the chain of a symbol at the newest close that is not after a moment (ms UTC).

    Raises UsageError for a symbol or time the run does not have, DataError where its bars are gone, StrategyError where its
    strategy is.
    """
    run, asked = place.run, place.asked
    if symbol not in run.symbols:
        raise UsageError(
            f"the run `{run.run_id}` does not trade `{symbol}`",
            *did_you_mean(symbol, run.symbols),
            f"it trades {', '.join(run.symbols[:6])}",
        )
    if when < first_moment(run) or (run.mode == "backtest" and when >= last_moment(run)):
        raise UsageError(
            f"the run `{run.run_id}` goes from {iso(run.start_ms)} to {iso(run.end_ms)}, not to {iso(when)}",
            f"the nearest is `{symbol}@{iso(min(max(when, run.start_ms), run.end_ms))}`",
        )
    scene = laid_out(place.request, place.source, steps_as_recorded(asked, place.instrument))
    row = int(np.searchsorted(scene.open_ms + scene.timeframe.ms, when, side="right")) - 1
    if row < 0:
        first = iso(int(scene.open_ms[0]) + scene.timeframe.ms)
        raise UsageError(f"no bar had closed at {iso(when)} yet", f"the first close is {first}")
    close_ms = int(scene.open_ms[row]) + scene.timeframe.ms
    if row == len(scene.open_ms) - 1 and when - close_ms >= scene.timeframe.ms and when >= last_moment(run):
        raise UsageError(
            f"no bar of {iso(when)} is stored, the newest closed at {iso(close_ms)}",
            f"the nearest is `{symbol}@{iso(close_ms)}`",
        )
    chain = _Chain(place, scene.symbols.index(symbol), row, _again(place, scene, row))
    return WhyNot(
        symbol=symbol,
        close=iso(chain.close_ms),
        run_id=asked.run_id,
        mode=asked.mode,
        exchange=asked.exchange,
        source="recorded" if asked.mode != "backtest" else "replayed",
        notes=tuple(_notes(place, when, chain.close_ms)),
        wallets=tuple(chain.wallet(w) for w in range(len(asked.wallets))),
    )


def _again(place: Place, scene: Any, row: int) -> Rerun:
    """Replay a backtest up to the row; of a session the book is in its steps, and only the wishes are needed."""
    rows = range(row + 1) if place.asked.mode == "backtest" else ()
    return stepped(place.request, scene, rows)


def _notes(place: Place, when: int, close_ms: int) -> Iterator[str]:
    asked, wallets = place.asked, place.request.wallets
    bar_ms = Timeframe.parse(asked.timeframe).ms
    if when != close_ms:
        yield f"decided on the bar that closed at {iso(close_ms)}, the newest at {iso(when)}"
    if when - close_ms >= bar_ms:
        yield f"there is no bar between {iso(close_ms)} and {iso(when)}"
    if asked.mode == "backtest":
        yield "a backtest keeps no book of every bar: it was replayed up to there, with its own settings"
    else:
        yield "indicators were replayed on today's bars; what the session decided is told as it was recorded"
    if code_digest(*(one.source_digest for wallet in wallets for one in wallet.strategies)) != asked.code_digest:
        yield "the strategy or the program changed since: what is replayed may differ from what was decided"


class _Chain:
    """The links of one symbol at one close, wallet by wallet."""

    def __init__(self, place: Place, s: int, row: int, again: Rerun) -> None:
        self.place, self.s, self.row, self.again = place, s, row, again
        scene = again.scene
        self.symbol = scene.symbols[s]
        self.close_ms = int(scene.open_ms[row]) + scene.timeframe.ms
        self.one = scene.instruments[s]
        self.is_session = place.asked.mode != "backtest"
        events = [asdict(one) for one in again.events()]
        self.events = list(place.ledger.rows("risk_events", place.asked.run_id)) if self.is_session else events

    def wallet(self, w: int) -> WalletChain:
        """Return one wallet's chain."""
        plan = self.again.request.wallets[w]
        decided = Decided(self.place.asked, plan.name, self.symbol, self.close_ms)
        step = step_of(self.place.ledger, decided) if self.is_session else None
        if self.is_session and step is not None and self.symbol not in step.symbols:
            step = None
        bar, has_bar = self._bar(step)
        links = [bar]
        if not has_bar:
            return WalletChain(plan.name, bar.text, tuple(links))
        links += self._signals(w, step, decided)
        heard = [one for one in self.events if is_meant(one, decided)]
        links += [spoke("conflict", one) for one in heard if one["kind"] == "conflict"]
        if self.is_session and step is None:
            missed = self._missed()
            return WalletChain(plan.name, missed[-1].text, (*links, *missed))
        stand = self._stand(w, step)
        limits = [one for one in heard if one["kind"] != "conflict"]
        links += self._limits(stand, limits)
        if self.is_session:
            links += self._cycles()
        links += self._rule(stand)
        found = self._fills(plan.name)
        links += found
        return WalletChain(plan.name, self._verdict(w, stand, limits, found, step), tuple(links))

    def _bar(self, step: Step | None) -> tuple[Link, bool]:
        bars = self.again.scene.series[self.s]
        open_ms = self.close_ms - self.again.scene.timeframe.ms
        at = int(np.searchsorted(bars.open_ms, open_ms))
        if at == len(bars) or bars.open_ms[at] != open_ms:
            before = f", the newest before closed at {iso(int(bars.open_ms[at - 1]) + bars.timeframe.ms)}" if at else ""
            return Link("bar", iso(self.close_ms), f"{self.symbol} has no bar that closed then{before}"), False
        names = ("open", "high", "low", "close", "volume")
        facts = {name: f"{getattr(bars, name)[at]:.12g}" for name in names}
        text = f"closed at {facts['close']} (open {facts['open']}, high {facts['high']}, low {facts['low']})"
        if step is not None:
            seen = step.marks[step.symbols.index(self.symbol)]
            facts |= {"step": str(step.seq), "decided": time_text(step.time_ms)}
            text += f", decided on {facts['decided']} in step {step.seq}"
            if seen and seen != self.one.price_units(float(bars.close[at])):
                facts["seen"] = exact(seen, self.one.price_decimals)
                text += f"; the session saw a close of {facts['seen']}: the bar was revised since"
        return Link("bar", iso(self.close_ms), text, facts), True

    def _signals(self, w: int, step: Step | None, decided: Decided) -> Iterator[Link]:
        bars = self.again.scene.series[self.s]
        at = int(np.searchsorted(bars.open_ms, self.close_ms - bars.timeframe.ms))
        for one in self.again.request.wallets[w].strategies:
            said, readings = listened(one.instance, bars, at)
            for reading in readings:
                shown = ", ".join(f"{name} {value:.8g}".strip() for name, value in reading.values.items())
                facts = {name or "value": f"{value:.17g}" for name, value in reading.values.items()}
                yield Link("indicator", "", f"{reading.call} = {shown}", facts)
            level = float(np.asarray(said.target)[at])
            wants = f"wants to hold {level:g} of its share"
            if not level > 0:
                wants = "has no opinion" if np.isnan(level) else "wants out" if level < 0 else "wants to hold nothing"
            extra = []
            for name in ("confidence", "stop", "take", "limit", "trigger"):
                column = getattr(said, name)
                if column is not None and not np.isnan(column[at]):
                    extra.append(f"{name} {column[at]:.8g}")
            since = _since(np.asarray(said.target, np.float64), at)
            text = f"{one.name} {wants}" + (f", {', '.join(extra)}" if extra else "")
            text += f"; so since {iso(int(bars.open_ms[since]) + bars.timeframe.ms)}"
            yield Link("signal", "", text, {"strategy": one.name, "level": f"{level:g}"})
        if step is not None:
            kept = step.notes.get("decisions")
            noted = kept.get(f"{decided.wallet}|{self.symbol}") if isinstance(kept, Mapping) else None
            if isinstance(noted, Mapping):
                level_then = float(noted.get("level", float("nan")))
                text = f"recorded: {noted.get('strategy', '?')} wanted to hold {level_then:g} of its share"
                yield Link("signal", "", text, {"strategy": str(noted.get("strategy", "")), "level": f"{level_then:g}"})
            else:
                yield Link("signal", "", "recorded: no wish of anybody")

    def _missed(self) -> list[Link]:
        """Return what cycles did instead of deciding on the bar."""
        links = self._cycles()
        text = "no cycle decided on that bar" + ("" if links else ": none ran before the next bar closed")
        return [*links, Link("rule", "", text)]

    def _cycles(self) -> list[Link]:
        """Return the cycles that ended badly between this close and the next, oldest first."""
        after = self.close_ms + self.again.scene.timeframe.ms
        return [
            Link("cycle", time_text(one.started_ms), f"ended with {one.outcome} ({one.exit_code}): {one.message}")
            for one in reversed(self.place.ledger.cycles(_CYCLES))
            if one.exit_code and self.close_ms <= one.started_ms < after and one.run_id in ("", self.place.asked.run_id)
        ]

    def _stand(self, w: int, step: Step | None) -> Stand:
        scene, asked = self.again.scene, self.place.asked
        names = [one.name for one in asked.wallets]
        book: Book
        if step is None:
            book, marks = (
                self.again.book,
                [
                    0 if np.isnan(price) else one.price_units(float(price))
                    for price, one in zip(scene.market.prices[3, self.row], scene.instruments, strict=False)
                ],
            )
        else:
            symbols = tuple(dict.fromkeys((*scene.symbols, *step.symbols)))
            book = unpack(step.state, step.symbols, step.wallets, symbols, names)
            # Symbols beyond today's stand at the end of each wallet: only the scene's own are measured.
            keep = [v * len(symbols) + k for v in range(len(names)) for k in range(len(scene.symbols))]
            book = Book(book.account, book.wallet, book.position[keep])
            known = dict(zip(step.symbols, step.marks, strict=True))
            marks = [known.get(one, 0) for one in scene.symbols]
        row = w * len(scene.symbols) + self.s
        bars = scene.series[self.s]
        at = int(np.searchsorted(bars.open_ms, self.close_ms - bars.timeframe.ms))
        gap = int(bars.open_ms[at] - bars.open_ms[at - 1]) // bars.timeframe.ms if at else 1
        measures = scene.market.measures
        sure = float(measures[CONFIDENCE, self.row, row]) if len(measures) else float("nan")
        unallocated = asked.cash_start - sum(one.cash_start for one in asked.wallets)
        return Stand(book, scene.instruments, marks, unallocated, row, sure, gap, self.close_ms)

    def _limits(self, stand: Stand, heard: Sequence[Mapping[str, Any]]) -> Iterator[Link]:
        said = {str(one["rule"]) for one in heard}
        for one in heard:
            yield spoke("limit", one)
        for limit in measured_limits(self.again.request.config, stand):
            if limit.rule.removesuffix("_pct").removeprefix("wallet_") not in said:
                facts = {"rule": limit.rule, "number": limit.number, "limit": limit.limit, "unit": limit.unit}
                yield Link("limit", "", limit.text, facts)

    def _rule(self, stand: Stand) -> Iterator[Link]:
        position = stand.book.position[stand.row]
        held = int(position[QUANTITY])
        if held:
            share = f", sized for {int(position[WEIGHT]) / ONE:g} of its share" if position[WEIGHT] else ""
            yield Link("book", "", f"{exact(held)} {self.one.base} held at that close{share}", {"held": exact(held)})
        else:
            yield Link("book", "", "nothing held at that close", {"held": "0"})
        if position[TRIPPED] and not held:
            yield Link("rule", "", "a rule closed the last position: none is opened until the strategy lets go itself")
        if position[ORDER_SIDE]:
            side = "buy" if position[ORDER_SIDE] > 0 else "sell"
            kind = OrderKind(int(position[ORDER_KIND])).name.lower()
            reason = Reason(int(position[ORDER_REASON])).label
            price = int(position[ORDER_PRICE])
            level = f" at {exact(price, self.one.price_decimals)}" if price else ""
            quantity = exact(int(position[ORDER_QUANTITY]))
            yield Link("rule", "", f"{kind} {side} of {quantity}{level} by {reason}", {"side": side, "kind": kind})
        else:
            yield Link("rule", "", "no order was made")

    def _fills(self, wallet: str) -> list[Link]:
        """Return what was filled on this decision, and at a venue what became of its orders."""
        ledger, asked = self.place.ledger, self.place.asked
        links = []
        orders = ledger.orders(asked.run_id) if asked.mode == "live" else ()
        for one in orders:
            ticket = one.ticket
            resting = ticket.purpose in (Purpose.STOP, Purpose.TARGET)
            if (ticket.bar_ms, ticket.symbol, ticket.wallet) == (self.close_ms, self.symbol, wallet) and not resting:
                message = next((event.message for event in reversed(one.events) if event.message), "")
                told = f": {message}" if message else ""
                text = f"order {ticket.client_id} was {one.state}, {exact(one.filled)} filled{told}"
                links.append(Link("order", time_text(ticket.created_ms), text, {"client_id": ticket.client_id}))
        end = self.close_ms + self.again.scene.timeframe.ms
        for row in ledger.rows("fills", asked.run_id):
            mine = row["symbol"] == self.symbol and row["wallet"] == wallet
            if mine and self.close_ms <= row["time_ms"] < end:
                verb = "bought" if row["side"] > 0 else "sold"
                price = exact(row["price"], row["price_decimals"])
                reason = Reason(row["reason"]).label
                text = f"{verb} {exact(row['quantity'])} at {price} by {reason}, transaction {row['txn']}"
                links.append(Link("fill", time_text(row["time_ms"]), text, {"transaction": str(row["txn"])}))
        if not any(one.stage == "fill" for one in links):
            links.append(Link("fill", "", "nothing was filled before the next close"))
        return links

    def _verdict(
        self, w: int, stand: Stand, heard: Sequence[Mapping[str, Any]], found: Sequence[Link], step: Step | None
    ) -> str:
        done = next((one for one in found if one.stage == "fill" and one.facts), None)
        if done is not None:
            more = f"; `trader report why {done.facts['transaction']}` tells more" if self.is_session else ""
            return f"it did trade: {done.text}{more}"
        position = stand.book.position[stand.row]
        level = self._level(w, step)
        held = int(position[QUANTITY]) > 0
        limits = [one for one in heard if one["kind"] in ("refusal", "breaker")]
        if limits:
            return f"{spoke('limit', limits[0]).text}"
        if position[ORDER_SIDE]:
            sent = next((one.text for one in found if one.stage == "order"), "")
            return sent or f"an order was made and did not fill: {self._unfilled(position)}"
        if held:
            return "it is held, and nobody wanted another size" if level != 0 else "its sale is not possible now"
        if np.isnan(level):
            if step is not None and self._level(w, None) > 0:
                said = next((one.text for one in reversed(self._cycles())), "why is not recorded")
                return f"it is wanted on today's bars, and the session left the market alone at that close: {said}"
            return "no strategy had an opinion, and nothing was held"
        if level <= 0:
            return "the strategy wanted to hold nothing, and nothing was held"
        if position[TRIPPED]:
            return "a rule closed the last position, and the strategy has not let go since"
        return self._halted(w) or "it was wanted, and what kept it from being ordered was not recorded"

    def _level(self, w: int, step: Step | None) -> float:
        if step is not None:
            kept = step.notes.get("decisions")
            name = self.place.asked.wallets[w].name
            noted = kept.get(f"{name}|{self.symbol}") if isinstance(kept, Mapping) else None
            return float(noted.get("level", float("nan"))) if isinstance(noted, Mapping) else float("nan")
        row = w * len(self.again.scene.symbols) + self.s
        return float(self.again.scene.market.signals[LEVEL, self.row, row])

    def _unfilled(self, position: Any) -> str:
        following = self.close_ms
        opens = self.again.scene.series[self.s].open_ms
        if not (opens == following).any():
            return f"no bar of {self.symbol} opened at {iso(following)}"
        after = [
            one
            for one in self.events
            if one["symbol"] == self.symbol
            and one["kind"] == "refusal"
            and one["time_ms"] <= following + self.again.scene.timeframe.ms <= one["last_ms"]
        ]
        if after:
            return spoke("limit", after[0]).text
        return "the price did not reach it" if position[ORDER_PRICE] else "nothing says why"

    def _halted(self, w: int) -> str:
        scopes = (ALL, self.place.asked.wallets[w].name)
        for scope, one in self.place.ledger.halted().items():
            if self.is_session and scope in scopes and one.since_ms <= self.close_ms:
                return f"{scope} is halted: {one.reason}"
        return ""


def _since(levels: Any, at: int) -> int:
    """Return the first row from which on the same was said up to `at`."""
    same = (levels == levels[at]) | (np.isnan(levels) & np.isnan(levels[at]))
    other = np.flatnonzero(~same[: at + 1])
    return int(other[-1]) + 1 if len(other) else 0
