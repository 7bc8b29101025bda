"""`trader data fetch`: bars from the venues into the home, as many series at once as are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, split
from trader_cli.cli.options import Since, Symbols, Until

if TYPE_CHECKING:
    from trader_cli.jobs.fetch import Fetched

_NAMED = 3


def register(app: typer.Typer) -> None:
    """Add the commands to `trader data`."""
    command(app, "fetch")(_fetch)
    command(app, "providers")(_providers)


def _fetch(
    run: Run,
    exchange: Annotated[
        str | None, typer.Option(help="Where from: kraken, binance, yahoo, alpaca; A,B = both.")
    ] = None,
    symbols: Symbols = None,
    timeframe: Annotated[str | None, typer.Option(help="Lengths of a bar: 1h or 1h,1d.", metavar="A,B")] = None,
    since: Since = None,
    until: Until = None,
    replace_revised: Annotated[
        bool, typer.Option("--replace-revised", help="Store what the venue tells otherwise now.")
    ] = False,
    recheck: Annotated[
        str | None,
        typer.Option(help="Ask again for stored bars, the newest 7d or 48h, and name those revised.", metavar="LENGTH"),
    ] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Ask again for bars known to be missing.")] = False,
    fallback: Annotated[
        str | None, typer.Option(help="Who stands in for gaps and failures: binance.", metavar="A,B")
    ] = None,
) -> Outcome:
    """Bring bars up to date from a venue.

    Only closed bars, only what is not stored yet; stopped in whatever way, the next call goes on where it was.
    """
    from trader_cli.fetching import fetch_bars
    from trader_cli.jobs.fetch import failed

    parts = run.wiring(
        data__symbols=split(symbols), data__since=since, data__until=until, fetch__fallback=split(fallback)
    )
    settings = parts.settings
    where = split(exchange) or split(settings.data.exchange) or [settings.venue.id or "kraken"]
    frames = split(timeframe) or split(settings.data.timeframe) or []
    series = len(set(where)) * len(set(settings.data.symbols)) * len(set(frames))
    with run.progress(f"fetching {series} series") as shown:
        done = fetch_bars(
            parts,
            where,
            frames,
            lambda part, whole: shown(round(part * 100), round(whole * 100)),
            replacing=replace_revised,
            again=gaps,
            recheck=recheck,
        )
    rows = [_row(one) for one in done]
    return Outcome("data.fetch/1", {"series": rows}, lambda console: _view(console, done, rows), failed(done))


def _row(one: Fetched) -> dict[str, object]:
    from trader_cli.errors import body
    from trader_cli.market.files import iso

    step = one.wanted.timeframe.ms
    names = ("open", "high", "low", "close", "volume")
    return {
        "exchange": one.wanted.exchange,
        "symbol": one.wanted.symbol,
        "timeframe": str(one.wanted.timeframe),
        "providers": dict(one.providers),
        "before": one.before,
        "added": one.added,
        "bars": one.bars,
        "first": iso(one.first_ms) if one.first_ms is not None else None,
        "last": iso(one.last_ms) if one.last_ms is not None else None,
        "revised": [
            {
                "time": iso(each.time_ms),
                "before": dict(zip(names, each.before, strict=True)),
                "now": dict(zip(names, each.now, strict=True)),
                "replaced": each.replaced,
            }
            for each in one.revisions
        ],
        "gaps": [{"from": iso(first), "to": iso(end - step), "bars": (end - first) // step} for first, end in one.gaps],
        "pages": one.pages,
        "seconds": round(one.seconds, 3),
        "notes": list(one.notes),
        "error": body(one.error) if one.error is not None else None,
    }


def _view(console: Any, done: Sequence[Fetched], rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    from trader_cli.market.fetching import frame_text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("symbol", "", "before", "new", "bars", "to", "gaps", "s"):
        table.add_column(title, justify="left" if title in ("symbol", "", "to") else "right", no_wrap=True)
    several = len({one.wanted.exchange for one in done}) > 1
    for one, row in zip(done, rows, strict=True):
        missing = sum(gap["bars"] for gap in row["gaps"])
        last = str(row["last"] or "")[:16].replace("T", " ")
        counts = (f"{one.before:,}", f"{one.added:,}", f"{one.bars:,}")
        symbol = f"{one.wanted.exchange} {one.wanted.symbol}" if several else one.wanted.symbol
        table.add_row(symbol, str(row["timeframe"]), *counts, last, f"{missing:,}", f"{one.seconds:.1f}")
    console.print(table)
    for one, row in zip(done, rows, strict=True):
        name = f"{one.wanted.symbol} {one.wanted.timeframe}"
        for each in row["revised"][:_NAMED]:
            pairs = [
                f"{key} {value:g} is {each['now'][key]:g} now"
                for key, value in each["before"].items()
                if value != each["now"][key]
            ]
            fate = "replaced" if each["replaced"] else "what was stored stays"
            console.print(f"{name}: the bar of {each['time']} was revised: {', '.join(pairs)}; {fate}", markup=False)
        if len(row["revised"]) > _NAMED:
            console.print(f"{name}: {len(row['revised']) - _NAMED:,} more were revised; `--json` has all", markup=False)
        if one.gaps:
            shown = ", ".join(frame_text(one.wanted.timeframe, one.gaps[:_NAMED]))
            more = f" and {len(one.gaps) - _NAMED:,} more gaps" if len(one.gaps) > _NAMED else ""
            console.print(f"{name}: missing: {shown}{more}", markup=False)
        for provider, added in list(one.providers.items())[1:]:
            if added:
                console.print(f"{name}: {added:,} bars are {provider}'s, which stands in", markup=False)
        for note in one.notes:
            console.print(f"{name}: {note}", markup=False)
        if one.error is not None:
            console.print(f"{name}: {one.error.message}", markup=False)


def _providers(run: Run) -> Outcome:
    """Show whom bars are fetched from.

    Quotas, and the score that decides who is asked first to stand in for another.
    """
    from dataclasses import asdict

    from trader_cli.fetching import PROVIDERS, provider_scores

    scores = provider_scores(run.wiring())
    rows = [asdict(scores.standing(name)) for name in scores.ranked(PROVIDERS)]

    def view(console: Any) -> None:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("provider", "score", "answered", "s", "behind", "today", "quota", "asked"):
            table.add_column(title, justify="left" if title in ("provider", "asked") else "right", no_wrap=True)
        for row in rows:
            asked = bool(row["asked"])
            table.add_row(
                row["name"],
                f"{row['score']:.2f}",
                f"{row['success_pct']:.1f} %" if asked else "",
                f"{row['seconds']:.2f}" if row["seconds"] == row["seconds"] else "",
                f"{row['behind_bars']:.1f}" if asked else "",
                f"{row['used']:,}",
                f"{row['quota']:,}" if row["quota"] else "none",
                row["asked"][:16].replace("T", " ") or "never",
            )
        console.print(table)
        for row in rows:
            if row["error"]:
                console.print(f"{row['name']}: {row['error']}", markup=False)

    return Outcome("data.providers/1", {"providers": rows}, view)
