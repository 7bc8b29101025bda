"""One request to a venue: ccxt signs and sends it, the answer is kept as it came, and nothing is ever sent twice."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from trader_cli.errors import VenueError
from trader_cli.jobs.arming import account_of
from trader_cli.model.orders import Resolution
from trader_cli.venues.library import exchange_class
from trader_cli.venues.limits import CANDLES
from trader_cli.venues.nonce import Nonce
from trader_cli.venues.reply import Reply
from trader_cli.venues.resolver import Verdict, judge
from trader_cli.venues.transport import limit

_NEVER_WRITTEN = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout")
"""Failures of urllib3 and requests that come before anything was written to a connection."""


class Budget(Protocol):
    """What a client asks of the budget of requests. Kinds: `place`, `cancel`, `read`, `history`, `market_data`."""

    def wait_ms(self, kind: str, symbol: str = "", age_ms: int = 0, call: str = "") -> int:
        """Return how long to wait before a request of this kind; 0 = go."""
        ...

    def take(
        self,
        kind: str,
        symbol: str = "",
        age_ms: int = 0,
        call: str = "",
        *,
        longest_ms: int,
        sleep: Callable[[float], None],
    ) -> None:
        """Wait for a request's turn, `longest_ms` at most, and count it; raises VenueError where none may leave."""
        ...

    def refused(self, retry_ms: int, kind: str = "") -> None:
        """Remember that nothing may be asked before a moment, ms UTC; 0 = the venue did not say until when.

        kind: of the request it refused, where that is known.
        """
        ...

    def count_together(self, until_ms: int) -> None:
        """Count candles with all other public questions, not by pair, until a moment, ms UTC."""
        ...

    def together_ms(self) -> int:
        """Return until when candles are counted so, ms UTC; 0 = they are counted by pair."""
        ...

    def load_pct(self, symbol: str) -> float:
        """Return how full the order counter of a market is, 0 to 100."""
        ...


_TOO_SLOW = ("RequestTimeout", "ReadTimeoutError", "TimeoutError")


class Client:
    """ccxt's object of one venue, used for signing and HTTP only. What it makes of answers is not believed.

    api_url: scheme and host for every address, the paths stay; empty = the venue's own. clock: our time, ms UTC.
    left_ms: what is left of the caller's time; None = no limit, and a request waits for its turn as long as for its answer.
    skew_ms: our clock minus the venue's, as measured last; `now_ms` is mended by it. calls: requests made.
    """

    def __init__(
        self,
        venue: str,
        *,
        api_url: str,
        key: str,
        secret: str,
        budget: Budget,
        nonce_path: Path | None,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        timeout_s: float,
        recv_window_ms: int,
        left_ms: Callable[[], int] | None = None,
    ) -> None:
        self.venue = venue
        self.account = account_of(venue, key)
        self.skew_ms = 0
        self.calls = 0
        self.budget = budget
        self._clock = clock
        self._sleep = sleep
        self._timeout_ms = int(timeout_s * 1000)
        self._left_ms = left_ms
        self._nonce = Nonce(nonce_path, clock)
        self._secrets = tuple(text for text in (key, secret) if text)
        self._asking = self._left = False
        self._reply: Reply | None = None
        self.exchange = self._make(api_url, key, secret, timeout_s, recv_window_ms)

    def __repr__(self) -> str:
        return f"Client({self.venue}, account {self.account})"

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC, as well as we know it."""
        return self._clock() - self.skew_ms

    def own_ms(self) -> int:
        """Return our own clock, ms UTC."""
        return self._clock()

    def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        kind: str,
        symbol: str = "",
        age_ms: int = 0,
        call: str = "",
    ) -> Reply:
        """Send one request with one of ccxt's raw methods and return what came back, whatever that is.

        A request waits for its turn while there is time for its answer after it; a placement never does: its moment passes.
        Raises VenueError only before anything is sent: the budget is used up, a ban has not ended, the nonce cannot be kept.
        """
        longest_ms = 0 if kind == "place" else self._patience_ms()
        self.budget.take(kind, symbol, age_ms, call, longest_ms=longest_ms, sleep=self._sleep)
        self.calls += 1
        self._asking, self._left, self._reply = True, False, None
        outer = sys.exception()
        try:
            getattr(self.exchange, method)(dict(params or {}))
        except VenueError:
            raise
        except Exception as error:
            # The one place where ccxt's exceptions end, plain Python ones too. What is known stands in the reply.
            return self._reply if self._reply is not None else Reply(failure=self._failure(error, outer))
        finally:
            self._asking = False
        return self._reply if self._reply is not None else Reply(failure="broken")

    def _patience_ms(self) -> int:
        """Return how long a request may wait for its turn: a cycle that gives up between an entry and its stop is worse."""
        if self._left_ms is None:
            return self._timeout_ms
        left_ms = self._left_ms()
        return max(left_ms - self._timeout_ms, left_ms // 2)

    def judge(self, reply: Reply, kind: str = "") -> Verdict | None:
        """Return what a reply to a request of a kind says against us, None for a sound one; the budget is told of bans."""
        verdict = judge(self.venue, reply, self.now_ms())
        if verdict is not None and verdict.everything:
            # The budget counts by our own clock.
            self.budget.refused(verdict.retry_ms + self.skew_ms)
        elif verdict is not None and verdict.resolution is Resolution.WAIT:
            self.budget.refused(0, kind)
        return verdict

    def read(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        kind: str = "read",
        symbol: str = "",
        call: str = "",
    ) -> Any:
        """Return the whole of the venue's well-formed answer to a question. Raises VenueError for anything unclear."""
        reply = self.ask(method, params, kind=kind, symbol=symbol, call=call)
        verdict = self.judge(reply, kind)
        if verdict is not None:
            raise self.error(verdict)
        return reply.data

    def markets(self, params: Mapping[str, Any]) -> object:
        """Return the venue's list of markets as plain JSON, for the rulebook to keep."""
        kraken = self.venue == "kraken"
        self.read(
            "public_get_assetpairs" if kraken else "public_get_exchangeinfo",
            params,
            kind="market_data",
            call="" if kraken else "exchangeInfo",
        )
        return json.loads(self._reply.text) if self._reply is not None else None

    def candles(self, params: Mapping[str, Any], *, by_pair: bool = False) -> object:
        """Return the venue's answer to a question for candles.

        by_pair: counted by Kraken's rule for each pair, not for all, unless the budget holds us to one count for all.
        """
        if self.venue != "kraken":
            return self.read("public_get_klines", params, kind="market_data", call="klines")
        pair, call = (str(params.get("pair", "")), CANDLES) if by_pair else ("", "")
        return self.read("public_get_ohlc", params, kind="market_data", symbol=pair, call=call)

    def error(self, verdict: Verdict) -> VenueError:
        """Return the error that a verdict is, without anything secret in it."""
        hints = (
            ("check the key, its permissions and the machine's address",)
            if verdict.resolution is Resolution.HALT_ALL
            else ()
        )
        return VenueError(
            f"{self.venue}: {self.clean(verdict.message)}",
            *hints,
            pattern=verdict.pattern,
            resolution=verdict.resolution.value,
            retry_ms=verdict.retry_ms,
        )

    def clean(self, text: str) -> str:
        """Return a text without our key and secret, should a venue repeat them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _make(self, api_url: str, key: str, secret: str, timeout_s: float, recv_window_ms: int) -> Any:
        options: dict[str, Any] = {"adjustForTimeDifference": False, "recvWindow": recv_window_ms}
        if self.venue == "binance":
            # One request for the markets instead of seven.
            options |= {
                "fetchCurrencies": False,
                "fetchMargins": False,
                "fetchMarkets": {"types": ["spot"]},
                "defaultType": "spot",
            }
        exchange = exchange_class(self.venue)(
            {
                "apiKey": key,
                "secret": secret,
                "timeout": int(timeout_s * 1000),
                "enableRateLimit": False,
                "enableLastJsonResponse": True,
                "maxRetriesOnFailure": 0,
                "options": options,
                # ccxt writes keys and signatures to its log at the level `debug`.
                "logger": _silent(),
            }
        )
        exchange.has["fetchCurrencies"] = False
        exchange.options["maxRetriesOnFailure"] = 0
        # A redirected POST would be a second request.
        exchange.session.max_redirects = 0
        limit(exchange, timeout_s)
        if api_url:
            point_at(exchange, api_url)
        exchange.nonce = self._nonce.next if self.venue == "kraken" else self.now_ms
        exchange.on_rest_response = self._heard
        exchange.fetch = self._once(exchange.fetch)
        return exchange

    def _heard(
        self, status: int, _reason: str, _url: str, _method: str, headers: Mapping[str, str], text: str, *_: object
    ) -> str:
        self._reply = Reply.of(status, dict(headers), text)
        return text.strip()

    def _once(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self._asking and self._left:
                raise RuntimeError("a second request for one call")
            self._left = True
            return fetch(*arguments, **named)

        return guarded

    def _failure(self, error: BaseException, outer: BaseException | None) -> str:
        if not self._left:
            return "unsigned"
        names: set[str] = set()
        link: BaseException | None = error
        # Not beyond this request: what was being handled when it was made says nothing about it.
        while link is not None and link is not outer:
            names.add(type(link).__name__)
            link = link.__cause__ or link.__context__
        if names.intersection(_NEVER_WRITTEN):
            return "not_sent"
        return "timeout" if names.intersection(_TOO_SLOW) else "broken"


def point_at(exchange: Any, api_url: str) -> None:
    """Send every request of a ccxt object to another scheme and host, the paths as they were."""
    target = urlsplit(api_url)
    exchange.urls["api"] = {
        section: urlunsplit(urlsplit(url)._replace(scheme=target.scheme, netloc=target.netloc))
        for section, url in exchange.urls["api"].items()
    }
    if hasattr(exchange, "get_exceptions_by_url"):
        # Binance's codes of the spot market are chosen by the name of its real host.
        chosen = exchange.get_exceptions_by_url
        exchange.get_exceptions_by_url = lambda _url, kind: chosen("https://api.binance.com/", kind)


def _silent() -> logging.Logger:
    logger = logging.Logger("ccxt of trader")
    logger.disabled = True
    return logger
