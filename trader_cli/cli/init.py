"""`trader init`: a home of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "init")(_init)


def _init(
    run: Run,
    folder: Annotated[Path | None, typer.Argument(help="The new home; default: TRADER_HOME, else here.")] = None,
) -> Outcome:
    """Make a home: trader.toml, strategies/ and data/."""
    import os

    from trader_cli.config.write import make_home

    if run.sets:
        raise UsageError("`trader init` takes no `--set`", "write the keys into the new `trader.toml`")
    home = (folder or run.home or Path(os.environ.get("TRADER_HOME") or Path.cwd())).expanduser().absolute()
    made = make_home(home, run.preset)
    lines = [f"made {path}" for path in made]
    lines.append("next: `trader backtest momentum`, or `trader strategy new my_first`")
    return Outcome(
        "init/1",
        {"home": str(home), "made": [str(path) for path in made]},
        lambda console: console.print("\n".join(lines), markup=False),
    )
