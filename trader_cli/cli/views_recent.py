"""How a stretch of time looks in a terminal of 80 columns: results, wallets, strategies, days, rules, orders, data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number, signed
from trader_cli.cli.views_trading import minute, money

_WIDTH = 80
_MOST_DAYS = 14
_MOST_EVENTS = 8


def recent_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print every part of a span that has something to say."""
    if not result.get("performance"):
        return
    several = len(result["performance"]) > 1
    for part in (
        _performance(result["performance"]),
        _wallets(result["wallets"], several),
        _strategies(result["strategies"]),
        _daily(result["daily"], several),
        _risk(result["risk_events"]),
        _execution(result["execution"]),
        _health(result["data_health"]),
    ):
        if part is not None:
            console.print(part)
            console.print()


def _performance(rows: Sequence[Mapping[str, Any]]) -> Table:
    spans = {(one["since"][:10], one["until"][:10]) for one in rows}
    title = "performance, each session in its own last days"
    if len(spans) == 1:
        since, until = spans.pop()
        title = f"performance, {since} to {until}"
    table = _table(title, "session", "equity", "result", "%", "drawdown", "trades", "won", "factor", "fees")
    for one in rows:
        table.add_row(
            Text(f"{one['mode']} {one['exchange']}"),
            money(one["equity"]),
            signed(float(one["result"]), 2, ""),
            signed(one["result_pct"], 2, ""),
            number(one["drawdown_pct"], 2, " %"),
            number(one["trades"], 0),
            number(one["win_rate_pct"], 0, " %"),
            number(one["profit_factor"]),
            money(one["fees"]),
        )
    return table


def _wallets(rows: Sequence[Mapping[str, Any]], several: bool) -> Table | None:
    if len({one["run_id"] for one in rows}) == len(rows):
        return None
    table = _table("wallets", "wallet", "cash", "held", "equity", "trades", "result", "state")
    for one in rows:
        name = f"{one['wallet']} ({one['mode']})" if several else one["wallet"]
        state = Text(f"halted: {one['halted']}", style="bold red") if one["halted"] else Text("trading")
        amounts = (money(one["cash"]), money(one["held"]), money(one["equity"]))
        table.add_row(Text(name), *amounts, number(one["trades"], 0), signed(float(one["pnl"]), 2, ""), state)
    return table


def _strategies(rows: Sequence[Mapping[str, Any]]) -> Table | None:
    if not rows:
        return None
    table = _table("strategies", "closed round trips of", "mode", "trades", "won", "fees", "result")
    for one in rows:
        brought = signed(float(one["pnl"]), 2, f" {one['quote']}")
        figures = (number(one["trades"], 0), number(one["win_rate_pct"], 0, " %"), money(one["fees"]))
        table.add_row(Text(one["strategy"]), one["mode"], *figures, brought)
    return table


def _daily(rows: Sequence[Mapping[str, Any]], several: bool) -> Table | None:
    if not rows:
        return None
    newest = sorted(rows, key=lambda one: (one["day"], one["run_id"]), reverse=True)
    table = _table("days", "day", "trades", "wins", "fees", "closed result", "equity")
    for one in newest[:_MOST_DAYS]:
        name = f"{one['day']} {one['mode']}" if several else one["day"]
        equity = money(one["equity"]) if one["equity"] else "-"
        counts = (number(one["trades"], 0), number(one["wins"], 0) if one["trades"] else "-")
        result = signed(float(one["pnl"]), 2, "") if one["trades"] else Text("-")
        table.add_row(name, *counts, money(one["fees"]), result, equity)
    if len(newest) > _MOST_DAYS:
        table.caption = f"{len(newest) - _MOST_DAYS} more days: `--csv` and `--json` have them all"
    return table


def _risk(rows: Sequence[Mapping[str, Any]]) -> Table | None:
    if not rows:
        return None
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH, caption_justify="left"
    )
    table.add_column("what rules did", overflow="fold")
    table.add_column("bars", justify="right")
    table.add_column("the last time", ratio=1, overflow="fold")
    for one in rows[:_MOST_EVENTS]:
        where = one["symbol"] or one["wallet"]
        style = "" if one["kind"] in ("refusal", "conflict") else "yellow"
        said = one["message"] if len(one["message"]) <= _WIDTH else textwrap.shorten(one["message"], _WIDTH)
        name = Text(f"{one['rule'].replace('_', ' ') or one['kind']}{f' {where}' if where else ''}", style=style)
        table.add_row(name, number(one["times"], 0), Text(f"{minute(one['last'])} {said}"))
    if len(rows) > _MOST_EVENTS:
        table.caption = f"{len(rows) - _MOST_EVENTS} more: `--csv` and `--json` have them all"
    return table


def _execution(whole: Mapping[str, Any]) -> Text | None:
    if not whole["orders"]:
        return None
    parts = [
        f"{number(whole['orders'], 0)} orders sent",
        f"{number(whole['success_pct'], 1, ' %')} of those that ended filled",
        f"slippage {number(whole['slippage_bps'], 1, ' bps')}",
        f"fees {number(whole['fee_bps'], 1, ' bps')}",
    ]
    parts += [f"{whole['rejected']} rejected"] if whole["rejected"] else []
    parts += [f"{whole['unresolved']} UNRESOLVED"] if whole["unresolved"] else []
    text = textwrap.fill(f"execution: {', '.join(parts)}; more: `trader report execution`", _WIDTH)
    return Text(text, style="bold red" if whole["unresolved"] else "")


def _health(rows: Sequence[Mapping[str, Any]]) -> Table | None:
    if not rows:
        return None
    table = _table("data", "session", "bars", "newest closed", "late", "cycles", "failed", "slowest")
    for one in rows:
        late = Text(f"{one['late_bars']} bars", style="bold red" if one["stale"] else "")
        failed = Text(number(one["failed"], 0), style="bold red" if one["failed"] else "")
        slowest = "-" if one["slowest_s"] is None or math.isnan(one["slowest_s"]) else f"{one['slowest_s']:.1f} s"
        name = Text(f"{one['mode']} {one['exchange']}")
        table.add_row(name, one["timeframe"], minute(one["bar"]), late, number(one["cycles"], 0), failed, slowest)
    troubles = [f"the last failure: {one['trouble']}" for one in rows if one["trouble"]]
    if troubles:
        table.caption = textwrap.fill("\n".join(dict.fromkeys(troubles)), _WIDTH)
    return table


def _table(title: str, *titles: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold cyan",
        caption_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        width=_WIDTH,
    )
    left = {0} | {i for i, name in enumerate(titles) if name in ("mode", "state", "bars", "newest closed")}
    for i, name in enumerate(titles):
        table.add_column(name, justify="left" if i in left else "right", overflow="fold")
    return table
