"""What the rules did in a run, in words: refusals, breakers and decided conflicts as risk events (R0.4, R2.3, R2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trader_cli.engine.state import (
    EVENT_BAR,
    EVENT_BREAKER,
    EVENT_COUNT,
    EVENT_LAST_BAR,
    EVENT_LIMIT,
    EVENT_NUMBER,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    Book,
    Log,
)
from trader_cli.jobs.plan import WalletPlan
from trader_cli.jobs.wishes import Wishes
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import Refusal
from trader_cli.model.risk import ALL, RiskEvent

_COUNTS = {Refusal.MAX_POSITIONS, Refusal.LOSING_STREAK}
_RATES = {Refusal.CORRELATION, Refusal.LOW_CONFIDENCE}
_TIMES = {Refusal.STALE_DATA}
_BASE = {Refusal.ROUNDS_TO_ZERO}
_BARE = {Refusal.HALTED, Refusal.OTHER_LEG}
_SAYS = {
    Refusal.BELOW_MINIMUM: "the order would be worth {number}, the minimum is {limit}",
    Refusal.ROUNDS_TO_ZERO: "the wanted size is less than one lot of {limit}",
    Refusal.NO_CASH: "the order costs {number}, there are {limit}",
    Refusal.MAX_POSITIONS: "it would be position {number} of at most {limit}",
    Refusal.MAX_SYMBOL: "the order is worth {number}, the limit on one symbol leaves {limit}",
    Refusal.MAX_WALLET: "the order is worth {number}, the limit on the wallet leaves {limit}",
    Refusal.MAX_GROSS: "the order is worth {number}, the limit on all holdings leaves {limit}",
    Refusal.CASH_RESERVE: "the order costs {number}, beside the cash reserve there are {limit}",
    Refusal.CORRELATION: "its correlation with a held symbol is {number}, at most {limit} is allowed",
    Refusal.VAR: "a bar could lose {number} (value at risk), at most {limit} is allowed",
    Refusal.CVAR: "the worst bars would lose {number} on average, at most {limit} is allowed",
    Refusal.DAILY_LOSS: "the day has lost {number}, the breaker opens at {limit}",
    Refusal.DRAWDOWN: "it is {number} under its peak, the breaker opens at {limit}",
    Refusal.LOSING_STREAK: "{number} losing trades in a row pause the wallet, as {limit} do",
    Refusal.STALE_DATA: "the bar before is {number} old, at most {limit} are allowed",
    Refusal.LOW_CONFIDENCE: "the confidence is {number}, it must be above {limit}",
    Refusal.HALTED: "trading is halted by hand",
    Refusal.OTHER_LEG: "the other leg has no order",
    Refusal.LEG_COSTS: "selling one leg brings {number}, buying the other takes {limit}",
}


def risk_events(
    log: Log, book: Book, open_ms: Ints, bar_ms: int, wallets: Sequence[WalletPlan], symbols: Sequence[str], quote: str
) -> list[RiskEvent]:
    """Return the log's refusals and breakers, oldest first, each with its number and its limit."""
    rows = log.events[: book.account[EVENTS]].tolist()
    names = [one.name for one in wallets]
    found = []
    for row in rows:
        rule = Refusal(row[EVENT_RULE])
        number, limit, unit = _amounts(rule, row[EVENT_NUMBER], row[EVENT_LIMIT], quote)
        breaker = row[EVENT_BREAKER] != 0
        w, s = (row[EVENT_ROW], 0) if breaker else divmod(row[EVENT_ROW], len(symbols))
        wallet = names[w] if w < len(names) else ALL
        shown = f"{{}} {unit}".strip()
        said = _SAYS[rule].format(number=shown.format(number), limit=shown.format(limit))
        where = f"wallet {wallet}" if breaker and wallet != ALL else "the account" if breaker else symbols[s]
        found.append(
            RiskEvent(
                time_ms=int(open_ms[row[EVENT_BAR]]) + bar_ms,
                last_ms=int(open_ms[row[EVENT_LAST_BAR]]) + bar_ms,
                count=row[EVENT_COUNT],
                kind="breaker" if breaker else "refusal",
                wallet=wallet,
                strategy="" if breaker else wallets[w].label,
                symbol="" if breaker else symbols[s],
                rule=rule.label,
                number=number,
                limit=limit,
                unit=unit,
                message=f"{where}: {said}",
            )
        )
    return found


def conflict_events(wishes: Wishes, wallets: Sequence[WalletPlan], series: Sequence[Bars]) -> list[RiskEvent]:
    """Return every decision between strategies, with who lost and why (R2.6)."""
    return [
        RiskEvent(
            time_ms=int(bars.open_ms[one.first]) + bars.timeframe.ms,
            last_ms=int(bars.open_ms[one.last]) + bars.timeframe.ms,
            count=one.count,
            kind="conflict",
            wallet=wallet.name,
            strategy=wallet.strategies[one.loser].name,
            symbol=bars.symbol,
            rule=one.rule,
            number=one.number,
            limit=one.limit,
            unit="",
            message=one.message,
        )
        for wallet, row in zip(wallets, wishes.wallets, strict=True)
        for bars, said in zip(series, row, strict=True)
        for one in said.conflicts
    ]


def _amounts(rule: Refusal, number: int, limit: int, quote: str) -> tuple[str, str, str]:
    """Return (number, limit, unit) as decimal text."""
    if rule in _BARE:
        return "", "", ""
    if rule in _COUNTS:
        return str(number), str(limit), ""
    if rule in _TIMES:
        return str(Decimal(number) / 60_000), str(Decimal(limit) / 60_000), "minutes"
    unit = "" if rule in _RATES | _BASE else quote
    return _text(number), _text(limit), unit


def _text(units: int) -> str:
    text = f"{Decimal(units).scaleb(-8):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
