"""How a chain of what did not happen looks in a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

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
