"""Takes from ccxt the one exchange that is needed: the package as a whole imports a hundred others."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from trader_cli.errors import VenueError

VENUES = ("kraken", "binance")


def exchange_class(venue: str) -> type[Any]:
    """Return ccxt's class of one venue, without running the package's own start where that is possible."""
    if venue not in VENUES:
        raise VenueError(f"venue `{venue}` is not known", f"known are {' and '.join(VENUES)}", resolution="halt_all")
    if "ccxt" not in sys.modules:
        try:
            return _alone(venue)
        except (ImportError, AttributeError):
            # Another version may be laid out otherwise: then the whole package, slower.
            for name in [name for name in sys.modules if name.partition(".")[0] == "ccxt"]:
                del sys.modules[name]
    return getattr(importlib.import_module("ccxt"), venue)  # type: ignore[no-any-return]


def _alone(venue: str) -> type[Any]:
    """Import `ccxt.<venue>` under an empty package that stands for ccxt only meanwhile.

    The modules that come of it are the real ones under their real names: a later `import ccxt` runs as ever and finds them.
    """
    found = importlib.util.find_spec("ccxt")
    if found is None:
        raise ImportError("ccxt")
    sys.modules["ccxt"] = importlib.util.module_from_spec(found)
    try:
        return getattr(importlib.import_module(f"ccxt.{venue}"), venue)  # type: ignore[no-any-return]
    finally:
        del sys.modules["ccxt"]
