"""`trader config`: what holds, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_keys
from trader_cli.errors import TraderError

app = typer.Typer(help="The configuration: show, explain, check.", no_args_is_help=True)


@command(app, "show")
def _show(run: Run) -> Outcome:
    """Print the whole configuration and where each value came from."""
    from trader_cli.config.settings import OPEN
    from trader_cli.config.value import Value, shown, shown_key

    parts = run.wiring()
    config = parts.config
    tree = config.settings.model_dump(mode="json")

    def view(console: Any) -> None:
        def line(name: str, value: object, stated: Value) -> None:
            origin = "" if stated.layer == "preset" else f"   # {stated.layer}: {stated.where}"
            console.print(f"{shown_key(name)} = {shown(value)}{origin}", markup=False)

        console.print(f"# home {parts.home}", markup=False)
        line("preset", config.preset, config.presets[-1])
        for section, values in tree.items():
            if section not in OPEN:
                console.print(f"\n[{section}]", markup=False)
                for name, value in values.items():
                    line(name, value, config.layers[f"{section}.{name}"][-1])
        for table in OPEN:
            for own, values in tree[table].items():
                console.print(f"\n[{table}.{shown_key(own)}]", markup=False)
                for name, value in values.items():
                    if value is not None:
                        line(name, value, config.layers[f"{table}.{own}.{name}"][-1])

    origins = {key: {"layer": values[-1].layer, "where": values[-1].where} for key, values in config.layers.items()}
    result = {"preset": config.preset, "home": str(parts.home), "settings": tree, "origins": origins}
    return Outcome("config.show/1", result, view)


@command(app, "explain")
def _explain(
    run: Run, key: Annotated[str, typer.Argument(help="A key, e.g. risk.max_positions.", autocompletion=complete_keys)]
) -> Outcome:
    """Print every layer's value of a key, and which one won."""
    from trader_cli.config.secrets import hidden
    from trader_cli.config.settings import meaning_of, unquoted
    from trader_cli.config.strategies import parameter
    from trader_cli.config.value import masked, shown

    key = unquoted(key)
    # What the layers say, not judged: this is how the value that `check` refuses is found.
    parts = run.wiring()
    values = parts.stated.explain(key)
    meaning = meaning_of(key)
    nobody = "there is no such wallet" if key.startswith("wallets.") else "what is known of the symbol holds"
    try:
        param = parameter(key, parts.strategies)
    except TraderError:
        # Whoever misspelt it wants to see where.
        if not values:
            raise
        param = None
    if param is not None:
        meaning += f": {param.help} ({param.range_text})"
        nobody = f"the strategy's own {shown(param.default)} holds"
    rows = [
        {
            "value": hidden(key, masked(one.value) if isinstance(one.value, str) else shown(one.value)),
            "layer": one.layer,
            "where": one.where,
            "won": one is values[-1],
        }
        for one in values
    ]

    def view(console: Any) -> None:
        console.print(f"{key}: {meaning}", markup=False)
        if not rows:
            console.print(f"nobody states it: {nobody}", markup=False)
        for row in rows:
            mark = "->" if row["won"] else "  "
            console.print(f"{mark} {row['value']}   {row['layer']}: {row['where']}", markup=False)

    return Outcome("config.explain/1", {"key": key, "meaning": meaning, "values": rows}, view)


@command(app, "check")
def _check(run: Run) -> Outcome:
    """Check every layer, and the strategies it names; every problem is named, exit code 2 when there is one."""
    from trader_cli.config.judge import refusal
    from trader_cli.config.strategies import misnamed

    parts = run.wiring()
    if problems := [*misnamed(parts.settings, parts.config.layers, parts.strategies)]:
        raise refusal(problems)
    preset = parts.config.preset
    path = parts.home / "trader.toml"
    read = [str(path)] if path.is_file() else []
    text = f"preset {preset}" + (f" and {path}" if read else f", no file at {path}")
    return Outcome(
        "config.check/1",
        {"preset": preset, "files": read},
        lambda console: console.print(f"the configuration is sound: {text}", markup=False),
    )
