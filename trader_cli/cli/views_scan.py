"""How a scan looks in a terminal, in 80 columns: from plain values to Rich, nothing computed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number

_WIDTH = 80
# Wide enough for what a trade of it would cost, too.
_WIDE = 116
_STYLES = {"act": "bold green", "look": "green", "weak": "dim", "keep": "dim"}
_MOST_LEFT_OUT = 5


def scan_view(console: Console, result: Mapping[str, Any], top: int) -> None:
    """Print the best signals, then who was left out and by what."""
    looked = result["universe"]
    console.print(Text.assemble(("scan", "bold"), f"  {', '.join(result['strategies'])}"), soft_wrap=True)
    console.print(f"{looked['symbols']:,} symbols ({looked['from']})", markup=False)
    newest = f", the newest of {result['bar']}" if result["bar"] else ""
    console.print(f"{result['exchange'] or '-'} · {result['timeframe']} bars{newest}", markup=False)
    console.print(_approval(result))
    console.print()
    rows = [(name, one) for name, found in result["signals"].items() for one in found]
    ranked = sorted((row for row in rows if row[1]["rank"] is not None), key=lambda row: row[1]["rank"])
    if ranked:
        console.print(_table(ranked[:top], wide=console.width >= _WIDE))
        if len(ranked) > top:
            console.print(Text(f"{len(ranked) - top:,} more: `--set scan.top=100`, or `--json` for all", style="dim"))
    else:
        console.print("no strategy wants to hold any of them")
    flat = len(rows) - len(ranked)
    if flat:
        console.print(Text(f"{flat:,} answer{'' if flat == 1 else 's'} to hold nothing", style="dim"))
    _left_out(console, result["left_out"])
    for name, text in list(result["problems"].items())[:_MOST_LEFT_OUT]:
        console.print(textwrap.fill(f"note: {name}: {text}", _WIDTH), markup=False)
    for note in result.get("notes", ()):
        console.print(textwrap.fill(f"note: {note}", _WIDTH), markup=False)
    took = f" · {_seconds(result)}" if result["seconds"] else f" of {result['time']}"
    console.print(Text(f"scan {result['scan_id']}{took}", style="dim"))


def _approval(result: Mapping[str, Any]) -> str:
    filtered = ", ".join(f"{name} {count:,}" for name, count in result["filtered"].items())
    pct = result["approval_pct"]
    rate = "-" if pct is None or math.isnan(pct) else f"{pct:.0f} %"
    return f"approved {result['approved']:,} ({rate})" + (f" · left out by {filtered}" if filtered else "")


def _table(rows: Sequence[tuple[str, Mapping[str, Any]]], *, wide: bool) -> Table:
    width = _WIDE if wide else _WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=width)
    more = ("volume", "bps", "order %") if wide else ()
    for title in ("no", "symbol", "strategy", "do", "price", "sure", "stop", "take", "r/r", "age", *more):
        left = title in ("symbol", "strategy", "do")
        table.add_column(title, justify="left" if left else "right", no_wrap=True, overflow="ellipsis")
    for name, one in rows:
        table.add_row(
            str(one["rank"]),
            name,
            one["strategy"],
            Text(one["state"], style=_STYLES.get(one["state"], "")),
            price(one["price"]),
            number(one["confidence"]),
            price(one["stop"]),
            price(one["take"]),
            number(one["reward_risk"], 1),
            number(one["age"], 0),
            *((number(one["volume"], 0), number(one["spread_bps"], 1), number(one["order_pct"], 3)) if wide else ()),
        )
    return table


def price(value: float | None) -> str:
    """Return a price with six digits that count, `-` where there is none."""
    if value is None or math.isnan(value):
        return "-"
    if value >= 100_000:
        return f"{value:,.0f}"
    return f"{value:.6g}" if value >= 1e-4 else f"{value:.3e}"


def history_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print former scans, newest first, with how many symbols they approved; the rate is told, nothing aims at one."""
    rows = result["scans"]
    if not rows:
        console.print("no scans yet: `trader scan` makes one")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH)
    for title in ("scan of", "symbols", "approved", "rate", "signals", "to act", "left out by"):
        table.add_column(title, justify="left" if title in ("scan of", "left out by") else "right")
    for one in rows:
        filtered = ", ".join(f"{name} {count:,}" for name, count in one["filtered"].items()) or "nothing"
        counts = [number(one[name], 0) for name in ("symbols", "approved")]
        rate = number(one["approval_pct"], 0, " %")
        table.add_row(one["time"], *counts, rate, number(one["signals"], 0), number(one["acts"], 0), filtered)
    console.print(table)
    console.print(f"approved of all symbols together: {number(result['approval_pct'], 1, ' %')}")


def chain_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print the chain of one symbol."""
    bar = result["bar"]
    console.print(Text(result["symbol"], style="bold"))
    if bar is not None:
        prices = "  ".join(f"{name} {price(bar[name])}" for name in ("open", "high", "low", "close"))
        console.print(f"bar      {bar['time']}, {bar['timeframe']}, {bar['history']:,} closed bars", markup=False)
        console.print(f"         {prices}  volume {price(bar['volume'])}", markup=False)
    for one in result["filters"]:
        _line(console, "filter", f"{one['filter']}: {'passes' if one['passed'] else 'LEFT OUT'}, {one['message']}")
    gone = result["left_out"]
    if gone is not None and not any(not one["passed"] for one in result["filters"]):
        _line(console, "filter", f"{gone['filter']}: LEFT OUT, {gone['message']}")
    for one in result["strategies"]:
        _asked(console, one, result["ranked"])
    if result["problem"]:
        _line(console, "problem", result["problem"])


def _asked(console: Console, one: Mapping[str, Any], ranked: int) -> None:
    params = ", ".join(f"{key}={value}" for key, value in one["params"].items())
    console.print(Text.assemble("asked    ", (one["strategy"], "bold")))
    _line(console, "", params)
    for name, value in one["indicators"].items():
        _line(console, "", f"{name} = {number(value, 6)}")
    signal = one["signal"]
    _line(console, "signal", one["verdict"])
    levels = f"price {price(signal['price'])}, stop {price(signal['stop'])}, take {price(signal['take'])}"
    ratio = f"reward to risk {number(signal['reward_risk'])}"
    age = "" if signal["age"] is None else f", age {signal['age']} bars"
    _line(console, "", f"{levels}, {ratio}{age}")
    place = "no rank" if signal["rank"] is None else f"{signal['rank']} of {ranked:,}"
    _line(console, "rank", place)


def _line(console: Console, head: str, text: str) -> None:
    console.print(textwrap.fill(text, _WIDTH, initial_indent=f"{head:<9}", subsequent_indent=" " * 9), markup=False)


def _left_out(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    console.print()
    by_filter: dict[str, list[Mapping[str, Any]]] = {}
    for one in rows:
        by_filter.setdefault(one["filter"], []).append(one)
    for name, found in by_filter.items():
        for one in found[:_MOST_LEFT_OUT]:
            text = f"{one['symbol']}: {one['message']}"
            head = f"left out by {name}: "
            console.print(textwrap.fill(head + text, _WIDTH, subsequent_indent="  "), markup=False)
        if len(found) > _MOST_LEFT_OUT:
            console.print(f"left out by {name}: {len(found) - _MOST_LEFT_OUT:,} more, see `--json`", markup=False)


def _seconds(result: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.2f} s" for name, value in result["seconds"].items())
