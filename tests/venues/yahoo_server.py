"""A local server that gives what Yahoo's chart endpoint would: splits up to now worked into everything before them."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

DAY = 86_400_000
OPENS = 13 * 3_600_000 + 30 * 60_000
"""New York's half past nine, ms after midnight UTC, in summer."""


@dataclass
class Stock:
    """Bars as they were traded: ms UTC, open, high, low, close, volume, None for no trading. Actions by ms UTC of the day."""

    bars: list[tuple[int, Any]] = field(default_factory=list)
    splits: dict[int, tuple[int, int]] = field(default_factory=dict)
    dividends: dict[int, float] = field(default_factory=dict)

    def shares(self, time_ms: int) -> float:
        """Return what a share of a day is today."""
        product = 1.0
        for at, (new, old) in self.splits.items():
            if at // DAY > time_ms // DAY:
                product *= new / old
        return product

    def chart(self, params: dict[str, str], symbol: str) -> dict[str, Any]:
        """Return the answer for a span."""
        first, last = int(params["period1"]) * 1000, int(params["period2"]) * 1000
        shown = [(at, bar) for at, bar in self.bars if first <= at < last]
        columns: list[list[Any]] = [[], [], [], [], []]
        for at, bar in shown:
            shares = self.shares(at)
            for n, column in enumerate(columns):
                column.append(None if bar is None else bar[n] * shares if n == 4 else bar[n] / shares)
        events: dict[str, Any] = {}
        if self.splits:
            events["splits"] = {
                str((at + OPENS) // 1000): {
                    "date": (at + OPENS) // 1000, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"
                }
                for at, (new, old) in self.splits.items() if first <= at + OPENS < last
            }  # fmt: skip
        if self.dividends:
            events["dividends"] = {
                str((at + OPENS) // 1000): {"date": (at + OPENS) // 1000, "amount": paid / self.shares(at)}
                for at, paid in self.dividends.items()
                if first <= at + OPENS < last
            }
        names = ("open", "high", "low", "close", "volume")
        one = {
            "meta": {"currency": "USD", "symbol": symbol, "gmtoffset": -14_400, "timezone": "EDT"},
            "timestamp": [at // 1000 for at, _ in shown],
            "indicators": {"quote": [dict(zip(names, columns, strict=True))]},
            **({"events": events} if events else {}),
        }
        return {"chart": {"result": [one], "error": None}}


class YahooServer:
    """Stocks by their symbol. answers: prepared ones (status, headers, text) that come first. asked: path and parameters."""

    def __init__(self) -> None:
        self.stocks: dict[str, Stock] = {}
        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.yahoo = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def answer(self, path: str, params: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text for one request."""
        self.asked.append((path, params))
        if self.answers:
            return self.answers.pop(0)
        symbol = path.rsplit("/", 1)[-1]
        if symbol not in self.stocks:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return 404, {}, json.dumps({"chart": {"result": None, "error": error}})
        return 200, {}, json.dumps(self.stocks[symbol].chart(params, symbol))


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, headers, text = self.server.yahoo.answer(parts.path, params)  # type: ignore[attr-defined]
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
