"""How a chain of what did not happen looks in a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number, signed

_WIDTH = 80
_STAGE = 11


def why_not_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print why nothing was traded, wallet by wallet: the answer first, then its chain."""
    where = f"{result['mode']} {result['run_id']}" + (f" on {result['exchange']}" if result["exchange"] else "")
    console.print(Text.assemble((f"{result['symbol']} at the close of {result['close']}", "bold"), f"\n{where}"))
    for one in result["wallets"]:
        console.print()
        head = f"in {one['wallet']}: " if len(result["wallets"]) > 1 else ""
        console.print(Text(textwrap.fill(f"{head}{one['verdict']}", _WIDTH), style="bold yellow"))
        _links(console, one["links"])
    if result["notes"]:
        console.print()
    for note in result["notes"]:
        console.print(Text(textwrap.fill(f"note: {note}", _WIDTH), style="dim"))


def _links(console: Console, links: Any) -> None:
    before = ""
    for link in links:
        stage = link["stage"]
        head = f"{stage if stage != before else '':<{_STAGE}}"
        before = stage
        when = f"{link['time']}  " if link["time"] and stage not in ("bar", "limit", "conflict") else ""
        body = textwrap.fill(f"{when}{link['text']}", _WIDTH - _STAGE, subsequent_indent="  ")
        console.print(Text.assemble((head, "bold cyan"), textwrap.indent(body, " " * _STAGE)[_STAGE:]))


_SAYS = {
    "data": "bars revised since the session saw them",
    "timing": "bars decided late or not at all",
    "price": "filled at another price",
    "fees": "charged another fee",
    "missed_fills": "filled in one of them only, or in another size",
    "vetoes": "forbidden by a limit, a halt or the venue",
}
_VERDICTS = {"within": "green", "over": "bold red", "too few": "yellow", "other code": "yellow"}


def drift_view(console: Console, result: Mapping[str, Any], limit: int) -> None:
    """Print a session beside its re-run: the gap, its parts, and the fills that made it."""
    names = ", ".join(result["strategies"])
    console.print(Text.assemble((names, "bold"), f"  {result['mode']} {result['run_id']}"))
    console.print(f"{result['since']} to {result['until']}, {result['decided']} of {result['bars']} bars decided on")
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, width=_WIDTH)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    quote = result["quote"]
    table.add_row("the session", number(float(result["session"])), f"{quote}, {result['fills']} fills")
    table.add_row("its re-run", number(float(result["rerun"])), f"{quote}, {result['rerun_fills']} fills")
    table.add_row(Text("the gap", style="bold"), _amount(result["gap"]), _share(result["gap_pct"]))
    for name, amount in result["parts"].items():
        table.add_row(f"  {name.replace('_', ' ')}", _amount(amount), Text(_SAYS[name], style="dim"))
    console.print(table)
    console.print()
    verdict = result["verdict"]
    console.print(Text(textwrap.fill(f"{verdict}: {result['reason']}", _WIDTH), style=_VERDICTS[verdict]))
    shown = result["differences"][:limit]
    if shown:
        console.print()
        fills = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=_WIDTH)
        for title in ("decided", "symbol", "", "part", "amount", ""):
            fills.add_column(title, justify="right" if title == "amount" else "left", overflow="fold")
        for one in shown:
            row = (one["close"][:16], Text(one["symbol"]), one["side"], one["part"].replace("_", " "))
            fills.add_row(*row, _amount(one["amount"]), Text(one["text"]))
        console.print(fills)
        more = len(result["differences"]) - len(shown)
        if more:
            console.print(Text(f"{more} smaller ones: `--limit {len(result['differences'])}`", style="dim"))
    for note in result["notes"]:
        console.print(Text(textwrap.fill(f"note: {note}", _WIDTH), style="dim"))


def _amount(text: str) -> Text:
    return signed(float(text), 2, "")


def _share(pct: float) -> str:
    return f"{number(pct, 1)} % of what the re-run won or lost"


def costs_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print what own fills cost, what is fitted to them, and what was predicted."""
    console.print(Text.assemble((f"{result['venue']}, account {result['account']}", "bold")))
    if not result["lines"]:
        console.print("no order was filled yet")
        return
    table = _table("", "orders", "median", "mean", "90 %", "fee", "notional")
    before = ""
    for one in result["lines"]:
        if one["group"] != before and before:
            table.add_row()
        before = one["group"]
        slips = (_slip(one[name]) for name in ("median_bps", "mean_bps", "tail_bps"))
        fee, notional = number(one["fee_bps"], 1, " bps"), number(float(one["notional"]))
        table.add_row(Text(one["name"] or "all"), number(one["orders"], 0), *slips, fee, notional)
    console.print(table)
    console.print(Text("slippage of an order against the price at its decision, + is against us", style="dim"))
    if result["spread_pct"] == result["spread_pct"] and result["spread_pct"] is not None:
        both = f"both sides pay {result['spread_bps']:.2f} bps (spread and impact), {result['spread_pct']:.0f} % of it;"
        text = f"{both} {abs(result['moved_bps']):.2f} bps are the price that moved between decision and fill"
        console.print(Text(textwrap.fill(text, _WIDTH), style="dim"))
    console.print()
    _predictions(console, result["sessions"])
    console.print()
    _fit(console, result)


def _predictions(console: Console, sessions: Any) -> None:
    table = _table("session", "orders", "fee said", "paid", "slip said", "paid", "all said", "paid")
    for one in sessions:
        pairs = (("predicted_fee_bps", "realised_fee_bps"), ("predicted_slippage_bps", "realised_slippage_bps"))
        shown = [number(one[name], 1) for pair in pairs for name in pair]
        amounts = [number(float(one[name])) if one[name] else "-" for name in ("predicted", "realised")]
        table.add_row(Text(one["run_id"]), number(one["orders"], 0), *shown, *amounts)
    console.print(table)
    console.print(
        Text("said: by the session's own configuration; bps of the notional, the last two in quote", style="dim")
    )


def _fit(console: Console, result: Mapping[str, Any]) -> None:
    if not result["enough"]:
        text = f"{result['orders']} orders filled, costs are fitted to {result['least']} or more"
        console.print(Text(textwrap.fill(text, _WIDTH), style="yellow"))
        return
    covers = f"slippage covers {result['quantile_pct']} % of the orders"
    text = f"fitted to {result['orders']} orders, {covers}; `--costs fitted` takes it"
    console.print(Text(textwrap.fill(text, _WIDTH), style="bold"))
    console.print("to trade by it, and to let a verdict reached with it count:")
    console.print("[costs]", markup=False)
    for name in ("fee_bps", "maker_fee_bps", "slippage_bps"):
        if result[name] is not None:
            console.print(f'{name} = "{result[name]}"', markup=False)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=_WIDTH)
    for i, title in enumerate(titles):
        table.add_column(title, justify="right" if i else "left", overflow="fold")
    return table


def _slip(value: Any) -> Text:
    """Return slippage in bps: red where it cost us."""
    shown = number(value, 2, " bps")
    if shown == "-" or not value:
        return Text(shown)
    return Text(f"+{shown}" if value > 0 else shown, style="red" if value > 0 else "green")


def strategies_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print all strategies in one table, then those that no longer earn their keep."""
    if not result["strategies"]:
        console.print("no strategy was deployed, tried or traded yet")
        return
    table = _table("strategy", "", "days", "return", "hold", "Sharpe", "drawdown", "trades", "verdict", "age")
    table.columns[1].justify = "left"
    for one in result["strategies"]:
        name = Text(one["strategy"], style="bold yellow" if one["retire"] else "bold" if one["deployed"] else "")
        age = f"{number(one['age_days'], 0)} d" if one["deployed"] else "-"
        end = (_verdict_text(one["verdict"]), age)
        mine = [row for row in result["results"] if row["strategy"] == one["strategy"]]
        if not mine:
            table.add_row(name, *("-",) * 7, *end)
        for i, row in enumerate(mine):
            percents = (signed(row["return_pct"], 1, " %"), signed(row["hold_pct"], 1, " %"))
            figures = (number(row["sharpe"]), number(row["drawdown_pct"], 1, " %"), number(row["trades"], 0))
            head, tail = (Text(""), ("", "")) if i else (name, end)
            table.add_row(head, row["source"], number(row["days"], 0), *percents, *figures, *tail)
    console.print(table)
    text = f"live and paper: closed round trips of the last {result['days']} days, after costs; hold: buy-and-hold"
    console.print(Text(textwrap.fill(text, _WIDTH), style="dim"))
    for one in result["drifts"]:
        told = f"drift of {one['strategy']}: {one['verdict']}: {one['reason']}"
        console.print(Text(textwrap.fill(told, _WIDTH, subsequent_indent="  "), style=_VERDICTS[one["verdict"]]))
    for one in result["strategies"]:
        if one["retire"]:
            console.print()
            console.print(Text(f"{one['strategy']} no longer earns its keep:", style="bold yellow"))
            for said in one["retire"]:
                console.print(Text(textwrap.fill(said, _WIDTH, initial_indent="  ", subsequent_indent="    ")))
            console.print(f"  retire it: `trader strategy retire {one['strategy']}`", markup=False)
    for note in result["notes"]:
        console.print(Text(textwrap.fill(f"note: {note}", _WIDTH), style="dim"))


def _verdict_text(status: str) -> Text:
    short = {"unvalidated": "none"}.get(status, status)
    return Text(short, style={"PASS": "green", "FAIL": "red", "void": "yellow"}.get(status, "dim"))
