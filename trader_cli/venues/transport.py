"""How long an answer may take as a whole: a venue that sends a byte a second must not hold a cycle for ever."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

_PIECE = 1 << 16


def limit(exchange: Any, most_s: float) -> None:
    """Let no answer of a ccxt object take longer than this to arrive, from its headers to its last byte.

    ccxt's own time limit is one for every single wait on the connection.
    """
    for adapter in exchange.session.adapters.values():
        adapter.send = _limited(adapter.send, most_s)


def _limited(send: Callable[..., Any], most_s: float) -> Callable[..., Any]:
    def sent(request: Any, **named: Any) -> Any:
        until = time.monotonic() + most_s
        response = send(request, **named)
        content = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            content += piece
            if time.monotonic() > until:
                response.close()
                raise TimeoutError(f"no whole answer within {most_s} s")
        response.raw = io.BytesIO(bytes(content))
        return response

    return sent
