"""How sessions, positions, orders and cycles look in a terminal: what nobody knows or can explain stands first."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number, runs_view, signed
from trader_cli.model.risk import ALL

_WIDTH = 80
_STYLES = {"open": "cyan", "filled": "green", "rejected": "yellow", "absent": "yellow"}
_SHORT = slice(9, 18)  # of a client id: what stands before is the same in all of them


def report_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print a summary of what is being traded, if anything is, what the time looked at brought, then the runs."""
    from trader_cli.cli.views_recent import recent_view

    trouble_view(console, result)
    unvalidated_view(console, result)
    sessions = result["sessions"]
    for one in result["halted"] if sessions else ():
        whom = "everything" if one["scope"] == ALL else f"wallet {one['scope']}"
        said = f"HALTED: {whom} enters nothing since {minute(one['since'])}: {one['reason']}"
        console.print(Text(textwrap.fill(said, _WIDTH, subsequent_indent="  "), style="bold red"))
    if sessions:
        sessions_view(console, sessions)
        heartbeat_view(console, result["cycles"])
        console.print()
        positions_view(console, result["positions"], at_length=False)
        console.print()
    recent_view(console, result)
    finished = [one for one in result["runs"] if not one["open"]]
    if finished:
        runs_view(console, finished)
    elif result["older"]:
        console.print(f"no runs in the last {_days(result['days'])}" if result["days"] else "no finished runs")
    elif not sessions:
        runs_view(console, finished)
    if result["older"]:
        said = "there are older runs: `--days 0` lists them, `--limit N` more of them"
        console.print(Text(said, style="dim"))


def session_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print one session with what it holds, its orders and what it brought."""
    from trader_cli.cli.views_recent import recent_view

    unvalidated_view(console, result)
    one = result["session"]
    symbols = ", ".join(one["symbols"][:6]) + (
        f" and {len(one['symbols']) - 6} more" if len(one["symbols"]) > 6 else ""
    )
    console.print(Text.assemble((one["strategy"].replace(",", ", "), "bold"), f"  {one['mode']} on {one['exchange']}"))
    _print(console, f"{symbols} · {one['timeframe']} bars · preset {one['preset']} · since {minute(one['since'])}")
    _print(console, f"cash {money(one['cash'])} {one['quote']} · {number(one['fills'], 0)} fills")
    console.print()
    sessions_view(console, [one])
    console.print()
    positions_view(console, result["positions"])
    if result["orders"]:
        console.print()
        orders_view(console, result["orders"])
    console.print()
    recent_view(console, result)
    console.print(Text(f"run {one['run_id']} · last bar {minute(one['bar'])}", style="dim"))


def trouble_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print unresolved orders and unexplained differences, where there are any."""
    unresolved, unexplained = result["unresolved"], result["unexplained"]
    if unresolved:
        count = "1 order is" if len(unresolved) == 1 else f"{len(unresolved)} orders are"
        console.print(Text(f"{count} UNRESOLVED: the venue may have what is not known here", style="bold red"))
        orders_view(console, unresolved)
        _print(console, "the next cycle asks the venue again; nothing new is placed on these markets until then")
        console.print()
    if unexplained:
        console.print(Text("UNEXPLAINED: the venue's balances are not the ledger's", style="bold red"))
        for one in unexplained:
            amount = Decimal(one["amount"])
            what = "more" if amount > 0 else "less"
            text = f"{one['exchange']} has {abs(amount):,f} {one['asset']} {what} than the ledger"
            console.print(Text(textwrap.fill(text, _WIDTH), style="red"))
        _print(console, "nothing new is placed until it is explained: `trader ledger reconcile`")
        console.print()


def unvalidated_view(console: Console, result: Mapping[str, Any]) -> None:
    """Say which strategies trade, or traded, for real without validation, and why there was none."""
    for one in result["unvalidated"]:
        was, until = ("was ", f", until {minute(one['until'])}") if one["until"] else ("", "")
        text = f"{was}armed without validation: {one['strategy']} ({one['reason']}){until}"
        console.print(Text(textwrap.fill(text, _WIDTH, subsequent_indent="  "), style="bold yellow"))


def sessions_view(console: Console, sessions: Sequence[Mapping[str, Any]]) -> None:
    """Print sessions, newest first."""
    table = _table("session", "strategy", "bars", "equity", "result", "%", "trades", "state", right=(3, 4, 5, 6))
    for one in sessions:
        first, *others = one["strategy"].split(",")
        table.add_row(
            Text(f"{one['mode']} {one['exchange']}"),
            Text(f"{first} +{len(others)}" if others else first),
            one["timeframe"],
            f"{money(one['equity'])} {one['quote']}",
            signed(float(one["result"]), 2, ""),
            signed(one["result_pct"], 2, ""),
            number(one["trades"], 0),
            Text(one["state"], style="cyan" if one["state"] == "open" else "dim"),
        )
    console.print(table)


def heartbeat_view(console: Console, cycles: Sequence[Mapping[str, Any]]) -> None:
    """Say how the last cycle ended and when."""
    if cycles:
        one = cycles[0]
        text = f"last cycle {age(one['age_s'])} ago: {one['outcome']}, {one['seconds']:.1f} s{_after(one['message'])}"
        console.print(Text(textwrap.fill(text, _WIDTH), style="red" if one["exit_code"] else "dim"))


def positions_view(console: Console, positions: Sequence[Mapping[str, Any]], *, at_length: bool = True) -> None:
    """Print what is held; at length with entry, levels and what protects it."""
    if not positions:
        console.print("nothing is held")
        return
    table = _table("position", "wallet", "quantity", "entry", "last", "result", "%", right=(2, 3, 4, 5, 6))
    for one in positions:
        figures = (Text(exact(one["quantity"])), Text(exact(one["entry_price"])), Text(exact(one["price"])))
        result = (signed(float(one["pnl"]), 2, ""), signed(one["pnl_pct"], 2, ""))
        table.add_row(Text(one["symbol"]), Text(one["wallet"]), *figures, *result)
    console.print(table)
    for one in positions:
        if at_length:
            _position(console, one)
        elif one["exposed"]:
            console.print(Text(f"{one['symbol']}: UNPROTECTED, the venue has no stop for it", style="bold red"))


def _position(console: Console, one: Mapping[str, Any]) -> None:
    console.print()
    who = f" for {one['strategy']}" if one["strategy"] not in ("", one["wallet"]) else ""
    console.print(Text.assemble((one["symbol"], "bold"), f"  {one['mode']} on {one['exchange']}, {one['wallet']}{who}"))
    seen = f" as of {minute(one['price_time'])}" if one["price_time"] else ""
    entered = f" since {minute(one['entry_time'])}" if one["entry_time"] else ""
    worth = f"worth {money(one['value'])} {one['quote']} at {exact(one['price'])}{seen}"
    _print(console, f"{exact(one['quantity'])} at {exact(one['entry_price'])}{entered}; {worth}", "  ")
    levels = [f"{name} {exact(one[name])}" for name in ("stop", "target") if one[name]]
    _print(console, " · ".join(levels) if levels else "no stop and no target", "  ")
    for guard in one["guards"]:
        level = f" at {exact(guard['level'])}" if guard["level"] else ""
        text = f"{guard['role']} at the venue: {guard['state']}{level}, {exact(guard['left'])}, {short(guard)}"
        _print(console, text, "  ")
    if one["exposed"]:
        console.print(Text("  UNPROTECTED: the venue has no stop for it", style="bold red"))
    elif one["mode"] != "live" and levels:
        console.print(Text("  kept by the simulated market", style="dim"))


def orders_view(console: Console, orders: Sequence[Mapping[str, Any]]) -> None:
    """Print orders in the order they come: the unresolved in red, with what was said of those that did not simply fill."""
    if not orders:
        console.print("no orders")
        return
    table = _table("order", "age", "symbol", "for", "quantity", "filled", "average", "state", right=(1, 4, 5, 6))
    for one in orders:
        red = "bold red" if one["unresolved"] else ""
        table.add_row(
            Text(short(one)),
            age(one["age_s"]),
            Text(one["symbol"]),
            one["purpose"] if one["purpose"] == one["kind"] else f"{one['purpose']} {one['kind']}",
            Text(exact(one["quantity"])),
            f"{one['filled_pct']:.0f} %",
            Text(price(one["average"])),
            Text(one["state"], style=red or _STYLES.get(one["state"], "")),
            style=red,
        )
    console.print(table)
    for one in orders:
        if one["message"] and (one["unresolved"] or one["state"] in ("rejected", "absent", "cancelled")):
            text = f"{short(one)}: {one['message']}"
            shown = textwrap.fill(text, _WIDTH, subsequent_indent="  ")
            console.print(Text(shown, style="red" if one["unresolved"] else "dim"))
        if not one["booked"]:
            console.print(Text(f"{short(one)}: filled {one['filled']}, not all of it is in the book yet", style="red"))


def cycles_view(console: Console, cycles: Sequence[Mapping[str, Any]]) -> None:
    """Print the last cycles, newest first, under the heartbeat."""
    if not cycles:
        console.print("no cycle is on record yet: `trader paper --once` runs one")
        return
    console.print(f"heartbeat: the last cycle ended {age(cycles[0]['age_s'])} ago")
    table = _table("began", "outcome", "exit", "seconds", "calls", "message", right=(2, 3, 4))
    for one in cycles:
        calls = number(one["calls"], 0) if one["calls"] >= 0 else "-"
        style = "red" if one["exit_code"] else ""
        table.add_row(
            minute(one["started"]),
            Text(one["outcome"], style=style),
            str(one["exit_code"]),
            number(one["seconds"], 1),
            calls,
            Text(one["message"]),
        )
    console.print(table)


def exact(text: str) -> str:
    """Return exact decimal text with thousands apart, `-` where there is none."""
    return f"{Decimal(text):,f}" if text else "-"


def money(text: str) -> str:
    """Return exact decimal text to the hundredth, small amounts in full."""
    amount = Decimal(text)
    return f"{amount:,.2f}" if not amount or abs(amount) >= Decimal("0.1") else f"{amount:f}"


def price(value: Any) -> str:
    """Return an average price with as many decimals as tell something, `-` where there is none."""
    if value is None or math.isnan(value) or abs(value) >= 100:
        return number(value)
    return number(value, 4 if abs(value) >= 1 else 8)


def age(seconds: int) -> str:
    """Return how long ago, in the largest unit that fits: `45s`, `12m`, `5h`, `3d`."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def minute(moment: str) -> str:
    """Return an ISO time as far as a table shows it."""
    return f"{moment[:16]}Z".replace("T", " ") if moment else "-"


def short(one: Mapping[str, Any]) -> str:
    """Return the part of a client id that tells orders apart, and that `report why` takes."""
    return str(one["client_id"])[_SHORT]


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"


def _after(message: str) -> str:
    return f"; {message}" if message else ""


def _print(console: Console, text: str, indent: str = "") -> None:
    console.print(
        Text(textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")), markup=False
    )


def _table(*titles: str, right: Sequence[int] = ()) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=_WIDTH)
    for i, title in enumerate(titles):
        table.add_column(title, justify="right" if i in right else "left", overflow="fold")
    return table
