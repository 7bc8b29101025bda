"""`trader config`: what holds, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_keys

app = typer.Typer(help="The configuration: show, explain, check.", no_args_is_help=True)


@command(app, "show")
def _show(run: Run) -> Outcome:
    """Print the whole configuration as it holds now, with where each value came from."""
    parts = run.wiring()
    config = parts.config
    tree = config.settings.model_dump(mode="json")

    def view(console: Any) -> None:
        console.print(f"# preset {config.preset} · home {parts.home}", markup=False)
        for section, values in tree.items():
            if section == "instruments":
                continue
            console.print(f"\n[{section}]", markup=False)
            for name, value in values.items():
                stated = config.layers[f"{section}.{name}"][-1]
                origin = "" if stated.layer == "preset" else f"   # {stated.layer}: {stated.where}"
                console.print(f"{name} = {_toml(value)}{origin}", markup=False)
        for symbol, steps in tree["instruments"].items():
            console.print(f'\n[instruments."{symbol}"]', markup=False)
            for name, value in steps.items():
                if value is not None:
                    console.print(f"{name} = {_toml(value)}", markup=False)

    origins = {key: {"layer": values[-1].layer, "where": values[-1].where} for key, values in config.layers.items()}
    result = {"preset": config.preset, "home": str(parts.home), "settings": tree, "origins": origins}
    return Outcome("config.show/1", result, view)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'


@command(app, "explain")
def _explain(
    run: Run, key: Annotated[str, typer.Argument(help="A key, e.g. risk.max_positions.", autocompletion=complete_keys)]
) -> Outcome:
    """Print every layer's value of a key, and which one won."""
    from trader_cli.config.settings import keys

    values = run.wiring().config.explain(key)
    meaning = keys().get(key, "steps of an instrument")
    rows = [
        {"value": str(one.value), "layer": one.layer, "where": one.where, "won": one is values[-1]} for one in values
    ]

    def view(console: Any) -> None:
        console.print(f"{key}: {meaning}", markup=False)
        for row in rows:
            mark = "->" if row["won"] else "  "
            console.print(f"{mark} {row['value']}   {row['layer']}: {row['where']}", markup=False)

    return Outcome("config.explain/1", {"key": key, "meaning": meaning, "values": rows}, view)


@command(app, "check")
def _check(run: Run) -> Outcome:
    """Check every layer; every problem is named, exit code 2 when there is one."""
    parts = run.wiring()
    preset = parts.config.preset
    path = parts.home / "trader.toml"
    read = [str(path)] if path.is_file() else []
    text = f"preset {preset}" + (f" and {path}" if read else f", no file at {path}")
    return Outcome(
        "config.check/1",
        {"preset": preset, "files": read},
        lambda console: console.print(f"the configuration is sound: {text}", markup=False),
    )
