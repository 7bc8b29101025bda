"""What a forked program finds at its rim: the exchange's clock, and a fault at the commit, request or file that a plan names.

Runs in the child only. What was passed is written down at once, so that it is known of a process that was killed, too.
"""

from __future__ import annotations

import http.client
import json
import mmap
import os
import signal
import sqlite3
import struct
import sys
import time as real
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

GIVES_UP_S = 0.25
"""Real seconds a client waits where the plan says that no answer comes; by its own clock it waited its whole time-out."""

CLOCKED = ("trader_cli.wiring", "trader_cli.cli.cycle", "trader_cli.venues.transport", "trader_cli.cli.doctor")
"""Whoever reads a clock or sleeps; all else is given one."""


class Rim:
    """Counts what passes and strikes where the plan says so.

    plan: by point (`commit:3`, `begin:3`, `request:5`, `file:2`) what happens there: `kill` or `term` before or after it, or
    a failure. port: of the exchange. clock: the file with its time. trace: where every point is written down.
    """

    def __init__(self, plan: Mapping[str, Mapping[str, Any]], port: int, clock: Path, trace: Path) -> None:
        self.plan = plan
        self.port = port
        self.shift_ms = 0
        self._counts: dict[str, int] = {}
        with clock.open("rb") as file:
            self._time = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def now_ms(self) -> int:
        """Return the machine's time: the exchange's, and what a jump made of it."""
        return int(struct.unpack("<q", self._time[:8])[0]) + self.shift_ms

    def sleep(self, seconds: float) -> None:
        """Let the exchange's time pass."""
        self._control("clock", {"advance_ms": max(round(seconds * 1000), 1)})

    def take_over(self) -> None:
        """Stand between the program and its machine."""
        clock = SimpleNamespace(
            time_ns=lambda: self.now_ms() * 1_000_000,
            time=lambda: self.now_ms() / 1000,
            monotonic=lambda: (self.now_ms() - self.shift_ms) / 1000,
            sleep=self.sleep,
            gmtime=lambda: real.gmtime(self.now_ms() / 1000),
            strftime=real.strftime,
        )
        for name in CLOCKED:
            if name in sys.modules:
                sys.modules[name].time = clock  # type: ignore[attr-defined]
        self._watch_commits()
        self._watch_requests()
        self._watch_files()

    def _reach(self, kind: str, what: str) -> Mapping[str, Any]:
        """Note a point before it happens; return what the plan says of it."""
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        point = f"{kind}:{number}"
        os.write(self._trace, (json.dumps({"point": point, "what": what}) + "\n").encode())
        planned = self.plan.get(point, {})
        self._strike(planned, "before")
        return planned

    def _strike(self, planned: Mapping[str, Any], when: str) -> None:
        if planned.get("when") != when:
            return
        if planned["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if planned["do"] == "term":
            os.kill(os.getpid(), signal.SIGTERM)
        if planned["do"] == "jump":
            self.shift_ms += int(planned["ms"])

    def _watch_commits(self) -> None:
        from sqlalchemy.engine.default import DefaultDialect
        from sqlalchemy.exc import OperationalError

        from trader_cli.ledger import database

        commit, begin = DefaultDialect.do_commit, database._begin
        changed: dict[int, int] = {}

        def do_commit(dialect: Any, connection: Any) -> None:
            raw = getattr(connection, "driver_connection", connection)
            if not raw.in_transaction or changed.get(id(raw), 0) == raw.total_changes:
                commit(dialect, connection)
                return
            planned = self._reach("commit", _caller())
            if planned.get("do") == "full":
                raise sqlite3.OperationalError("database or disk is full")
            commit(dialect, connection)
            changed[id(raw)] = raw.total_changes
            self._strike(planned, "after")

        def do_begin(connection: Any) -> None:
            if connection.get_execution_options().get("writes"):
                planned = self._reach("begin", _caller())
                if planned.get("do") == "locked":
                    raise OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))
            begin(connection)

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
        database._begin = do_begin

    def _watch_requests(self) -> None:
        from requests.adapters import HTTPAdapter

        send = HTTPAdapter.send

        def watched(adapter: Any, request: Any, **named: Any) -> Any:
            parts = urlsplit(request.url)
            planned = self._reach("request", f"{request.method} {parts.path}")
            if planned.get("do") == "refused":
                # Nobody listens there: not a byte leaves.
                request.url = request.url.replace(f":{self.port}", ":1", 1)
            if planned.get("do") == "gives_up":
                named["timeout"] = GIVES_UP_S
                try:
                    return send(adapter, request, **named)
                finally:
                    self.sleep(float(planned["waits_s"]))
            answer = send(adapter, request, **named)
            self._strike(planned, "after")
            return answer

        HTTPAdapter.send = watched  # type: ignore[method-assign]

    def _watch_files(self) -> None:
        replace = os.replace

        def watched(source: Any, target: Any, **named: Any) -> None:
            planned = self._reach("file", Path(os.fspath(target)).name)
            if planned.get("do") == "full":
                raise OSError(28, "No space left on device", os.fspath(target))
            replace(source, target, **named)
            self._strike(planned, "after")

        os.replace = watched

    def _control(self, op: str, values: Mapping[str, Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", f"/control/{op}", json.dumps(values), {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()


def _caller() -> str:
    """Name what is being written: the job's function and what it called of the ledger."""
    frame: FrameType | None = sys._getframe(2)
    named = ""
    while frame is not None:
        module, name = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
        if module in ("trader_cli.ledger.trading", "trader_cli.ledger.ledger"):
            named = name
        elif module.startswith("trader_cli.") and not module.startswith("trader_cli.ledger"):
            return f"{module.rpartition('.')[2]}.{name} {named}".strip()
        frame = frame.f_back
    return named


def become(
    arguments: Sequence[str], environment: Mapping[str, str], plan: Mapping[str, Mapping[str, Any]],
    port: int, clock: Path, trace: Path, output: Path, main: Callable[[], None],
) -> None:  # fmt: skip
    """Be the program from here on; never returns."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    Rim(plan, port, clock, trace).take_over()
    sys.argv = ["trader", *arguments]
    main()
