"""Requests to Alpaca's market data, each with the key and the secret of its account."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from trader_cli.errors import UsageError, VenueError
from trader_cli.venues.reply import Reply
from trader_cli.venues.stock_post import StockPost

_OWN = "https://data.alpaca.markets"
_MINUTE_MS = 60_000
# What is shorter is part of anything.
_SECRET_LEAST = 8
# What a header may hold; anything else would be shown by whoever refuses it.
_KEY = re.compile(r"[!-~]+")


class AlpacaPost(StockPost):
    """Sends GETs to Alpaca or what stands in for it; url to timeout_s as of any source.

    per_minute: requests the account may make (docs.alpaca.markets, "About Market Data API": 200 on the free plan). names: of
    the variables that hold key and secret, and keys: how those two are read; it raises UsageError where they are missing.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        now_ms: Callable[[], int],
        sleep: Callable[[float], None],
        timeout_s: float,
        per_minute: int,
        names: tuple[str, str],
        keys: Callable[[], tuple[str, str]],
    ) -> None:
        super().__init__("alpaca", url or _OWN, path, now_ms, sleep, timeout_s, -(-_MINUTE_MS // per_minute), (429,))
        self._names = names
        self._keys = keys
        self._held: tuple[str, str] | None = None
        self._refused = False

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request. Raises UsageError where key or secret is missing or cannot be one."""
        if self._held is None:
            held = self._keys()
            for name, text in zip(self._names, held, strict=True):
                if _KEY.fullmatch(text) is None:
                    raise UsageError(f"`{name}` holds what is no key: letters, digits and signs without spaces are")
            self._held = held
        key, secret = self._held
        return {
            "APCA-API-KEY-ID": key,
            "APCA-API-SECRET-KEY": secret,
            "Accept": "application/json",
            "User-Agent": "trader",
        }

    def hidden(self) -> Collection[str]:
        """Return key and secret."""
        return [one for one in self._held or () if len(one) >= _SECRET_LEAST]

    def __call__(self, path: str, params: Mapping[str, str]) -> Reply:
        """Return what came back with status 200, or 4xx about what was asked for.

        Raises VenueError as any source does, and where Alpaca refuses the account: then without asking for anything more.
        """
        if self._refused:
            raise self._wrong()
        return super().__call__(path, params)

    def judge(self, reply: Reply) -> None:
        """Raise VenueError where Alpaca refuses the account."""
        if reply.status not in (401, 403):
            return
        said = message_of(reply)
        if "subscription" in said.lower():
            raise VenueError(
                f"`alpaca` refuses what the account's plan does not hold: {said}",
                "the free plan gives `sip` 15 minutes late: `--set fetch.alpaca_delay_min=16`",
                "or takes the one exchange IEX: `--set fetch.alpaca_feed=iex`",
                pattern="no_permission",
            )
        self._refused = True
        raise self._wrong()

    def _wrong(self) -> VenueError:
        key, secret = self._names
        return VenueError(
            f"`alpaca` does not accept the key and secret of `{key}` and `{secret}`",
            "look them up, or make new ones, at app.alpaca.markets; a new account's old ones are void",
            pattern="no_permission",
        )


def message_of(reply: Reply) -> str:
    """Return what an answer says of itself, shortened; empty where it says nothing."""
    said = reply.data.get("message") if isinstance(reply.data, dict) else None
    return " ".join(said.split())[:200] if isinstance(said, str) else ""
