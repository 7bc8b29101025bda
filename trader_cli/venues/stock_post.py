"""Requests to a source of stocks' bars: one at a time, not too often, none to who turned us away, whichever process it was."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.venues import statefile
from trader_cli.venues.reply import Reply

_BAN_S = 60
_PIECE = 1 << 16
# Of waiting requests; a turn that lies farther off is none.
_LINE_MS = 60_000
# A moment the header names that lies farther off is none.
_RESET_MOST_MS = 3_600_000


class StockPost:
    """Sends GETs to a source or what stands in for it.

    name: of the source. url: scheme and host. path: a file that every process shares, with the last request and the last ban.
    now_ms, sleep: this machine's, sleep in seconds. pace_ms: between two requests. bans: HTTP statuses that turn us away.
    """

    def __init__(
        self,
        name: str,
        url: str,
        path: Path,
        now_ms: Callable[[], int],
        sleep: Callable[[float], None],
        timeout_s: float,
        pace_ms: int,
        bans: Collection[int],
    ) -> None:
        self.name = name
        self._url = url
        self._path = path
        self._now_ms = now_ms
        self._sleep = sleep
        self._timeout_s = timeout_s
        self._pace_ms = pace_ms
        self._bans = bans
        # What may hold a key is not sent on to wherever an answer points.
        self._opener = urllib.request.build_opener(_Staying)

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request."""
        return {}

    def hidden(self) -> Collection[str]:
        """Return texts that no answer may show, should it repeat what was sent."""
        return ()

    def judge(self, reply: Reply) -> None:
        """Raise VenueError for what this source alone says in its own way."""

    def __call__(self, path: str, params: Mapping[str, str]) -> Reply:
        """Return what came back. Raises VenueError where nothing did, or where we are turned away."""
        headers = self.headers()
        self._turn()
        url = f"{self._url}{urllib.parse.quote(path)}?{urllib.parse.urlencode(params)}"
        reply = self._get(urllib.request.Request(url, headers=dict(headers)))  # noqa: S310 http(s) by config
        if reply.status in self._bans:
            ban_ms = self._ended(reply)
            self._store(ban_ms=ban_ms)
            raise self._turned_away(ban_ms, self._now_ms())
        self.judge(reply)
        if reply.status >= 500 or not reply.parsed:
            raise VenueError(
                f"{self.name}: HTTP {reply.status}: no JSON, {len(reply.text)} characters"
                if not reply.parsed
                else f"{self.name}: HTTP {reply.status}",
                pattern="http",
                resolution="retry" if reply.status >= 500 or reply.status == 200 else "skip_cycle",
            )
        return reply

    def _turn(self) -> None:
        """Wait for a turn: the next in the line of all processes. Raises VenueError while a ban runs."""
        with statefile.locked(self._path):
            last_ms, ban_ms = self._stored()
            now_ms = self._now_ms()
            if ban_ms > now_ms:
                raise self._turned_away(ban_ms, now_ms)
            # A clock that was put back keeps nobody waiting longer than a line may be.
            turn_ms = max(now_ms, last_ms + self._pace_ms) if last_ms <= now_ms + _LINE_MS else now_ms
            statefile.write(self._path, {"last_ms": turn_ms, "ban_ms": ban_ms}, lasting=False)
        if turn_ms > now_ms:
            self._sleep((turn_ms - now_ms) / 1000)
            _, ban_ms = self._stored()
            if ban_ms > (now_ms := self._now_ms()):
                raise self._turned_away(ban_ms, now_ms)

    def _stored(self) -> tuple[int, int]:
        """Return when the last turn is, and when the last ban ends, ms UTC."""
        stored, _ = statefile.read(self._path)
        return _moment(stored.get("last_ms")), _moment(stored.get("ban_ms"))

    def _ended(self, reply: Reply) -> int:
        """Return when a ban ends, ms UTC: as the answer says, else a minute from now."""
        now_ms = self._now_ms()
        if stated := reply.retry_after_ms(now_ms):
            return stated
        text = reply.header("x-ratelimit-reset")
        reset_ms = int(text[:12]) * 1000 if text.isdecimal() else 0
        return reset_ms if now_ms < reset_ms <= now_ms + _RESET_MOST_MS else now_ms + _BAN_S * 1000

    def _store(self, *, ban_ms: int) -> None:
        with statefile.locked(self._path):
            statefile.write(self._path, {"last_ms": self._stored()[0], "ban_ms": ban_ms}, lasting=True)

    def _get(self, request: urllib.request.Request) -> Reply:
        until = time.monotonic() + self._timeout_s
        try:
            try:
                answer = self._opener.open(request, timeout=self._timeout_s)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                content = bytearray()
                while piece := answer.read1(_PIECE) if hasattr(answer, "read1") else answer.read(_PIECE):
                    content += piece
                    if time.monotonic() > until:
                        raise TimeoutError
                text = content.decode("utf-8", "replace")
                for one in self.hidden():
                    text = text.replace(one, "***")
                return Reply.of(answer.status or 0, dict(answer.headers), text)
        except (OSError, http.client.HTTPException) as error:
            slow = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
            what = "it did not answer in time" if slow else "no connection could be made, or it broke"
            raise VenueError(
                f"{self.name}: {what}", pattern="timeout" if slow else "not_sent", resolution="retry"
            ) from None

    def _turned_away(self, ban_ms: int, now_ms: int) -> VenueError:
        return VenueError(
            f"`{self.name}` takes no requests from us for another {(ban_ms - now_ms) / 1000:.1f} s",
            "wait; asking on makes it longer",
            pattern="ban",
            retry_ms=ban_ms,
        )


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no answer to another address."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request: the answer itself is what came back."""


def _moment(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
