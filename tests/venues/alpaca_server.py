"""A local server that answers as Alpaca's market data does: bars in pages, actions by the day they are processed."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

DAY = 86_400_000
KEY, SECRET = "PKLOCALTEST0000000000", "hiddenLocalTestSecret0000000000000000000"
_NEW_YORK = ZoneInfo("America/New_York")
_MINUTES = {"1Min": 1, "5Min": 5, "15Min": 15, "30Min": 30, "1Hour": 60, "1Day": 1440}


@dataclass
class Listed:
    """A stock: bars by `timeframe`, each (ms UTC as Alpaca stamps it, open, high, low, close, volume); actions by list."""

    bars: dict[str, list[tuple[int, float, float, float, float, float]]] = field(default_factory=dict)
    actions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def day_at(utc_midnight: int) -> int:
    """Return how Alpaca stamps the bar of a date: midnight in New York, ms UTC."""
    day = datetime.fromtimestamp(utc_midnight / 1000, UTC)
    return int(datetime(day.year, day.month, day.day, tzinfo=_NEW_YORK).timestamp()) * 1000


def stamp(time_ms: int) -> str:
    """Return a time as Alpaca writes it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AlpacaServer:
    """Stocks by their symbol.

    answers: prepared ones (status, headers, text) that come first. asked: path and parameters. page_bars, page_actions: most of
    them in a page. free_ms: where set, the time, ms UTC, of a free plan, which is refused `sip` of the last 15 minutes. date_s:
    its clock, where it is not this machine's. hang_at: number of the request that is kept waiting; `hanging` tells that it is.
    """

    def __init__(self) -> None:
        self.stocks: dict[str, Listed] = {}
        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.page_bars = 10_000
        self.page_actions = 1000
        self.free_ms = 0
        self.date_s = 0
        self.hang_at = -1
        self.hanging = threading.Event()
        self.released = threading.Event()
        self.keys = (KEY, SECRET)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.alpaca = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def answer(self, path: str, params: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text for one request."""
        self.asked.append((path, params))
        self.headers.append(headers)
        if len(self.asked) - 1 == self.hang_at:
            self.hanging.set()
            self.released.wait(60)
        if self.answers:
            return self.answers.pop(0)
        if (headers.get("apca-api-key-id"), headers.get("apca-api-secret-key")) != self.keys:
            return 401, {}, json.dumps({"message": "unauthorized."})
        reading = {"/v2/stocks/bars": self._bars, "/v1/corporate-actions": self._actions}.get(path)
        if reading is None:
            return 404, {}, json.dumps({"message": "endpoint not found."})
        return reading(params)

    def _bars(self, params: dict[str, str]) -> tuple[int, dict[str, str], str]:
        symbol, first, last = params["symbols"], _ms(params["start"]), _ms(params["end"])
        if not symbol.replace(".", "").isalpha():
            return 400, {}, json.dumps({"message": f"invalid symbol: {symbol}"})
        if params["timeframe"] not in _MINUTES or params["adjustment"] != "raw":
            return 400, {}, json.dumps({"message": "invalid timeframe or adjustment"})
        if self.free_ms and params["feed"] == "sip" and last > self.free_ms - 15 * 60_000:
            return 403, {}, json.dumps({"message": "subscription does not permit querying recent SIP data"})
        stock = self.stocks.get(symbol, Listed())
        shown = [bar for bar in stock.bars.get(params["timeframe"], []) if first <= bar[0] <= last]
        if params["sort"] == "desc":
            shown.reverse()
        page, token = _paged(shown, params, self.page_bars)
        rows = [{"t": stamp(at), **dict(zip("ohlcv", values, strict=True)), "n": 3, "vw": 1.0} for at, *values in page]
        return 200, {}, json.dumps({"bars": {symbol: rows} if rows else {}, "next_page_token": token})

    def _actions(self, params: dict[str, str]) -> tuple[int, dict[str, str], str]:
        stock, kinds = self.stocks.get(params["symbols"], Listed()), params["types"].split(",")
        told = [
            (one["process_date"], name, one)
            for name, each in stock.actions.items() for one in each
            if name.removesuffix("s") in kinds and params["start"] <= one["process_date"] <= params["end"]
        ]  # fmt: skip
        page, token = _paged(sorted(told, key=lambda one: one[0]), params, self.page_actions)
        found: dict[str, list[dict[str, Any]]] = {}
        for _, name, one in page:
            found.setdefault(name, []).append(one)
        return 200, {}, json.dumps({"corporate_actions": found, "next_page_token": token})


def _paged(whole: list[Any], params: dict[str, str], most: int) -> tuple[list[Any], str | None]:
    skipped = int(base64.b64decode(params["page_token"])) if "page_token" in params else 0
    end = skipped + min(int(params["limit"]), most)
    return whole[skipped:end], base64.b64encode(str(end).encode()).decode() if end < len(whole) else None


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


class _Handler(BaseHTTPRequestHandler):
    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of this machine, or the one that is set."""
        return super().date_time_string(self.server.alpaca.date_s or timestamp)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, text = self.server.alpaca.answer(parts.path, params, headers)  # type: ignore[attr-defined]
        body = text.encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Who asked is gone.
            self.close_connection = True
