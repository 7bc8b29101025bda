"""How a search and its proposals look in a terminal: from plain values to Rich, in 80 columns, with and without colour."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trader_cli.cli.views import number, signed

if TYPE_CHECKING:
    from trader_cli.jobs.landscape import HeatMap

_WIDTH = 80
_COLD_TO_WARM = ("on #4a1c1c", "on #6b3a1e", "on #6b611e", "on #3f5f24", "on #1e5f33")
"""Backgrounds from the worst fifth to the best; the numbers say the same without them."""


def sweep_view(console: Console, result: Mapping[str, Any], heat: HeatMap | None) -> None:
    """Print what a search found: the best, what stands beside it, the map."""
    symbols = result["symbols"]
    shown = ", ".join(symbols[:6]) + (f" and {len(symbols) - 6} more" if len(symbols) > 6 else "")
    console.print(Text.assemble((result["strategy"], "bold"), f"  {_searched(result)}"))
    console.print(f"{shown} · {result['exchange']}", markup=False)
    span = f"{result['start'][:10]} to {result['end'][:10]}"
    console.print(f"{number(result['bars'], 0)} bars of {result['timeframe']}, {span} · preset {result['preset']}")
    ran = "shown again" if result["ran"] == 0 else "gone on with" if result["resumed"] else "searched"
    seed = "" if result["method"] == "grid" else f", seed {result['seed']}"
    console.print(
        f"{number(result['done'], 0)} combinations by {result['method']}{seed} ({ran}) · best by "
        f"{', '.join(result['objectives'])} with {result['min_trades']} trades or more",
        markup=False,
    )
    console.print()
    if result["top"]:
        console.print(_trials(result, result["top"]))
    if result["front_size"]:
        console.print(Padding(Text(f"{_front_title(result)}", style="bold"), (1, 0, 0, 0)))
        console.print(_trials(result, result["front"]))
    if result["neighbours"] is not None:
        console.print(Padding(_beside(result), (1, 0, 0, 0)))
    if heat is not None:
        console.print(_map(heat, result))
    for problem in result["problems"]:
        console.print(textwrap.fill(f"refused {problem['count']:,} times: {problem['problem']}", _WIDTH), markup=False)
    if result.get("proposal"):
        console.print(textwrap.fill(f"proposed: {result['proposal']['reason']}", _WIDTH), markup=False)
    for note in result["notes"]:
        console.print(textwrap.fill(f"note: {note}", _WIDTH), markup=False)
    if result["rerun"]:
        console.print(Text(f"again: {result['rerun']}", style="dim"), soft_wrap=True)
    tried = f"{result['tried']:,} sets of parameters were tried of {result['strategy']} so far"
    console.print(Text(tried, style="dim"))
    console.print(Text(f"sweep {result['sweep_id']} · table {result['table_digest'][:12]}", style="dim"))


def proposals_view(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the proposals, newest first."""
    if not rows:
        console.print("no proposals yet: `trader optimize STRATEGY --propose` makes one")
        return
    for one in rows:
        head = Text.assemble(
            (one["strategy"], "bold"), f"  {one['regime']}  {one['time']}  {', '.join(one['symbols'])}"
        )
        console.print(head, soft_wrap=True)
        console.print(textwrap.fill(one["reason"], _WIDTH, initial_indent="  ", subsequent_indent="  "), markup=False)


def sweeps_view(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print searches, newest first."""
    if not rows:
        console.print("no searches yet: `trader optimize demo_ma --param fast=5:50:5` makes one")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH)
    for title in ("sweep", "strategy", "method", "trials", "ended", "searched"):
        table.add_column(title, justify="right" if title == "trials" else "left", no_wrap=title == "sweep")
    for one in rows:
        done, total = number(one["done"], 0), number(one["total"], 0)
        trials = done if done == total else f"{done} of {total}"
        searched = " ".join(f"{name}={text}" for name, text in one["space"].items() if set(text) & set(",:"))
        table.add_row(one["sweep_id"], one["strategy"], one["method"], trials, one["ended"] or "no", searched)
    console.print(table)


def _searched(result: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={result['space'][name]}" for name in result["searched"]) or "nothing searched"


def _front_title(result: Mapping[str, Any]) -> str:
    count, shown = result["front_size"], len(result["front"])
    more = f", the first {shown} of {count:,}" if count > shown else ""
    return f"not beaten in all of {', '.join(result['objectives'])}{more}"


_COLUMNS = (
    ("sharpe", "Sharpe"),
    ("total_return_pct", "return %"),
    ("max_drawdown_pct", "drawdown %"),
    ("trades", "trades"),
)


def _trials(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Show trials with what was searched, the objectives, and what everybody asks for."""
    wanted = [one.removeprefix("-") for one in result["objectives"]]
    known = dict(_COLUMNS)
    figures = {name: known.get(name, name.removesuffix("_pct").replace("_", " ")) for name in wanted} | {
        name: title for name, title in _COLUMNS if name not in wanted
    }
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("no", justify="right")
    for name in result["searched"]:
        table.add_column(name, justify="right")
    for title in figures.values():
        table.add_column(title, justify="right")
    for one in rows:
        params = [_value(one["params"][name]) for name in result["searched"]]
        cells = [
            signed(one["stats"][name], 2, "")
            if name == "total_return_pct"
            else number(one["stats"][name], 0 if name in ("trades", "fills") else 2)
            for name in figures
        ]
        table.add_row(f"{one['number']:,}", *params, *cells)
    return table


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _beside(result: Mapping[str, Any]) -> Text:
    """Say in a sentence, then by neighbour, whether the best is a plateau or a spike."""
    beside, figure = result["neighbours"], result["objectives"][0].removeprefix("-")
    style = {"plateau": "bold green", "slope": "bold yellow", "spike": "bold red"}.get(beside["word"], "bold")
    text = Text.assemble((beside["word"], style))
    if not beside["count"]:
        text.append(": nothing near the best was tried; search around it, e.g. with a grid")
        return text
    text.append(
        f": the best has a {figure} of {number(result['best']['stats'][figure])}, the median of {beside['count']} "
        f"neighbours ({beside['within']}) {number(beside['median'])}"
    )
    if beside["word"] == "unknown":
        text.append("; a best that is not above zero stands on nothing")
    else:
        text.append(
            f", {number(beside['relative_pct'], 0)} % of it (plateau from {beside['plateau_pct']:g} %, "
            f"spike under {beside['spike_pct']:g} %)"
        )
    wrapped = Text("\n").join(text.wrap(Console(width=_WIDTH), _WIDTH))
    for one in beside["rows"][:8]:
        what = ", ".join(f"{name}={_value(value)}" for name, value in one["params"].items())
        said = one["problem"] or f"{number(one['value'])}, {number(one['trades'], 0)} trades"
        wrapped.append(f"\n  {what}: {said}")
    return wrapped


def _map(heat: HeatMap, result: Mapping[str, Any]) -> Padding:
    """Draw means of the figure over two parameters; the best trial's cell is in brackets, an empty one is a dot."""
    best = result["best"]["params"]
    home = (heat.y.bin(best[heat.y.axis.name]), heat.x.bin(best[heat.x.axis.name]))
    finite = sorted(value for row in heat.values for value in row if math.isfinite(value))
    less_is_better = result["objectives"][0].startswith("-")
    titles = [_value(value) for value in heat.x.values]
    cells = [[_cell(value) for value in row] for row in heat.values]
    wide = max(len(text) for text in (*titles, *(cell for row in cells for cell in row))) + 2
    names = [_value(value) for value in heat.y.values]
    side = max(len(heat.y.axis.name), *(len(name) for name in names))
    others = len(result["searched"]) - 2
    over = f", means over {others} more" if others > 0 else ""
    text = Text(f"{heat.figure} by {heat.x.axis.name} (across) and {heat.y.axis.name} (down){over}\n", style="bold")
    text.append(f"{heat.y.axis.name:>{side}} ", style="dim")
    text.append("".join(f"{title:>{wide}}" for title in titles) + "\n", style="dim")
    for i, row in enumerate(cells):
        text.append(f"{names[i]:>{side}} ", style="dim")
        for j, cell in enumerate(row):
            value = heat.values[i][j]
            mark = f"[{cell}]" if (i, j) == home else f"{cell} "
            text.append(f"{mark:>{wide}}", style=_warmth(value, finite, less_is_better))
        text.append("\n")
    if not (heat.x.whole and heat.y.whole):
        text.append("each cell begins at the value shown; `--json` has a finer map\n", style="dim")
    return Padding(text, (1, 0, 0, 0))


def _cell(value: float) -> str:
    if not math.isfinite(value):
        return "·"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}" if abs(value) < 1e5 else f"{value:.1e}"


def _warmth(value: float, finite: Sequence[float], less_is_better: bool) -> str:
    """Return the colour of a value's fifth among all."""
    if not math.isfinite(value) or finite[0] == finite[-1]:
        return ""
    below = sum(one < value for one in finite)
    fifth = min(below * len(_COLD_TO_WARM) // len(finite), len(_COLD_TO_WARM) - 1)
    return _COLD_TO_WARM[-1 - fifth if less_is_better else fifth]
