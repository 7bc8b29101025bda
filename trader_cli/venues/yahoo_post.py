"""Requests to Yahoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from trader_cli.venues.stock_post import StockPost

_OWN = "https://query1.finance.yahoo.com"
# Yahoo states no limit; a pause keeps a fetch of many symbols from being a burst.
_PACE_MS = 500
_BANS = (429, 999)
# It turns the usual names of libraries away.
_AGENT = "Mozilla/5.0 (compatible; trader)"


class YahooPost(StockPost):
    """Sends GETs to Yahoo or what stands in for it; parts as of any source."""

    def __init__(
        self, url: str, path: Path, now_ms: Callable[[], int], sleep: Callable[[float], None], timeout_s: float
    ) -> None:
        super().__init__("yahoo", url or _OWN, path, now_ms, sleep, timeout_s, _PACE_MS, _BANS)

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request."""
        return {"User-Agent": _AGENT}
