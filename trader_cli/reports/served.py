"""A small web server for a while: a few paths that are read, nothing that is written, and nothing else."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from trader_cli.errors import TraderError, UsageError

_PATIENCE_S = 10
_POLL_S = 0.05
_PLAIN = "text/plain; charset=utf-8"
_READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Answer:
    """What a path answers with."""

    body: bytes
    content_type: str = _PLAIN
    status: int = HTTPStatus.OK


@dataclass
class Serving:
    """A server at work. url: where it is; asked: how often each path was answered."""

    url: str
    asked: Counter[str]


@contextmanager
def serving(
    host: str, port: int, paths: Mapping[str, Callable[[], Answer]], fault: Callable[[str], None]
) -> Iterator[Serving]:
    """Answer these paths until the block ends; port 0 = a free one. Raises UsageError for an address that cannot be taken.

    One path is answered at a time. A TraderError in one is 503 with its sentence, anything else 500; `fault` is told of the
    latter. Where only this machine is to reach it, a name that merely points here is refused: a page elsewhere could use it.
    """
    work = _Work(paths, fault, only_here=is_loopback(host))
    server = _bound(host, port, work)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield Serving(f"http://{shown}:{server.server_address[1]}", work.asked)
    finally:
        server.shutdown()
        server.server_close()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Work:
    """What the requests share."""

    def __init__(
        self, paths: Mapping[str, Callable[[], Answer]], fault: Callable[[str], None], *, only_here: bool
    ) -> None:
        self.paths, self.fault, self.only_here = paths, fault, only_here
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, path: str) -> Answer:
        """Return what a path that there is answers."""
        with self._lock:
            self.asked[path] += 1
            try:
                return self.paths[path]()
            except TraderError as error:
                return Answer(f"{error.message}\n".encode(), status=HTTPStatus.SERVICE_UNAVAILABLE)
            except Exception as error:
                self.fault(f"{path}: unexpected {type(error).__name__}: {error}")
                return Answer(b"a fault of the program\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a reader that went away."""


def _bound(host: str, port: int, work: _Work) -> _Server:
    class Handler(_Handler):
        shared = work

    class Server(_Server):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        return Server((host, port), Handler)
    except OSError as error:
        free = "take another one: `--port 8001`; `--port 0` takes any that is free"
        said = (error.strerror or str(error)).lower()
        raise UsageError(f"port {port} of `{host}` cannot be served: {said}", free) from error


class _Handler(BaseHTTPRequestHandler):
    shared: _Work
    server_version = "trader"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The library asks for `do_METHOD`: whatever it is, it is answered.
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        answer = self._found()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(_READ))
        # What else was sent is not read, and no reader holds a thread of ours for its next question.
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _found(self) -> Answer:
        if self.shared.only_here and not is_loopback(urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""):
            return Answer(b"this address is not served\n", status=HTTPStatus.MISDIRECTED_REQUEST)
        if self.command not in _READ:
            return Answer(b"nothing can be changed here\n", status=HTTPStatus.METHOD_NOT_ALLOWED)
        path = urlsplit(self.path).path
        if path not in self.shared.paths:
            there = ", ".join(sorted(self.shared.paths))
            return Answer(f"there is {there}\n".encode(), status=HTTPStatus.NOT_FOUND)
        return self.shared.answer(path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's own name
        """Keep no log: what is asked is counted."""
