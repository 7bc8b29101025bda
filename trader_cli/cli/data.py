"""`trader data`: bars in, bars listed, bars checked; `fetch` has a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trader_cli.cli import fetch
from trader_cli.cli.kit import Outcome, Run, command, split
from trader_cli.errors import DataError

app = typer.Typer(help="Bars: fetch, import, list, check.", no_args_is_help=True)
fetch.register(app)


@command(app, "import")
def _import(
    run: Run,
    files: Annotated[list[Path], typer.Argument(help="CSV, CSV.gz or Parquet files.", show_default=False)],
    exchange: Annotated[str | None, typer.Option(help="Where the bars are from.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol of a file that does not name it.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Length of a bar; else read off the stamps.")] = None,
    quote: Annotated[str | None, typer.Option(help="Quote currency to add to the file's symbols.")] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Put bars in order of time.")] = False,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Keep the first bar of each time.")
    ] = False,
) -> Outcome:
    """Bring bars into the home's data folder."""
    from dataclasses import asdict

    from trader_cli.market.importer import import_file
    from trader_cli.model.timeframe import Timeframe

    folder = run.wiring().home / "data"
    frame = Timeframe.parse(timeframe) if timeframe else None
    done = []
    with run.progress("importing") as progress:
        for i, path in enumerate(files):
            progress(i, len(files))
            done += import_file(
                path, folder, exchange, symbol, frame, quote, sort=sort, drop_duplicates=drop_duplicates
            )

    def view(console: Any) -> None:
        for one in done:
            text = f"{one.exchange} {one.symbol} {one.timeframe}: {one.bars:,} bars, {one.added:,} new"
            console.print(f"{text}, {one.first} to {one.last}", markup=False)
            for note in one.noted:
                console.print(f"  {note}", markup=False)

    return Outcome("data.import/1", {"series": [asdict(one) for one in done]}, view)


@command(app, "list")
def _list(
    run: Run,
    exchange: Annotated[str | None, typer.Option(help="Only this exchange.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these symbols.", metavar="A,B")] = None,
) -> Outcome:
    """List the stored series; the sample's are marked."""
    from trader_cli.market.listing import describe

    wanted = split(symbols)
    series = [
        one
        for one in run.wiring().listing.series()
        if exchange in (None, one.exchange) and (wanted is None or one.symbol in wanted)
    ]
    rows = describe(series)

    def view(console: Any) -> None:
        if not rows:
            console.print("no bars: `trader data fetch` or `trader data import FILE` brings some")
            return
        # Not a table of Rich's: a thousand rows of that take half a second.
        cells = [("exchange", "symbol", "bars", "size", "")]
        for row in rows:
            mark = "sample" if row["sample"] else ""
            cells.append((str(row["exchange"]), str(row["symbol"]), str(row["timeframe"]), f"{row['bytes']:,}", mark))
        wide = [max(len(line[n]) for line in cells) for n in range(4)]
        lines = [
            f"{one:<{wide[0]}}  {two:<{wide[1]}}  {three:<{wide[2]}}  {four:>{wide[3]}}  {mark}".rstrip()
            for one, two, three, four, mark in cells
        ]
        console.print(lines[0], style="bold", markup=False)
        console.file.write("\n".join(lines[1:]) + "\n")

    return Outcome("data.list/1", {"series": rows}, view)


@command(app, "check")
def _check(
    run: Run,
    what: Annotated[list[str] | None, typer.Argument(help="Symbols or files; default: every stored series.")] = None,
    exchange: Annotated[str | None, typer.Option(help="Only this exchange.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Length of a file's bars; else read off the stamps.")] = None,
) -> Outcome:
    """Grade series and name every defect with its time."""
    from dataclasses import asdict

    from trader_cli.market.check import check
    from trader_cli.market.importer import read_raw
    from trader_cli.model.timeframe import Timeframe

    parts = run.wiring()
    frame = Timeframe.parse(timeframe) if timeframe else None
    now = parts.now_ms()
    paths = _paths(parts.bars, what or [], exchange)
    done = []
    with run.progress("checking") as progress:
        for i, path in enumerate(paths):
            progress(i, len(paths))
            done += [(path, check(bars, now)) for bars in read_raw(path, frame)]

    def view(console: Any) -> None:
        for path, health in done:
            head = f"{health.grade}  {health.exchange} {health.symbol} {health.timeframe}: {health.bars:,} bars"
            console.print(f"{head}, {health.first} to {health.last}, {health.calendar}", markup=False)
            for one in health.defects:
                more = ", …" if one.places > len(one.times) else ""
                console.print(f"   {one.kind}: {one.bars:,} bars at {', '.join(one.times)}{more}", markup=False)
            if health.grade == "F":
                console.print(f"   damaged: {path}", markup=False)

    damaged = [path for path, health in done if health.grade == "F"]
    rows = [{"path": str(path), **asdict(health)} for path, health in done]
    error = DataError(
        f"{len(damaged)} of {len(done)} series are damaged, no run can use them",
        "mend their source and import it again",
    )
    return Outcome("data.check/1", {"series": rows}, view, error if damaged else None)


def _paths(store: Any, what: list[str], exchange: str | None) -> list[Path]:
    if not what:
        return [one.path for one in store.series() if exchange in (None, one.exchange)]
    paths: list[Path] = []
    for word in what:
        if Path(word).is_file():
            paths.append(Path(word))
        else:
            paths += [one.path for one in store.candidates(word, exchange)]
    return paths
