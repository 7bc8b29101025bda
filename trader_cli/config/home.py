"""Where the user's files lie."""

# Paths are text in here: a run that finds its lease taken is gone before `pathlib` could be imported.
# ruff: noqa: PTH111, PTH113, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

CONFIG_NAME = "trader.toml"


def find_home(stated: Path | None, env: Mapping[str, str], here: Path) -> Path:
    """Return `--home`, else TRADER_HOME, else the nearest folder upwards with `trader.toml`, else the user data folder.

    The folder need not exist; whoever writes makes it.
    """
    from pathlib import Path

    return Path(home_text(None if stated is None else str(stated), env, str(here)))


def home_text(stated: str | None, env: Mapping[str, str], here: str) -> str:
    """Return the same as text. Raises RuntimeError for the home of a user that there is not."""
    named = stated if stated is not None else env.get("TRADER_HOME")
    if named is not None and (named or stated is not None):
        whole = os.path.expanduser(named)
        if whole.startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return os.path.join(here, whole)
    folder = here
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_NAME)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    from platformdirs import user_data_path

    return str(user_data_path("trader", appauthor=False))
