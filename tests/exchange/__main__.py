"""`python -m tests.exchange --port 0 --state FILE --script FILE`: an exchange in a process of its own; prints its port."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .server import ExchangeServer


def main() -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="exchange")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="JSON list of control operations to begin with")
    parser.add_argument("--script", type=Path, help="JSON list of fault rules")
    parser.add_argument("--venues", default="kraken,binance")
    parser.add_argument("--now-ms", type=int, default=None, help="freeze the clock there")
    parser.add_argument("--seed", type=int, default=1)
    stated = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = ExchangeServer(stated.venues.split(","), port=stated.port, now_ms=stated.now_ms, seed=stated.seed)
    server.load(stated.state, stated.script)
    with server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
