"""Where the user's files lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONFIG_NAME = "trader.toml"


def find_home(stated: Path | None, env: Mapping[str, str], here: Path) -> Path:
    """Return `--home`, else TRADER_HOME, else the nearest folder upwards with `trader.toml`, else the user data folder.

    The folder need not exist; whoever writes makes it.
    """
    if stated is not None:
        return stated.expanduser().absolute()
    if env.get("TRADER_HOME"):
        return Path(env["TRADER_HOME"]).expanduser().absolute()
    for folder in (here, *here.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder
    from platformdirs import user_data_path

    return user_data_path("trader", appauthor=False)
