"""How a run, a list of runs and a comparison look in a terminal: from plain values to Rich, nothing computed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_WIDTH = 80
_SIDES: tuple[JustifyMethod, ...] = ("left", "right", "left", "right")
_BARS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEARS_SHOWN = 12


def number(value: Any, digits: int = 2, suffix: str = "") -> str:
    """Return a figure for reading: thousands apart, `-` where it is not defined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.{digits}f}{suffix}"


def signed(value: Any, digits: int = 2, suffix: str = " %") -> Text:
    """Return a figure with its sign, green above zero and red below; the sign says the same without colour."""
    text = number(value, digits, suffix)
    if text in ("-", "∞", "-∞") or not value:
        return Text(text)
    return Text(f"+{text}" if value > 0 else text, style="green" if value > 0 else "red")


def run_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print everything a trader wants to know of one run, in 80 columns."""
    several = len(result.get("strategies", ())) > 1
    params = "" if several else ", ".join(f"{key}={value}" for key, value in result["params"].items())
    symbols = result["symbols"]
    shown = ", ".join(symbols[:6]) + (f" and {len(symbols) - 6} more" if len(symbols) > 6 else "")
    console.print(Text.assemble((result["strategy"], "bold"), f"  {params}".rstrip()))
    console.print(f"{shown} · {result['exchange']}", markup=False)
    span = f"{_day(result['start'])} to {_day(result['end'])}"
    console.print(f"{number(result['bars'], 0)} bars of {result['timeframe']}, {span} · preset {result['preset']}")
    costs = f"fee {result['fee_bps']:g} bps, slippage {result['slippage_bps']:g} bps"
    console.print(f"cash {number(result['cash'])} · {costs}")
    console.print()
    console.print(_figures(result))
    console.print(_trades(result))
    parts = (_wallets(result), _curve(console, result), _calendar(result), _refused(result), _breakers(result))
    for part in (*parts, _positions(result)):
        if part is not None:
            console.print(part)
    for note in result["notes"]:
        console.print(textwrap.fill(f"note: {note}", _WIDTH), markup=False)
    seconds = result.get("seconds", {})
    took = f" · {seconds['total']:.2f} s (engine {seconds['engine'] * 1000:.1f} ms)" if seconds else ""
    console.print(Text(f"run {result['run_id']} · digest {result['digest'][:12]}{took}", style="dim"))


def _day(moment: str) -> str:
    return moment[:10]


def _grid(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH)
    for i, title in enumerate(titles):
        table.add_column(title, justify="left" if i == 0 else "right")
    return table


def _figures(result: Mapping[str, Any]) -> Table:
    bench = result["benchmark"]
    table = _grid("", "strategy", "buy and hold")
    for label, key, shape in (
        ("return", "total_return_pct", signed),
        ("a year (CAGR)", "cagr_pct", signed),
        ("volatility", "volatility_pct", _percent),
        ("Sharpe", "sharpe", number),
        ("Sortino", "sortino", number),
        ("Calmar", "calmar", number),
        ("deepest drawdown", "max_drawdown_pct", _percent),
        ("longest drawdown", "drawdown_days", _days),
    ):
        table.add_row(label, shape(result[key]), shape(bench[key]))
    table.add_row("final equity", number(result["final_equity"]), number(_bench_equity(result)))
    return table


def _percent(value: Any) -> str:
    return number(value, 2, " %")


def _days(value: Any) -> str:
    return number(value, 0, " days")


def _bench_equity(result: Mapping[str, Any]) -> float:
    return float(result["cash"] * (1 + result["benchmark"]["total_return_pct"] / 100))


def _trades(result: Mapping[str, Any]) -> Padding:
    exits = ", ".join(f"{reason} {count}" for reason, count in result["exits"].items()) or "none"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, width=_WIDTH)
    for side in _SIDES:
        table.add_column(justify=side)
    rows = (
        ("round trips", number(result["trades"], 0), "fills", number(result["fills"], 0)),
        ("win rate", _percent(result["win_rate_pct"]), "profit factor", number(result["profit_factor"])),
        ("expectancy", number(result["expectancy"]), "payoff ratio", number(result["payoff_ratio"])),
        ("best trade", number(result["best"]), "worst trade", number(result["worst"])),
        ("average bars held", number(result["average_bars"], 1), "exposure", _percent(result["exposure_pct"])),
        ("fees paid", number(result["fees_paid"]), "turnover", number(result["turnover"], 1, " x")),
    )
    for row in rows:
        table.add_row(*row)
    return Padding(Group(table, Text(f"exits: {exits}")), (1, 0, 0, 0))


def _wallets(result: Mapping[str, Any]) -> Padding | None:
    """Show wallets and strategies where there is more than one of either."""
    wallets, strategies = result.get("wallets", []), result.get("strategies", [])
    if len(strategies) < 2:
        return None
    table = _grid("wallet", "share", "cash", "equity", "trades", "result", "state")
    for one in wallets:
        state = f"halted: {one['halted_by'].replace('_', ' ')}" if one["halted"] else "trading"
        numbers = (number(one["share_pct"], 0, " %"), number(one["cash"]), number(one["equity"]))
        table.add_row(one["name"], *numbers, number(one["trades"], 0), signed(one["pnl"], 2, ""), state)
    parts: list[Any] = [table]
    if len(strategies) != len(wallets):
        each = _grid("strategy", "wallet", "trades", "win rate", "fees", "result")
        for one in strategies:
            figures = (number(one["trades"], 0), _percent(one["win_rate_pct"]), number(one["fees"]))
            each.add_row(one["name"], one["wallet"], *figures, signed(one["pnl"], 2, ""))
        parts.append(Padding(each, (1, 0, 0, 0)))
    return Padding(Group(*parts), (1, 0, 0, 0))


def _curve(console: Console, result: Mapping[str, Any]) -> Padding | None:
    """Draw the equity as a line of blocks, buy and hold under it on the same scale."""
    points = result["equity_line"]
    if len(points) < 2:
        return None
    width = min(_WIDTH, console.width) - 14
    ours = _thin([point[1] for point in points], width)
    theirs = _thin([point[2] for point in points], width)
    low, high = min(*ours, *theirs), max(*ours, *theirs)
    unicode = (console.encoding or "").lower().startswith("utf")
    text = Text()
    for label, values, style in (("equity", ours, "cyan"), ("buy and hold", theirs, "dim")):
        text.append(f"{label:<13} ")
        text.append(_blocks(values, low, high, unicode) + "\n", style=style)
    text.append(f"{'':<13} {_day(points[0][0])}{_day(points[-1][0]):>{max(len(ours) - 10, 11)}}", style="dim")
    return Padding(text, (1, 0, 0, 0))


def _thin(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]


def _blocks(values: Sequence[float], low: float, high: float, unicode: bool) -> str:
    marks = _BARS if unicode else _ASCII
    span = high - low
    if span <= 0:
        return marks[0] * len(values)
    return "".join(marks[min(len(marks) - 1, int((value - low) / span * len(marks)))] for value in values)


def _calendar(result: Mapping[str, Any]) -> Padding | None:
    rows = result["monthly"]
    if not rows:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", title_justify="left")
    table.add_column("%")
    for month in (*_MONTHS, "year"):
        table.add_column(month, justify="right")
    years = sorted({row["year"] for row in rows})
    for year in years[-_YEARS_SHOWN:]:
        months = {row["month"]: row["return_pct"] for row in rows if row["year"] == year}
        whole = (math.prod(1 + value / 100 for value in months.values()) - 1) * 100
        cells = [_cell(months.get(month)) for month in range(1, 13)]
        table.add_row(str(year), *cells, _cell(whole))
    if len(years) > _YEARS_SHOWN:
        table.caption = f"the last {_YEARS_SHOWN} of {len(years)} years; `--json` has them all"
    return Padding(table, (1, 0, 0, 0))


def _cell(value: float | None) -> Text:
    """Return a month's return in at most five characters."""
    return Text("") if value is None else signed(value, 1 if abs(value) < 99.95 else 0, "")


def _refused(result: Mapping[str, Any]) -> Padding | None:
    """Say how often each rule refused a wish, and with which number and limit the first time."""
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for row in result["refused"]:
        counts[row["reason"]] = counts.get(row["reason"], 0) + row["count"]
        first.setdefault(row["reason"], row.get("message", ""))
    if not counts:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", width=_WIDTH)
    table.add_column("wishes refused at a close")
    table.add_column("bars", justify="right")
    table.add_column("the first", ratio=1)
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        table.add_row(reason.replace("_", " "), number(count, 0), Text(first[reason]))
    return Padding(table, (1, 0, 0, 0))


def _breakers(result: Mapping[str, Any]) -> Text | None:
    """Say how often each rule stopped a wallet, and how often strategies disagreed."""
    counts: dict[str, int] = {}
    for one in result.get("risk_events", ()):
        what = (
            "conflicts decided" if one["kind"] == "conflict" else f"{one['rule'].replace('_', ' ')} ({one['wallet']})"
        )
        counts[what] = counts.get(what, 0) + 1
    if not counts:
        return None
    text = "breakers and conflicts: " + ", ".join(f"{what} {number(count, 0)}" for what, count in counts.items())
    return Text(textwrap.fill(text, _WIDTH))


def _positions(result: Mapping[str, Any]) -> Padding | None:
    rows = result["open_positions"]
    if not rows:
        return None
    parts = [f"{row['quantity']:.8g} {row['symbol']} worth {number(row['value'])}" for row in rows[:6]]
    more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
    return Padding(Text("still open: " + ", ".join(parts) + more), (1, 0, 0, 0))


def runs_view(console: Console, runs: Sequence[Mapping[str, Any]]) -> None:
    """Print runs as a list, newest first."""
    if not runs:
        console.print("no runs yet: `trader backtest momentum` makes one")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for title, justify in (
        ("run", "left"),
        ("strategy", "left"),
        ("symbols", "left"),
        ("bars", "left"),
        ("return", "right"),
        ("Sharpe", "right"),
        ("drawdown", "right"),
        ("trades", "right"),
    ):
        table.add_column(title, justify="left" if justify == "left" else "right", no_wrap=True)
    for run in runs:
        symbols = run["symbols"]
        names = symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
        figures = run["stats"]
        first, *others = run["strategy"].split(",")
        # A session that another took the place of; its figures are `trader report --run`'s.
        mode = "" if run.get("mode", "backtest") == "backtest" else f" ({run['mode']}, ended)"
        table.add_row(
            run["run_id"],
            (f"{first} +{len(others)}" if others else first) + mode,
            names,
            run["timeframe"],
            signed(figures.get("total_return_pct")),
            number(figures.get("sharpe")),
            _percent(figures.get("max_drawdown_pct")),
            number(figures.get("trades"), 0),
        )
    console.print(table)


_COMPARED = (
    ("total_return_pct", "return %", 1),
    ("cagr_pct", "a year %", 1),
    ("volatility_pct", "volatility %", 0),
    ("sharpe", "Sharpe", 1),
    ("sortino", "Sortino", 1),
    ("calmar", "Calmar", 1),
    ("max_drawdown_pct", "drawdown %", -1),
    ("trades", "round trips", 0),
    ("win_rate_pct", "win rate %", 1),
    ("profit_factor", "profit factor", 1),
    ("expectancy", "expectancy", 1),
    ("exposure_pct", "exposure %", 0),
    ("turnover", "turnover", 0),
    ("fees_paid", "fees", -1),
    ("benchmark_return_pct", "buy and hold %", 0),
)


def compare_view(console: Console, runs: Sequence[Mapping[str, Any]]) -> None:
    """Print runs side by side; the best of each row, where better has a meaning, is marked with *."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for run in runs:
        table.add_column(run["run_id"][-6:], justify="right")
    table.add_row("strategy", *(run["strategy"].replace(",", " ") for run in runs))
    table.add_row("bars", *(f"{len(run['symbols'])} x {run['timeframe']}" for run in runs))
    for key, label, better in _COMPARED:
        values = [run["stats"].get(key) for run in runs]
        known = [value for value in values if value is not None and math.isfinite(value)]
        best = (max(known) if better > 0 else min(known)) if better and len(set(known)) > 1 else None
        cells = [
            Text(
                number(value) + ("*" if value == best and best is not None else " "),
                style="bold" if value == best else "",
            )
            for value in values
        ]
        table.add_row(label, *cells)
    console.print(table)
