"""`trader strategy`: which there are, what they say, a new one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies

app = typer.Typer(help="Strategies: list, show, new.", no_args_is_help=True)


@command(app, "list")
def _list(run: Run) -> Outcome:
    """List the strategies, yours before the built-in ones."""
    files = run.wiring().strategies.files()
    rows = [{"name": one.name, "builtin": one.builtin, "summary": one.summary, "path": str(one.path)} for one in files]

    def view(console: Any) -> None:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("strategy", "", "what it holds"):
            table.add_column(title)
        for row in rows:
            table.add_row(str(row["name"]), "built in" if row["builtin"] else "yours", str(row["summary"]))
        console.print(table)

    return Outcome("strategy.list/1", {"strategies": rows}, view)


@command(app, "show")
def _show(
    run: Run,
    name: Annotated[str, typer.Argument(help="File name of the strategy.", autocompletion=complete_strategies)],
) -> Outcome:
    """Show a strategy: its idea, its parameters, its file."""
    import inspect

    loaded = run.wiring().strategies.load(name)
    module = inspect.getmodule(loaded.cls)
    text = inspect.cleandoc(loaded.cls.__doc__ or "")
    source = inspect.cleandoc(getattr(module, "__doc__", None) or "")
    params = [
        {
            "name": key,
            "default": one.default,
            "low": one.low,
            "high": one.high,
            "choices": one.choices,
            "help": one.help,
        }
        for key, one in loaded.cls.declared.items()
    ]
    result = {
        "name": name,
        "summary": text,
        "source": source,
        "params": params,
        "path": str(loaded.path),
        "digest": loaded.source_digest,
    }

    def view(console: Any) -> None:
        from rich.table import Table

        console.print(f"{name}: {text}", markup=False)
        if source:
            console.print(f"\n{source}", markup=False)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("parameter", "default", "range", "what it is"):
            table.add_column(title)
        console.print()
        for one in params:
            span = loaded.cls.declared[one["name"]].range_text
            table.add_row(str(one["name"]), str(one["default"]), span, str(one["help"]))
        console.print(table)
        console.print(f"\n{loaded.path}", markup=False)

    return Outcome("strategy.show/1", result, view)


@command(app, "new")
def _new(
    run: Run, name: Annotated[str, typer.Argument(help="Its name: letters, digits and _.", show_default=False)]
) -> Outcome:
    """Write a new working strategy to start from, into the home's strategies folder."""
    from trader_cli.strategy.template import write_new

    parts = run.wiring()
    path = write_new(parts.home / "strategies", name, parts.strategies.names())
    lines = [f"made {path}", f"try it: `trader backtest {name}`"]
    return Outcome(
        "strategy.new/1",
        {"name": name, "path": str(path)},
        lambda console: console.print("\n".join(lines), markup=False),
    )
