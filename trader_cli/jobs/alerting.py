"""Which trouble somebody is told of, and when: what stands in the ledger now against what was told before.

Trouble is a level and no edge, as a strategy's wish is: it is there or it is not whenever somebody looks, so that a run that
was missed loses no alert, and one that is repeated sends none twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from trader_cli.jobs.measures import last_success, tripped
from trader_cli.jobs.report import differences, open_sessions, positions
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import unresolved_lines
from trader_cli.jobs.summary import iso
from trader_cli.model.fills import Refusal
from trader_cli.model.risk import ALL
from trader_cli.model.session import Arming, Session
from trader_cli.model.timeframe import Timeframe

_HOUR_MS = 3_600_000
_OF_RUNS = "run:"
"""How the keys of trouble begin that only a run of the same command can end."""


class Halted(Protocol):
    """A scope that is halted."""

    @property
    def since_ms(self) -> int:
        """When it was halted, ms UTC."""
        ...

    @property
    def reason(self) -> str:
        """Why, in words."""
        ...

    @property
    def rule(self) -> str:
        """The breaker that did it, empty for a halt by hand."""
        ...


class WatchedLedger(ReportLedger, Protocol):
    """Where trouble is looked for; nothing is written."""

    def halted(self) -> Mapping[str, Halted]:
        """Return what is halted by scope: `all` or a wallet's name."""
        ...

    def armings(self, venue: str, account: str) -> Sequence[tuple[Arming, int | None]]:
        """Return every leave to trade for real, oldest first, with the time (ms UTC) it was replaced or taken back."""
        ...

    def taken_back(self) -> tuple[int, str] | None:
        """Return when (ms UTC) and why leave was taken back last, None where it stands or never was."""
        ...


@dataclass(frozen=True)
class Trouble:
    """Something that is not as it should be. key: tells it from any other; once: it is not told again while it lasts."""

    kind: str
    key: str
    message: str
    once: bool = False


@dataclass(frozen=True)
class Known:
    """Trouble that was seen before. told_ms: when somebody was told last, 0 = not yet; seen: how often since then.

    gone: it is over, and nobody was told so.
    """

    kind: str
    message: str
    since_ms: int
    told_ms: int = 0
    seen: int = 1
    gone: bool = False


@dataclass(frozen=True)
class Waiting:
    """What one address did not take while another did. since_ms: when it was to be told first, ms UTC."""

    lines: tuple[str, ...]
    since_ms: int


@dataclass(frozen=True)
class Memory:
    """What is kept from one look to the next. sent_ms: when the messages of the last hour went; waiting: by address."""

    known: Mapping[str, Known] = field(default_factory=dict)
    sent_ms: tuple[int, ...] = ()
    waiting: Mapping[str, Waiting] = field(default_factory=dict)


@dataclass(frozen=True)
class Weighed:
    """What is to be told, and what to remember then. text: empty = nothing; held: as many lines wait for the hour to pass.

    failed: what to remember where it could not be told, or where there is nothing to tell.
    """

    title: str
    text: str
    told: Memory
    failed: Memory
    held: int


def troubles(ledger: WatchedLedger, now_ms: int, heartbeat_bars: int) -> list[Trouble]:
    """Return what is wrong now (ms UTC), as far as the ledger knows. Replays of stored bars concern nobody."""
    sessions = [one for one in open_sessions(ledger.sessions()) if not one.exchange.startswith("replay:")]
    return [
        *_orders(ledger, now_ms),
        *_halts(ledger, sessions),
        *_holdings(ledger),
        *(found for one in sessions for found in _session(ledger, one, now_ms, heartbeat_bars)),
    ]


def unreadable(message: str) -> Trouble:
    """Return the trouble that a ledger is which cannot be read."""
    return Trouble("ledger", "ledger", f"the ledger cannot be read: {message}")


def run_trouble(command: str, exit_code: int, message: str, known: Sequence[Trouble]) -> list[Trouble]:
    """Return the trouble that a run's own end is, none where it ended well or its reason is among the known already."""
    reason = _REASONS.get(exit_code)
    if exit_code in _NO_TROUBLE or any(one.kind == reason for one in known):
        return []
    kind = "stale_data" if exit_code == _DATA else "cycle_failed"
    return [Trouble(kind, f"{_OF_RUNS}{command}", f"{command} ended with exit code {exit_code}: {message}")]


_DATA = 4
# Trouble that says all there is to say of an exit code.
_REASONS = {4: "ledger", 7: "unresolved_order"}
# Done; interrupted by somebody; another run was at it.
_NO_TROUBLE = (0, 130, 143, 75)


def _orders(ledger: WatchedLedger, now_ms: int) -> Iterator[Trouble]:
    for one in unresolved_lines(ledger, now_ms):
        order = f"{one.side} {one.quantity} {one.symbol} on {one.exchange}, sent {one.created}"
        told = f"the fate of an order is not known: {order}"
        yield Trouble("unresolved_order", f"unresolved_order:{one.client_id}", told)


def _halts(ledger: WatchedLedger, sessions: Sequence[Session]) -> Iterator[Trouble]:
    halted = ledger.halted()
    for scope, one in halted.items():
        who = "everything" if scope == ALL else f"wallet {scope}"
        by = f" by {one.rule}" if one.rule else ""
        kind = "breaker" if one.rule else "halt"
        yield Trouble(kind, f"halt:{scope}", f"{who} is halted{by} since {iso(one.since_ms)}: {one.reason}")
    for session in sessions:
        for scope, rule in tripped(ledger.last_step(session.run_id)):
            # A drawdown's breaker is a halt as well, and told as that.
            if rule == Refusal.DRAWDOWN.label and scope in halted:
                continue
            who = "all wallets" if scope == ALL else f"wallet {scope}"
            told = f"the breaker {rule} keeps {who} of {_named(session)} from entering"
            yield Trouble("breaker", f"breaker:{session.run_id}:{scope}:{rule}", told)


def _holdings(ledger: WatchedLedger) -> Iterator[Trouble]:
    for one in positions(ledger, {}):
        if one.exposed:
            held = f"{one.quantity} {one.symbol} of wallet {one.wallet}"
            told = f"no stop rests at {one.exchange} for {held}; it should at {one.stop}"
            yield Trouble("unprotected", f"unprotected:{one.run_id}:{one.wallet}:{one.symbol}", told)
    for odd in differences(ledger):
        told = f"{odd.exchange} has {odd.amount} {odd.asset} that nobody can explain"
        yield Trouble("difference", f"difference:{odd.run_id}:{odd.asset}", told)


def _session(ledger: WatchedLedger, session: Session, now_ms: int, heartbeat_bars: int) -> Iterator[Trouble]:
    awaited = True
    if session.mode == "live":
        leaves = ledger.armings(session.exchange, session.account)
        lost = _lost(ledger, session, *leaves[-1], now_ms) if leaves else None
        if lost is not None:
            yield lost
        # Without leave to trade nobody expects a cycle.
        awaited = bool(leaves) and lost is None
    if not awaited:
        return
    last = last_success(ledger, session)
    since = session.started_ms if last is None else last.ended_ms
    if now_ms - since > heartbeat_bars * Timeframe.parse(session.timeframe).ms:
        told = f"no cycle of {_named(session)} ended well since {iso(since)}"
        yield Trouble("heartbeat", f"heartbeat:{session.mode}:{session.exchange}:{session.account}", told)


def _lost(ledger: WatchedLedger, session: Session, leave: Arming, ended_ms: int | None, now_ms: int) -> Trouble | None:
    if ended_ms is None and leave.expires_ms > now_ms:
        return None
    how = f"expired at {iso(leave.expires_ms)}"
    if ended_ms is not None:
        back = ledger.taken_back()
        why = f": {back[1]}" if back is not None and back[0] == ended_ms else ""
        how = f"was taken back at {iso(ended_ms)}{why}"
    key = f"leave:{session.exchange}:{session.account}:{leave.since_ms}"
    return Trouble("leave", key, f"leave to trade live on {session.exchange} {how}", once=True)


def _named(session: Session) -> str:
    return f"{session.mode} on {session.exchange}"


def weigh(
    memory: Memory,
    found: Sequence[Trouble],
    muted: Sequence[str],
    repeat_ms: int,
    most_per_hour: int,
    now_ms: int,
    command: str = "",
    *,
    blind: bool = False,
) -> Weighed:
    """Return what somebody is told now: new trouble, what lasts longer than repeat_ms (0 = never), and what is over.

    command: of the run that looks, whose own trouble it may end; that of other commands stays as it is. blind: the ledger could
    not be read, so that nothing it knew is over. At most one message, and no more than most_per_hour in an hour: what is not
    told waits, and is counted.
    """
    now = {one.key: one for one in found if one.kind not in muted}
    seen: dict[str, Known] = {}
    lines: list[str] = []
    told: set[str] = set()
    for key, trouble in now.items():
        before = memory.known.get(key)
        one = _seen(before, trouble, now_ms)
        seen[key] = one
        if one.told_ms == 0:
            lines.append(f"{trouble.kind}: {trouble.message}")
        elif repeat_ms and not trouble.once and now_ms - one.told_ms >= repeat_ms:
            lines.append(f"still, since {iso(one.since_ms)}, seen {one.seen} times: {trouble.kind}: {trouble.message}")
        else:
            continue
        told.add(key)
    for key, one in memory.known.items():
        if key in now:
            continue
        of_a_run = key.startswith(_OF_RUNS)
        if key != _OF_RUNS + command and (of_a_run or blind):
            seen[key] = one
        elif one.told_ms and one.kind not in muted:
            seen[key] = replace(one, gone=True)
            lines.append(f"over: {one.kind}: {one.message}")
    sent = tuple(when for when in memory.sent_ms if 0 <= now_ms - when < _HOUR_MS)
    failed = Memory(seen, sent)
    if not lines or len(sent) >= most_per_hour:
        return Weighed("", "", failed, failed, len(lines))
    kept = {
        key: replace(one, told_ms=now_ms, seen=0) if key in told else one for key, one in seen.items() if not one.gone
    }
    return Weighed(_titled(lines), "\n".join(lines), Memory(kept, (*sent, now_ms)), failed, 0)


_TITLE = 120


def _titled(lines: Sequence[str]) -> str:
    title = lines[0] if len(lines) == 1 else f"{len(lines)} things to know"
    return f"trader: {title}"[:_TITLE]


def due(memory: Memory, weighed: Weighed, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return (title, text) for every address that is told something: what it did not take before, and what is new."""
    new, messages = weighed.text.splitlines(), {}
    for name in names:
        lines = [*(memory.waiting[name].lines if name in memory.waiting else ()), *new]
        if lines:
            messages[name] = (_titled(lines), "\n".join(lines))
    return messages


def settled(
    memory: Memory, weighed: Weighed, names: Sequence[str], taken: Sequence[str], keep_ms: int, now_ms: int
) -> tuple[Memory, tuple[str, ...]]:
    """Return what to remember once the addresses were told, and a line for each that is given up.

    taken: who took what was due. What is new counts as told where anybody took it, and waits for the others alone; where
    nobody did, it is new again. What waits longer than keep_ms, or for an address that there is no more, waits no longer.
    """
    new = tuple(weighed.text.splitlines())
    reached = bool(new) and bool(taken)
    waiting: dict[str, Waiting] = {}
    given_up = []
    for name in names:
        before = memory.waiting.get(name)
        lines = (*(before.lines if before else ()), *(new if reached else ()))
        if name in taken or not lines:
            continue
        since_ms = before.since_ms if before else now_ms
        if now_ms - since_ms >= keep_ms:
            given_up.append(f"{name} takes nothing since {iso(since_ms)}: {len(lines)} lines are given up")
        else:
            waiting[name] = Waiting(lines, since_ms)
    return replace(weighed.told if reached else weighed.failed, waiting=waiting), tuple(given_up)


def _seen(before: Known | None, trouble: Trouble, now_ms: int) -> Known:
    if before is None:
        return Known(trouble.kind, trouble.message, now_ms)
    return replace(before, kind=trouble.kind, message=trouble.message, seen=before.seen + 1, gone=False)


def memory_of(value: Any) -> Memory:
    """Return what was kept, as JSON knows it. Raises ValueError for what nobody of us wrote."""
    try:
        known = {str(key): Known(**one) for key, one in value["known"].items()}
        waiting = {
            str(name): Waiting(tuple(str(line) for line in one["lines"]), int(one["since_ms"]))
            for name, one in value.get("waiting", {}).items()
        }
        return Memory(known, tuple(int(one) for one in value["sent_ms"]), waiting)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is no memory of alerts: {error}") from error


def memory_row(memory: Memory) -> dict[str, Any]:
    """Return what is to be kept, as JSON knows it."""
    waiting = {name: {"lines": list(one.lines), "since_ms": one.since_ms} for name, one in memory.waiting.items()}
    kept = {"known": {key: vars(one) for key, one in memory.known.items()}, "sent_ms": list(memory.sent_ms)}
    # A file of an older version has none.
    return {**kept, "waiting": waiting} if waiting else kept
