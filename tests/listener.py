"""The named fakes of those who are told over HTTP: a web hook and a push gateway in one."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Told(NamedTuple):
    """One request that was taken."""

    method: str
    path: str
    body: str


class Listener(ThreadingHTTPServer):
    """Keeps what it is told; status: what it answers with, 0 = it never answers; what is under `/refuse` it refuses."""

    def __init__(self) -> None:
        self.got: list[Told] = []
        self.status = 200
        self._over = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = (gzip.decompress(raw) if self.headers["Content-Encoding"] == "gzip" else raw).decode()
                status = 500 if self.path.startswith("/refuse") else listener.status
                if status == 0:
                    listener._over.wait(60)
                    return
                if status == 200:
                    listener.got.append(Told(self.command, self.path, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT  # noqa: N815 the library's own name

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Listener:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.shutdown()
        self.server_close()
