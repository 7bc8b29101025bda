"""`--costs fitted`: the costs of a run as own fills had them, stated like any other setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trader_cli.cli.kit import Run
from trader_cli.errors import UsageError

_KEYS = ("fee_bps", "maker_fee_bps", "slippage_bps")


def fitted_costs(run: Run, word: str, flags: Mapping[str, Any]) -> dict[str, str]:
    """Return fitted costs as flags, and say which numbers they are.

    Raises UsageError for another word than `fitted` and where a cost is stated by hand too, DataError where there are too few
    fills to fit them to.
    """
    from trader_cli.jobs.fitting import fitted, settings_of

    if word != "fitted":
        raise UsageError(
            f"`--costs {word}`: costs can only be `fitted`", "state numbers with `--fee-bps`, `--slippage-bps`"
        )
    for key in _KEYS:
        option = f"--{key.replace('_', '-')}"
        if flags.get(f"costs__{key}") is not None or run.sets_key(f"costs.{key}"):
            shown = f"--set costs.{key}" if run.sets_key(f"costs.{key}") else option
            raise UsageError(f"`--costs fitted` and `{shown}` both state `costs.{key}`", "leave one of them out")
    parts = run.wiring(**flags)
    insight = parts.settings.insight
    try:
        found = fitted(parts.existing_ledger, parts.settings.venue.id, insight.fit_fills, insight.fit_quantile_pct)
    finally:
        parts.close()
    stated = settings_of(found)
    told = ", ".join(f"{name} {value}" for name, value in stated.items())
    run.note(f"costs fitted to {found.orders} orders on {found.venue}, account {found.account}: {told}")
    return {f"costs__{name}": value for name, value in stated.items()}
