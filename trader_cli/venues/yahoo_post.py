"""Requests to Yahoo: one at a time, not too often, and none while it turned us away, whichever process it was."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from trader_cli.errors import VenueError
from trader_cli.venues import statefile
from trader_cli.venues.reply import Reply

OWN = "https://query1.finance.yahoo.com"
# Yahoo states no limit; a pause keeps a fetch of many symbols from being a burst.
_PACE_MS = 500
_BAN_S = 60
_PIECE = 1 << 16
# It turns the usual names of libraries away.
_AGENT = "Mozilla/5.0 (compatible; trader)"


class YahooPost:
    """Sends GETs to Yahoo or what stands in for it.

    url: scheme and host. path: a file that every process shares, with the last request and the last ban. now_ms, sleep: this
    machine's, sleep in seconds.
    """

    def __init__(
        self, url: str, path: Path, now_ms: Callable[[], int], sleep: Callable[[float], None], timeout_s: float
    ) -> None:
        self._url = url or OWN
        self._path = path
        self._now_ms = now_ms
        self._sleep = sleep
        self._timeout_s = timeout_s

    def __call__(self, path: str, params: dict[str, str]) -> Reply:
        """Return what came back. Raises VenueError where nothing did, or where Yahoo turns us away."""
        self._turn()
        url = f"{self._url}{urllib.parse.quote(path)}?{urllib.parse.urlencode(params)}"
        reply = self._get(urllib.request.Request(url, headers={"User-Agent": _AGENT}))  # noqa: S310 http(s) by config
        if reply.status in (429, 999):
            ban_ms = reply.retry_after_ms(self._now_ms()) or self._now_ms() + _BAN_S * 1000
            self._store(ban_ms=ban_ms)
            raise _turned_away(ban_ms, self._now_ms())
        if reply.status >= 500 or not reply.parsed:
            raise VenueError(
                f"yahoo: HTTP {reply.status}: no JSON, {len(reply.text)} characters"
                if not reply.parsed
                else f"yahoo: HTTP {reply.status}",
                pattern="http",
                resolution="retry" if reply.status >= 500 or reply.status == 200 else "skip_cycle",
            )
        return reply

    def _turn(self) -> None:
        """Wait for a turn. Raises VenueError while a ban runs."""
        with statefile.locked(self._path):
            stored, _ = statefile.read(self._path)
            now_ms = self._now_ms()
            last_ms, ban_ms = (_moment(stored.get(name)) for name in ("last_ms", "ban_ms"))
            if ban_ms > now_ms:
                raise _turned_away(ban_ms, now_ms)
            # A clock that was put back keeps nobody waiting longer than the pace.
            wait_ms = min(max(0, last_ms + _PACE_MS - now_ms), _PACE_MS)
            statefile.write(self._path, {"last_ms": now_ms + wait_ms, "ban_ms": ban_ms}, lasting=False)
        if wait_ms:
            self._sleep(wait_ms / 1000)

    def _store(self, *, ban_ms: int) -> None:
        with statefile.locked(self._path):
            statefile.write(self._path, {"last_ms": self._now_ms(), "ban_ms": ban_ms}, lasting=True)

    def _get(self, request: urllib.request.Request) -> Reply:
        until = time.monotonic() + self._timeout_s
        try:
            try:
                answer = urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310 http(s) by config
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                content = bytearray()
                while piece := answer.read1(_PIECE) if hasattr(answer, "read1") else answer.read(_PIECE):
                    content += piece
                    if time.monotonic() > until:
                        raise TimeoutError
                return Reply.of(answer.status or 0, dict(answer.headers), content.decode("utf-8", "replace"))
        except (OSError, http.client.HTTPException) as error:
            slow = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
            what = "it did not answer in time" if slow else "no connection could be made, or it broke"
            raise VenueError(f"yahoo: {what}", pattern="timeout" if slow else "not_sent", resolution="retry") from None


def _turned_away(ban_ms: int, now_ms: int) -> VenueError:
    return VenueError(
        f"`yahoo` takes no requests from us for another {(ban_ms - now_ms) / 1000:.1f} s",
        "wait; asking on makes it longer",
        pattern="ban",
        retry_ms=ban_ms,
    )


def _moment(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
