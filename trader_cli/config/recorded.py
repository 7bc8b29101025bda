"""The settings that a run was recorded with, as a configuration of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from trader_cli.config.layers import Loaded
from trader_cli.config.settings import OPEN, Settings
from trader_cli.errors import DataError


def recorded(now: Loaded, run_id: str, preset: str, config: Mapping[str, Any]) -> Loaded:
    """Return the configuration with every setting that a run states; a key it did not know is as it is now.

    A key that is gone since is left out. Raises DataError for settings that cannot be meant.
    """
    tree: dict[str, Any] = now.settings.model_dump(mode="json")
    for name, stated in config.items():
        if name not in tree or not isinstance(stated, Mapping):
            continue
        if name in OPEN:
            tree[name] = dict(stated)
        else:
            tree[name] |= {key: value for key, value in stated.items() if key in tree[name]}
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"the settings of the run `{run_id}` cannot be used any more: `{key}`: {first['msg']}",
            "`trader ledger verify` says whether its record is sound",
        ) from error
    return replace(now, preset=preset, settings=settings)
