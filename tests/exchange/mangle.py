"""Answers that are not what the venue meant: pages, statuses, cut and swapped content."""

from __future__ import annotations

import json
from typing import Any

from .binance_limits import failed as binance_failed
from .faults import Rule
from .kraken import failed as kraken_failed
from .wire import Reply

OTHER_ID = "00000000-0000-4000-8000-000000000bad"

_STATUS_OF_CODE = {
    -1000: 500,
    -1001: 500,
    -1006: 500,
    -1007: 504,
    -1008: 503,
    -1003: 429,
    -1015: 429,
    -2014: 401,
    -2015: 401,
}
_IDS = ("cl_ord_id", "clientOrderId", "origClientOrderId", "listClientOrderId")
_SYMBOLS = ("pair", "symbol")


def of_rule(rule: Rule, venue: str) -> Reply:
    """Return the answer that a rule of kind `status` or `error` states."""
    headers = {"Retry-After": f"{rule.retry_after:g}"} if rule.retry_after else {}
    if rule.kind == "status":
        return Reply.html(rule.status, rule.body, headers=headers, errors=[f"HTTP {rule.status}"])
    if venue == "kraken":
        reply = kraken_failed(rule.text)
        reply.status, reply.headers = rule.status or 200, headers
        return reply
    return binance_failed(rule.status or _STATUS_OF_CODE.get(rule.code, 400), rule.code, rule.text, headers)


def mangled(kind: str, reply: Reply, venue: str) -> Reply:
    """Return an answer spoilt in one of faults.MANGLED's ways."""
    body, length = reply.body, None
    if kind == "html":
        return Reply.html(200)
    if kind == "empty":
        body = b""
    elif kind == "cut":
        body = body[: len(body) // 2]
    elif kind == "short":
        body, length = body[: len(body) // 2], len(body)
    elif kind == "shape":
        body = json.dumps({"error": [], "result": "ok"} if venue == "kraken" else {"result": "ok"}).encode()
    elif kind in ("client_id", "symbol"):
        body = json.dumps(_swapped(json.loads(body), kind, venue)).encode()
    return Reply(reply.status, body, reply.kind, reply.headers, length=length)


def _swapped(value: Any, kind: str, venue: str) -> Any:
    """Put another client id or another market wherever one stands."""
    if isinstance(value, list):
        return [_swapped(part, kind, venue) for part in value]
    if not isinstance(value, dict):
        return value
    names, other = (_IDS, OTHER_ID) if kind == "client_id" else (_SYMBOLS, "ETHBTC")
    swapped = {key: other if key in names and part else _swapped(part, kind, venue) for key, part in value.items()}
    if kind == "symbol" and isinstance(sentence := swapped.get("order"), str) and " @ " in sentence:
        words = sentence.split(" ")
        swapped["order"] = " ".join([*words[:2], other, *words[3:]])
    return swapped
