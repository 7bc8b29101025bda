"""Real ccxt clients that talk to an exchange here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from . import binance, kraken

KEYS = {"kraken": (kraken.KEY, kraken.SECRET), "binance": (binance.KEY, binance.SECRET)}


def client(url: str, venue: str, **options: Any) -> Any:
    """Return a ccxt exchange whose every address is this server; it keeps no rate limit of its own and asks for spot only."""
    import ccxt  # type: ignore[import-untyped]

    key, secret = KEYS[venue]
    settings = {
        "apiKey": key,
        "secret": secret,
        "enableRateLimit": False,
        "timeout": 30_000,
        "enableLastJsonResponse": True,
    }
    made = getattr(ccxt, venue)({**settings, **options})
    made.urls["api"] = {
        name: address.replace(f"{urlsplit(address).scheme}://{urlsplit(address).netloc}", url)
        for name, address in made.urls["api"].items()
    }
    made.has["fetchCurrencies"] = False
    made.options.update({"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}})
    return made
