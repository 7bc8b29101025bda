"""Which key an environment variable states: `TRADER_RISK__MAX_POSITIONS` is risk.max_positions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trader_cli.config.settings import OPEN, keys, open_key
from trader_cli.config.value import Problem

PREFIX = "TRADER_"


def key_of(variable: str, stated: Iterable[str]) -> str | Problem:
    """Return the key of a variable, its prefix taken off, or why there is none.

    In the open-ended tables, `WALLETS__MEAN_REVERSION__SHARE_PCT`, the name in the middle can hold neither small letters
    nor `-` nor `/`: it stands for the one name of that table among the keys stated elsewhere that differs in these only.
    A name stated nowhere is read in small letters, an instrument's in capitals. stated: keys of the other layers.
    """
    key = variable.lower()
    table, _, rest = key.partition("__")
    own, split, last = rest.rpartition("__")
    if table not in OPEN or not split:
        return key.replace("__", ".", 1)
    names = {parts[1] for parts in map(open_key, stated) if parts is not None and parts[0] == table}
    meant = sorted(name for name in names if _plain(name) == _plain(own))
    if len(meant) > 1:
        choice = " or ".join(f"`{table}.{name}.{last}`" for name in meant)
        return Problem(
            f"environment `TRADER_{variable}` may be {choice}", ("state it with `--set` or in `trader.toml`",)
        )
    if meant:
        return f"{table}.{meant[0]}.{last}"
    if table != "instruments":
        return f"{table}.{own}.{last}"
    if "_" in own:
        example = f'[instruments."{own.upper().replace("_", "/")}"]'
        hint = f"state the symbol in `trader.toml`, e.g. `{example}`, or with `--set`"
        return Problem(
            f"environment `TRADER_{variable}`: which symbol `{own.upper()}` is, no other layer says", (hint,)
        )
    return f"{table}.{own.upper()}.{last}"


def states_key(variable: str) -> bool:
    """Tell whether a variable, with its prefix, states a setting that is not of an open-ended table, or may be of one."""
    key = variable.removeprefix(PREFIX).lower()
    return variable.startswith(PREFIX) and (key.partition("__")[0] in OPEN or key.replace("__", ".", 1) in keys())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
