"""One connection: what is read from it, and what of an answer is written to it."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .faults import Rule
from .kraken import parameters
from .mangle import mangled, of_rule
from .orders import RefusedError
from .wire import Reply, Request

if TYPE_CHECKING:
    from .server import ExchangeServer


class Handler(BaseHTTPRequestHandler):
    """Keeps its connection open as the venues do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet; the journal tells."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._answer()

    @property
    def _exchange(self) -> ExchangeServer:
        exchange: ExchangeServer = self.server.exchange  # type: ignore[attr-defined]
        return exchange

    def _answer(self) -> None:
        exchange, parts = self._exchange, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        params = parameters(parts.query, body, self.headers.get("Content-Type", ""))
        if parts.path.startswith("/control/"):
            self._control(parts.path.removeprefix("/control/"), params, body)
            return
        venue = "kraken" if parts.path.startswith("/0/") else "binance"
        if venue not in exchange.venues:
            self._write(Reply.html(404))
            return
        headers = {key.lower(): value for key, value in self.headers.items()}
        now = exchange.clock.now_ms()
        request = Request(self.command, parts.path, parts.query, body, headers, params, now)
        row, rule, reply = exchange.open(venue, request)
        if rule:
            try:
                self._strike(rule, venue, request, row)
            except Exception:
                self._write(exchange.trouble(f"rule {rule.title}"))
            return
        reply = reply or exchange.act(venue, request, row)
        row["status"] = reply.status
        self._write(reply)

    def _strike(self, rule: Rule, venue: str, request: Request, row: dict[str, Any]) -> None:
        """Do what a rule says: before, act or not, after, and answer as it wants."""
        exchange = self._exchange
        named = (
            request.params.get("txid") or request.params.get("orderId") or request.params.get("origClientOrderId", "")
        )
        exchange.control.run(rule.before, named or request.params.get("cl_ord_id", ""), venue)
        if rule.act_after_s:
            exchange.clock.wait(rule.act_after_s)
        reply = exchange.act(venue, request, row) if rule.does_act else Reply.of({})
        exchange.control.run(rule.after, reply.orders[0] if reply.orders else named, venue)
        if rule.answer_after_s:
            exchange.clock.wait(rule.answer_after_s)
        if rule.kind in ("status", "error"):
            reply = of_rule(rule, venue)
            row["errors"] = [*row["errors"], *reply.errors]
            if rule.retry_after:
                exchange.be_quiet(venue, reply.status, rule.retry_after)
        elif rule.kind:
            reply = mangled(rule.kind, reply, venue)
        if rule.kind == "hang":
            exchange.closing.wait()
        if rule.kind in ("drop", "reset", "hang"):
            self._break(reset=rule.kind == "reset")
            return
        row["status"] = reply.status
        self._write(reply, drip_s=rule.drip_s if rule.kind == "drip" else 0)

    def _control(self, op: str, params: dict[str, str], body: bytes) -> None:
        try:
            values: Any = json.loads(body) if body else {k: int(v) if v.isdecimal() else v for k, v in params.items()}
            if op == "run":
                self._exchange.control.run(values)
                result = None
            else:
                result = self._exchange.control.do(op, **values)
        except (ValueError, KeyError, TypeError, ArithmeticError, RefusedError) as error:
            self._write(Reply.of({"error": f"{type(error).__name__}: {error}"}, 400))
            return
        self._write(Reply.of({"result": result}))

    def _write(self, reply: Reply, drip_s: float = 0) -> None:
        length = len(reply.body) if reply.length is None else reply.length
        lines = [f"HTTP/1.1 {reply.status} Status", f"Content-Type: {reply.kind}", f"Content-Length: {length}"]
        lines += [f"{key}: {value}" for key, value in reply.headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        with suppress(OSError):
            if drip_s:
                self.connection.sendall(head)
                for byte in reply.body:
                    self.connection.sendall(bytes([byte]))
                    if self._exchange.closing.wait(drip_s):
                        break
            else:
                self.connection.sendall(head + reply.body)
        if length != len(reply.body):
            self._break(reset=False)

    def _break(self, *, reset: bool) -> None:
        """End the connection: quietly, or with a reset."""
        self.close_connection = True
        with suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
