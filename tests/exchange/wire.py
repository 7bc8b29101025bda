"""What goes over the wire: a request as the dialects read it, and the answer they give."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

HTML = "<html><head><title>{status}</title></head><body><h1>{status}</h1><p>cloud edge</p></body></html>"


@dataclass(frozen=True)
class Request:
    """One HTTP request. params: of the query and the body together; the body's raw bytes are what was signed."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    params: dict[str, str]
    arrived_ms: int


@dataclass
class Reply:
    """One answer. acted: whether anything changed. orders: ids it concerns. length: Content-Length where it is not honest."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    acted: bool = False
    orders: list[str] = field(default_factory=list)
    length: int | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200, **more: Any) -> Reply:
        """Return a JSON answer."""
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), **more)

    @classmethod
    def html(cls, status: int, body: str = "", **more: Any) -> Reply:
        """Return a page as proxies write it."""
        return cls(status, (body or HTML.format(status=status)).encode(), kind="text/html", **more)
