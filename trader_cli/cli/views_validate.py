"""How a verdict looks in a terminal: a line of figures a check, its sentence below, the verdict last."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from trader_cli.cli.views import number

_WIDTH = 80
_INDENT = "    "
_STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}


def verdict_view(console: Console, result: Mapping[str, Any]) -> None:
    """Print what was judged, every check, and the verdict, in 80 columns."""
    params = ", ".join(f"{key}={value}" for key, value in result["params"].items())
    head = Text.assemble((result["strategy"], "bold"), f"  {params}".rstrip())
    console.print(head)
    symbols = result["symbols"]
    shown = ", ".join(symbols[:6]) + (f" and {len(symbols) - 6} more" if len(symbols) > 6 else "")
    span = f"{result['start'][:10]} to {result['end'][:10]}"
    console.print(f"{shown} · {result['exchange']} · {result['timeframe']}, {span}", markup=False)
    tried = result["trials"]
    console.print(f"{number(tried, 0)} set{'s' * (tried != 1)} of parameters tried before · seed {result['seed']}")
    console.print()
    console.print(Text(f"{'check':<15}{'status':<8}{'number':>14}{'limit':>14}", style="bold"))
    for one in result["checks"]:
        console.print(_figures(one))
        for text in (one["message"], f"hint: {one['hint']}" if one["hint"] else ""):
            if text:
                console.print(
                    textwrap.fill(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT), markup=False
                )
    console.print()
    console.print(_verdict(result))


def _figures(one: Mapping[str, Any]) -> Text:
    line = Text(f"{one['name']:<15}")
    line.append(f"{one['status']:<8}", style=_STYLES[one["status"]])
    for figure in (one["number"], one["limit"]):
        line.append(f"{_figure(figure):>14}")
    return line.append(f" {one['unit']}" if one["unit"] and (one["number"], one["limit"]) != (None, None) else "")


def _figure(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return number(value)
    if float(value).is_integer():
        return number(value, 0)
    # Three digits that count: a probability of 0.004 is not 0.00.
    size = abs(value)
    return number(value, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 0.1 else 4)


def _verdict(result: Mapping[str, Any]) -> Text:
    counts = {status: sum(one["status"] == status for one in result["checks"]) for status in _STYLES}
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    line = Text.assemble((result["verdict"], _STYLES[result["verdict"]]), f"  {told}")
    if not result["complete"]:
        line.append("; not all checks ran, so not for live")
    return line.append(f" · {result['seconds']['total']:.1f} s", style="dim")
