"""`trader report --html FILE`: a run as one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trader_cli.cli.kit import Outcome, Run
from trader_cli.errors import TraderError, UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.page import Page
    from trader_cli.jobs.page_ledger import RunLine
    from trader_cli.jobs.page_levels import Protection
    from trader_cli.jobs.page_markets import Shown
    from trader_cli.jobs.space import Space
    from trader_cli.wiring import Wiring


def writable(path: Path) -> None:
    """Raise UsageError unless the file's folder is there and its ending is that of a page, before any work is done for it."""
    if path.suffix not in (".html", ".htm"):
        raise UsageError(f"`{path}` ends in `{path.suffix}`", f"call it `{path.with_suffix('.html')}`")
    if path.is_dir():
        raise UsageError(f"`{path}` is a folder", f"name a file in it: `{path / 'page.html'}`")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder `{path.absolute().parent}`", "make it first, or choose another file")


def write_page(run: Run, parts: Wiring, run_id: str, path: Path) -> Outcome:
    """Write the page of the run whose id begins so; the file is replaced whole, or not at all."""
    from trader_cli.market.files import replacing

    writable(path)
    found, text = page_text(parts, run_id, run.note)
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")
    for note in found.notes:
        run.note(f"note: {note}")
    size = len(text.encode())
    result = {"run_id": found.run.run_id, "file": str(path), "bytes": size, "notes": list(found.notes)}

    def view(console: Any) -> None:
        console.print(f"{path}: run {found.run.run_id}, {size / 1e6:.1f} MB", markup=False)

    return Outcome("report.page/1", result, view)


def page_text(parts: Wiring, run_id: str, note: Callable[[str], None] = lambda _: None) -> tuple[Page, str]:
    """Return the page of the run whose id begins so, as data and as HTML. note: is told why somebody has to wait."""
    from trader_cli.jobs.page import page
    from trader_cli.ledger.points import points_of
    from trader_cli.reports.page import render

    ledger = parts.existing_ledger
    found = page(
        ledger,
        parts.bars,
        run_id,
        lambda run, fills, shown: _protections(parts, note, run, fills, shown),
        lambda name: points_of(ledger, name),
        lambda name, stated: _space(parts, name, stated),
        parts.settings.optimize.min_trades,
        parts.now_ms(),
    )
    return found, render(found)


def _protections(
    parts: Wiring, note: Callable[[str], None], run: RunLine, fills: Sequence[Mapping[str, Any]], shown: Sequence[Shown]
) -> tuple[list[Protection], list[str]]:
    """Return what protected a run's holdings: a session's book as its steps recorded it, a backtest's replayed."""
    from trader_cli.jobs.page_levels import session_levels
    from trader_cli.jobs.page_walk import Past, changed, replayed_levels
    from trader_cli.ledger.asked import asked_of
    from trader_cli.ledger.seen import digests_of

    ledger = parts.existing_ledger
    try:
        asked = asked_of(ledger, run.run_id)
        if asked.mode != "backtest":
            return session_levels(ledger, asked, shown)
        request = parts.again(asked, run.symbols, run.start_ms, run.end_ms)
        past = Past(asked, request, parts.instrument, digests_of(ledger, run.run_id), run.digest, note)
        return replayed_levels(past, parts.bars, fills, shown), changed(past)
    except TraderError as error:
        return [], [f"the stops in force are left out: {error.message}"]


def _space(parts: Wiring, name: str, stated: Mapping[str, Any]) -> Space:
    from trader_cli.jobs.space import read_space

    strategy = parts.strategies.load(name).cls
    texts = {key: str(value) for key, value in stated.items()}
    return read_space(name, strategy.declared, strategy().params, texts)
