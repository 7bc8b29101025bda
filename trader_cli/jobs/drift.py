"""Live or paper against its own re-run: how far the money drifted from what the same strategies earn in a backtest (X7).

Three re-runs stand between the session and its backtest: on today's bars with every bar decided on; on the closes that the
session saw; and with the bars only that it decided on. The first step is data, the second timing; what is left between the
third and the session is compared fill by fill. The last decision is left out: what it leads to is not over yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from trader_cli.engine.state import CLOSE, LEVEL
from trader_cli.errors import DataError
from trader_cli.jobs.drift_parts import PARTS, Deal, Difference, differences, equity_of, rounded
from trader_cli.jobs.drift_rerun import Rerun, SeenSource, laid_out, stepped, steps_as_recorded
from trader_cli.jobs.plan import RULES, Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.report import exact
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.scene import Scene
from trader_cli.jobs.summary import iso
from trader_cli.jobs.why import Decided, is_meant
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import Purpose
from trader_cli.model.session import Session, Step
from trader_cli.model.timeframe import Timeframe

WITHIN = "within"
OVER = "over"
TOO_FEW = "too few"
OTHER_CODE = "other code"
_ALL_STEPS = 1 << 31
_FORBIDDEN = ("refusal", "breaker", "halt")
_NOT_VETOES = ("deferred", "too_late", "sent_before", "no_quote")
"""Refusals that are no limit's: the order was late or the venue did not answer."""


@dataclass(frozen=True)
class Bounds:
    """Section `insight` as far as it is read here: percents, a count, seconds."""

    drift_pct: Decimal
    drift_floor_pct: Decimal
    drift_fills: int
    late_s: int


@dataclass(frozen=True)
class Line:
    """One fill that differs. amount: exact decimal text, quote."""

    part: str
    amount: str
    wallet: str
    symbol: str
    side: str
    close: str
    text: str


@dataclass(frozen=True)
class Drift:
    """A session beside its re-run as of the last decision. Amounts are exact decimal text in `quote`.

    parts sum to gap, session - rerun: above 0 the session has more. gap_pct: of what the re-run won or lost; NaN where that is
    nothing and so is the gap. verdict: `within`, `over`, `too few` (fills) or `other code`. differences: largest first.
    """

    run_id: str
    mode: str
    exchange: str
    strategies: tuple[str, ...]
    symbols: tuple[str, ...]
    quote: str
    since: str
    until: str
    bars: int
    decided: int
    fills: int
    rerun_fills: int
    start: str
    rerun: str
    session: str
    gap: str
    gap_pct: float
    limit_pct: str
    parts: Mapping[str, str]
    verdict: str
    reason: str
    notes: tuple[str, ...]
    differences: tuple[Line, ...]


RequestOf = Callable[[Session, Sequence[str], int], Request]
"""Gives what a session was asked to do, for these symbols, up to a moment (ms UTC)."""


def drift(
    ledger: ReportLedger,
    session: Session,
    request_of: RequestOf,
    source: BarSource,
    instrument: Callable[[str, str], Instrument],
    bounds: Bounds,
) -> Drift:
    """Return how a session drifted from its own re-run.

    Raises DataError where it decided on nothing yet or its bars are gone, StrategyError where its strategy is.
    """
    steps = _decisions(ledger.steps(session.run_id, _ALL_STEPS))
    if len(steps) < 2:
        raise DataError(
            f"the session `{session.run_id}` decided on {len(steps)} bar{'s' * (len(steps) != 1)}: there is nothing to compare",
            "wait for the next bar",
        )
    last = steps[-1]
    bar_ms = Timeframe.parse(session.timeframe).ms
    end = last.bar_ms + bar_ms
    request = request_of(session, last.symbols, end)
    steps_of = steps_as_recorded(session, instrument)
    today = laid_out(request, source, steps_of)
    seen = SeenSource(source, steps_of, _closes(steps))
    as_seen = laid_out(request, seen, steps_of)
    if not seen.revised:
        as_seen = today
    opens = [one.bar_ms for one in steps]
    rows, gone = _rows(today, opens)
    if not rows:
        raise DataError(
            f"none of the bars that `{session.run_id}` decided on is stored any more", "fetch them: `trader data fetch`"
        )
    every = range(rows[0], rows[-1] + 1)
    whole = stepped(request, today, every)
    known = whole if as_seen is today else stepped(request, as_seen, every)
    same = known if len(rows) == len(every) else stepped(request, as_seen, rows)
    marks = _marks(as_seen, last)
    theirs = _deals(same)
    mine = [one for one in _own_deals(ledger, session, as_seen, bounds) if one.bar_ms < end]
    cash = session.cash_start
    first_equity = equity_of(cash, _deals(whole), _marks(today, None))
    second_equity = equity_of(cash, _deals(known), marks)
    third_equity = equity_of(cash, theirs, marks)
    found = differences(mine, theirs, marks, _Causes(ledger, session, as_seen, steps, seen.revised))
    if session.mode == "paper":
        # The same simulated market filled both: another price means that a bar's open or range was another.
        found = [replace(one, part="data") if one.part == "price" else one for one in found]
    parts = dict.fromkeys(PARTS, Fraction(0))
    parts["data"] += second_equity - first_equity
    parts["timing"] += third_equity - second_equity
    for one in found:
        parts[one.part] += one.amount
    units = rounded(parts)
    gap, rerun = sum(units.values()), round(first_equity)
    won = abs(rerun - cash)
    gap_pct = gap / won * 100 if won else (float("inf") * gap if gap else float("nan"))
    verdict, reason = _verdict(session, request, gap, gap_pct, len(mine) + len(theirs), bounds)
    return Drift(
        run_id=session.run_id,
        mode=session.mode,
        exchange=session.exchange,
        strategies=tuple(dict.fromkeys(one.name for wallet in request.wallets for one in wallet.strategies)),
        symbols=last.symbols,
        quote=session.quote,
        since=iso(opens[0] + bar_ms),
        until=iso(end),
        bars=len(every),
        decided=len(rows),
        fills=len(mine),
        rerun_fills=len(whole.fills),
        start=exact(cash),
        rerun=exact(rerun),
        session=exact(rerun + gap),
        gap=exact(gap),
        gap_pct=gap_pct,
        limit_pct=f"{bounds.drift_pct.normalize():f}",
        parts={name: exact(amount) for name, amount in units.items()},
        verdict=verdict,
        reason=reason,
        notes=tuple(_notes(ledger, session, steps, seen.revised, len(every) - len(rows), gone)),
        differences=tuple(_line(one) for one in sorted(found, key=lambda one: -abs(one.amount))),
    )


def _decisions(steps: Sequence[Step]) -> list[Step]:
    """Return for every bar that was decided on the step that did, oldest first."""
    first: dict[int, Step] = {}
    for one in sorted(steps, key=lambda one: one.seq):
        if one.bar_ms >= 0:
            first.setdefault(one.bar_ms, one)
    return list(first.values())


def _closes(steps: Sequence[Step]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for one in steps:
        for symbol, mark in zip(one.symbols, one.marks, strict=True):
            if mark:
                found.setdefault(symbol, {})[one.bar_ms] = mark
    return found


def _rows(scene: Scene, opens: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the rows of these bars in a scene, and the bars that it does not have."""
    place = {open_ms: row for row, open_ms in enumerate(scene.open_ms.tolist())}
    return [place[one] for one in opens if one in place], [one for one in opens if one not in place]


def _marks(scene: Scene, last: Step | None) -> dict[str, Fraction]:
    """Return the last price of every symbol: the scene's own, or as a step has it."""
    known = {} if last is None else dict(zip(last.symbols, last.marks, strict=True))
    found = {}
    for s, one in enumerate(scene.instruments):
        close = float(scene.market.prices[CLOSE, -1, s])
        units = known.get(one.symbol) or (0 if np.isnan(close) else one.price_units(close))
        found[one.symbol] = Fraction(units, one.price_one)
    return found


def _deals(rerun: Rerun) -> list[Deal]:
    fills, names = rerun.fills, [one.name for one in rerun.request.wallets]
    columns = (fills.wallet, fills.symbol, fills.side, fills.quantity, fills.notional, fills.fee, fills.time_ms)
    return [
        Deal(names[w], fills.symbols[s], side, Fraction(quantity), Fraction(notional), Fraction(fee), time)
        for w, s, side, quantity, notional, fee, time in zip(*(one.tolist() for one in columns), strict=True)
    ]


def _own_deals(ledger: ReportLedger, session: Session, scene: Scene, bounds: Bounds) -> list[Deal]:
    """Return a session's fills, each at the close of its decision; a level's at the open of the bar it was reached in."""
    decided: dict[int, tuple[int, bool]] = {}
    if session.mode == "live":
        tickets = {one.ticket.client_id: one.ticket for one in ledger.orders(session.run_id)}
        for row in ledger.venue_fills(session.run_id):
            ticket = tickets[str(row["client_id"])]
            if ticket.purpose not in (Purpose.STOP, Purpose.TARGET):
                late = ticket.created_ms - ticket.bar_ms > bounds.late_s * 1000
                decided[int(row["txn"])] = (ticket.bar_ms, late)
    found = []
    for row in ledger.rows("fills", session.run_id):
        close_ms, late = decided.get(int(row["txn"]), (_open_of(scene, int(row["time_ms"])), False))
        quantity, notional, fee = (Fraction(int(row[name])) for name in ("quantity", "notional", "fee"))
        place = (str(row["wallet"]), str(row["symbol"]), int(row["side"]))
        found.append(Deal(*place, quantity, notional, fee, close_ms, late))
    return found


def _open_of(scene: Scene, time_ms: int) -> int:
    """Return the open of the bar that a moment lies in."""
    bar_ms = scene.timeframe.ms
    first = int(scene.open_ms[0])
    return first + (time_ms - first) // bar_ms * bar_ms


class _Causes:
    """Says why one run alone has a fill, by what the session recorded of that decision."""

    def __init__(
        self,
        ledger: ReportLedger,
        session: Session,
        scene: Scene,
        steps: Sequence[Step],
        revised: Mapping[str, Sequence[int]],
    ) -> None:
        self.session, self.scene, self.revised = session, scene, revised
        self.events = ledger.rows("risk_events", session.run_id)
        self.steps = {one.bar_ms: one for one in steps}
        self.rows = {open_ms: row for row, open_ms in enumerate(scene.open_ms.tolist())}

    def __call__(self, deal: Deal) -> str:
        open_ms = deal.bar_ms - self.scene.timeframe.ms
        step, row = self.steps.get(open_ms), self.rows.get(open_ms)
        if step is None or row is None:
            return "timing"
        said, wanted = self._recorded(step, deal), self._wanted(row, deal)
        if said is not None and said != wanted:
            # Another wish on what looks like the same closes: highs, lows, volumes or what lies before were others.
            return "data"
        if said is None and wanted is not None and open_ms in self.revised.get(deal.symbol, ()):
            return "data"
        decided = Decided(self.session, deal.wallet, deal.symbol, deal.bar_ms)
        spoken = [one for one in self.events if one["kind"] in _FORBIDDEN and is_meant(one, decided)]
        if any(one["rule"] not in _NOT_VETOES for one in spoken):
            return "vetoes"
        # A market that was left alone at its close, because nobody knew enough of it.
        return "vetoes" if said is None and wanted is not None else "missed_fills"

    def _recorded(self, step: Step, deal: Deal) -> float | None:
        kept: Any = step.notes.get("decisions")
        noted = kept.get(f"{deal.wallet}|{deal.symbol}") if isinstance(kept, Mapping) else None
        return float(noted["level"]) if isinstance(noted, Mapping) and "level" in noted else None

    def _wanted(self, row: int, deal: Deal) -> float | None:
        names = [one.name for one in self.session.wallets]
        place = names.index(deal.wallet) * len(self.scene.symbols) + self.scene.symbols.index(deal.symbol)
        level = float(self.scene.market.signals[LEVEL, row, place])
        return None if np.isnan(level) else level


def _verdict(
    session: Session, request: Request, gap: int, gap_pct: float, fills: int, bounds: Bounds
) -> tuple[str, str]:
    digest = code_digest(*(one.source_digest for wallet in request.wallets for one in wallet.strategies))
    if digest != session.code_digest:
        return OTHER_CODE, "the strategy or the program changed since the session began: its re-run is another's"
    floor = session.cash_start * bounds.drift_floor_pct / 100
    limit = f"{bounds.drift_pct.normalize():f} %"
    if abs(gap) <= floor:
        share = f"{bounds.drift_floor_pct.normalize():f} %"
        return WITHIN, f"the gap is not above {share} of the cash it began with"
    if abs(gap_pct) <= float(bounds.drift_pct):
        return WITHIN, f"the gap is {gap_pct:+.1f} % of what the re-run won or lost, within ±{limit}"
    if fills < bounds.drift_fills:
        return TOO_FEW, f"{fills} fills in both runs are too few to judge by, {bounds.drift_fills} are asked for"
    return OVER, f"the gap is {gap_pct:+.1f} % of what the re-run won or lost, more than ±{limit}"


def _notes(
    ledger: ReportLedger,
    session: Session,
    steps: Sequence[Step],
    revised: Mapping[str, Sequence[int]],
    missed: int,
    gone: Sequence[int],
) -> list[str]:
    notes = [
        f"{symbol}: {len(opens)} close{'s' * (len(opens) != 1)} revised since, the first at {iso(opens[0])}"
        for symbol, opens in sorted(revised.items())
    ]
    joined = [one for one in steps[-1].symbols if one not in steps[0].symbols]
    if joined:
        notes.append(f"{', '.join(joined)} joined later: the re-run trades it from the beginning")
    if missed:
        notes.append(f"{missed} bar{'s' * (missed != 1)} passed without a decision")
    if gone:
        notes.append(f"{len(gone)} bars it decided on are not stored any more, the first at {iso(gone[0])}")
    explained = ledger.adjustments(session.run_id)
    if explained:
        notes.append(f"{len(explained)} differences explained by hand are in neither side")
    return notes


def changed_settings(session: Session, now: Mapping[str, Any]) -> list[str]:
    """Return what of the rules is not what it was when a session began, as far as both sides state it.

    now: every section, JSON-able. The re-run keeps to what it was.
    """
    found = []
    for section in RULES:
        then, today = session.config.get(section), now.get(section)
        if isinstance(then, Mapping) and isinstance(today, Mapping):
            keys = [key for key in sorted({*then} & {*today}) if then[key] != today[key]]
            found += [f"`{section}.{key}` was {then[key]} and is {today[key]}" for key in keys]
    return found


def _line(one: Difference) -> Line:
    side = "buy" if one.side > 0 else "sell"
    return Line(one.part, exact(round(one.amount)), one.wallet, one.symbol, side, iso(one.bar_ms), one.text)
