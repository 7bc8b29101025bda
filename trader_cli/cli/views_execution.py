"""How execution analytics and the chain behind an order look in a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number, signed
from trader_cli.cli.views_trading import minute, money

_WIDTH = 80
_STAGE = 9


def execution_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print how orders fared, what that switches, and what each strategy brought."""
    whole = result["total"]
    if whole["orders"]:
        _sums(console, whole, result["rejections"])
        console.print()
        _groups(console, result)
    else:
        console.print("no orders were sent to a venue yet: fills on paper are simulated")
    console.print()
    for said in result["switches"]["reasons"]:
        style = "yellow" if " is on" in said.partition(":")[0] else ""
        console.print(Text(textwrap.fill(said, _WIDTH, subsequent_indent="  "), style=style))
    if result["attribution"]:
        console.print()
        _attribution(console, result)


def _sums(console: Console, whole: Mapping[str, Any], rejections: Mapping[str, int]) -> None:
    fees = ", ".join(f"{money(amount)} {asset}" for asset, amount in whole["fees"].items()) or "none"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, width=_WIDTH)
    for i in range(4):
        table.add_column(justify="right" if i % 2 else "left")
    rows = (
        ("orders", number(whole["orders"], 0), "success", _pct(whole["success_pct"])),
        ("filled", number(whole["filled"], 0), "in part only", number(whole["partial"], 0)),
        ("rejected", number(whole["rejected"], 0), "never arrived", number(whole["absent"], 0)),
        ("unresolved", _red(whole["unresolved"]), "working", number(whole["working"], 0)),
        ("slippage", _against(whole["slippage_bps"]), "fees", number(whole["fee_bps"], 1, " bps")),
        ("accepted, median", _ms(whole["accepted_median_ms"]), "95 %", _ms(whole["accepted_p95_ms"])),
        ("first fill, median", _ms(whole["filled_median_ms"]), "95 %", _ms(whole["filled_p95_ms"])),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(Text(textwrap.fill(f"fees paid: {fees}", _WIDTH)))
    for name, count in rejections.items():
        console.print(Text(textwrap.fill(f"refused {count} x: {name}", _WIDTH), style="yellow"))


def _groups(console: Console, result: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=_WIDTH)
    for i, title in enumerate(("", "orders", "success", "slippage", "fees", "first fill", "notional")):
        table.add_column(title, justify="right" if i else "left", overflow="fold")
    for key in ("by_strategy", "by_symbol", "by_kind"):
        for name, one in result[key].items():
            table.add_row(
                Text(name),
                number(one["orders"], 0),
                _pct(one["success_pct"]),
                _against(one["slippage_bps"]),
                number(one["fee_bps"], 1, " bps"),
                _ms(one["filled_median_ms"]),
                money(one["notional"]),
            )
        table.add_row()
    console.print(table)
    console.print(Text("slippage: average fill against the price at the decision, + is against us", style="dim"))


def _attribution(console: Console, result: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH)
    for i, title in enumerate(("closed round trips of", "trades", "wins", "fees", "result")):
        table.add_column(title, justify="right" if i else "left", overflow="fold")
    for one in result["attribution"]:
        counts = (number(one["trades"], 0), number(one["wins"], 0))
        brought = signed(float(one["pnl"]), 2, f" {one['quote']}")
        table.add_row(Text(one["strategy"]), *counts, money(one["fees"]), brought)
    console.print(table)


def why_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print the chain behind an order or fill, link by link."""
    where = f"{result['symbol']} in {result['wallet']}, {result['mode']} on {result['exchange']}"
    console.print(Text.assemble((result["subject"], "bold"), f"\n{where}"))
    before = ""
    for link in result["links"]:
        stage = link["stage"]
        head = f"{stage if stage != before else '':<{_STAGE}}"
        before = stage
        when = f"{minute(link['time'])}  " if link["time"] and stage != "bar" else ""
        when = f"{link['time']}  " if stage in ("event", "trade", "ticket") and link["time"] else when
        text = f"closed {minute(link['time'])}: {link['text']}" if stage == "bar" else f"{when}{link['text']}"
        body = textwrap.fill(text, _WIDTH - _STAGE, subsequent_indent="  ")
        console.print(Text.assemble((head, "bold cyan"), textwrap.indent(body, " " * _STAGE)[_STAGE:]))


def _pct(value: Any) -> str:
    return number(value, 1, " %")


def _ms(value: Any) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value / 1000:,.1f} s" if value >= 1000 else f"{value:.0f} ms"


def _against(value: Any) -> Text:
    """Return slippage in bps: red where it cost us."""
    shown = number(value, 1, " bps")
    if shown == "-" or not value:
        return Text(shown)
    return Text(f"+{shown}" if value > 0 else shown, style="red" if value > 0 else "green")


def _red(count: int) -> Text:
    return Text(number(count, 0), style="bold red" if count else "")
