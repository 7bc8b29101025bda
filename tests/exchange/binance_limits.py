"""Binance's limits: request weight per minute and address, orders per account; 429 first, then a ban."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import Clock
from .wire import Reply

_MINUTE = 60_000
_TEN_SECONDS = 10_000
_DAY = 86_400_000


@dataclass
class Limits:
    """Used weight in this minute and orders in these ten seconds and this day."""

    clock: Clock
    weight_most: int = 6_000
    orders_most_10s: int = 100
    orders_most_day: int = 200_000
    patience: int = 3
    ban_s: int = 120
    used: int = 0
    peak: int = 0
    refused: int = 0
    banned_until_ms: int = 0
    _minute: int = -1
    _turned_away: int = 0
    _ten: tuple[int, int] = (-1, 0)
    _day: tuple[int, int] = (-1, 0)

    def weigh(self, weight: int) -> Reply | None:
        """Count a request; return the refusal where there were too many."""
        now = self.clock.now_ms()
        if now < self.banned_until_ms:
            self.refused += 1
            return self._banned(now)
        if now // _MINUTE != self._minute:
            self._minute, self.used, self._turned_away = now // _MINUTE, 0, 0
        self.used += weight
        self.peak = max(self.peak, self.used)
        if self.used <= self.weight_most:
            return None
        self.refused += 1
        self._turned_away += 1
        if self._turned_away > self.patience:
            self.banned_until_ms = now + self.ban_s * 1000
            return self._banned(now)
        text = (
            f"Too much request weight used; current limit is {self.weight_most} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return failed(429, -1003, text, {"Retry-After": str(-(-(_MINUTE - now % _MINUTE) // 1000))})

    def order(self, count: int) -> Reply | None:
        """Count new orders; return the refusal where there were too many. It states no time to wait."""
        now = self.clock.now_ms()
        ten, day = now // _TEN_SECONDS, now // _DAY
        in_ten = (self._ten[1] if self._ten[0] == ten else 0) + count
        in_day = (self._day[1] if self._day[0] == day else 0) + count
        for number, most, span in (
            (in_ten, self.orders_most_10s, "10 SECOND"),
            (in_day, self.orders_most_day, "1 DAY"),
        ):
            if number > most:
                self.refused += 1
                return failed(429, -1015, f"Too many new orders; current limit is {most} orders per {span}.")
        self._ten, self._day = (ten, in_ten), (day, in_day)
        return None

    def headers(self, *, orders: bool) -> dict[str, str]:
        """Return the headers that tell what is used."""
        shown = {"X-MBX-USED-WEIGHT": str(self.used), "X-MBX-USED-WEIGHT-1M": str(self.used)}
        if orders:
            shown |= {"X-MBX-ORDER-COUNT-10S": str(self._ten[1]), "X-MBX-ORDER-COUNT-1D": str(self._day[1])}
        return shown

    def _banned(self, now: int) -> Reply:
        until = self.banned_until_ms
        text = f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams to avoid bans."
        return failed(418, -1003, text, {"Retry-After": str(-(-(until - now) // 1000))})


def failed(status: int, code: int, text: str, headers: dict[str, str] | None = None) -> Reply:
    """Return an answer that refuses with Binance's number and words."""
    return Reply.of({"code": code, "msg": text}, status, errors=[f"{code} {text}"], headers=headers or {})
