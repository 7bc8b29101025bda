"""The small server: the paths it has, to read, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest

from trader_cli.errors import DataError, UsageError
from trader_cli.reports.served import Answer, Serving, is_loopback, serving


def broken() -> Answer:
    raise DataError("the ledger is damaged")


def faulty() -> Answer:
    raise ZeroDivisionError("by 0")


FAULTS: list[str] = []
PATHS = {"/": lambda: Answer(b"<p>page</p>", "text/html"), "/broken": broken, "/faulty": faulty}


@pytest.fixture(scope="module")
def at() -> Iterator[Serving]:
    with serving("127.0.0.1", 0, PATHS, FAULTS.append) as server:
        yield server


@dataclass(frozen=True)
class Got:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(at: Serving, method: str, path: str, host: str | None = None, body: bytes | None = None) -> Got:
    with closing(HTTPConnection(at.url.removeprefix("http://"), timeout=30)) as connection:
        connection.request(method, path, body, {} if host is None else {"Host": host})
        found = connection.getresponse()
        return Got(found.status, dict(found.getheaders()), found.read())


def test_a_path_is_answered_with_its_body_and_kind(at: Serving) -> None:
    found = ask(at, "GET", "/?anything=1")
    assert (found.status, found.headers["Content-Type"], found.body) == (200, "text/html", b"<p>page</p>")
    assert found.headers["Cache-Control"] == "no-store"


def test_head_says_the_length_and_sends_nothing(at: Serving) -> None:
    found = ask(at, "HEAD", "/")
    assert (found.status, found.headers["Content-Length"], found.body) == (200, "11", b"")


@pytest.mark.parametrize("path", ["/x", "/metrics", "/../etc/passwd", "/broken/", "/%2e%2e/"])
def test_no_other_path_is_there(at: Serving, path: str) -> None:
    assert ask(at, "GET", path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_changed(at: Serving, method: str) -> None:
    found = ask(at, method, "/", body=b"x" * 1000)
    assert (found.status, found.headers["Allow"]) == (405, "GET, HEAD")


def test_what_cannot_be_answered_says_why_and_a_fault_of_ours_does_not(at: Serving) -> None:
    found = ask(at, "GET", "/broken")
    assert (found.status, found.body) == (503, b"the ledger is damaged\n")
    found = ask(at, "GET", "/faulty")
    assert (found.status, found.body) == (500, b"a fault of the program\n")
    assert FAULTS == ["/faulty: unexpected ZeroDivisionError: by 0"]
    assert ask(at, "GET", "/").status == 200


@pytest.mark.parametrize(("host", "status"), [
    ("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("evil.example", 421),
    ("evil.example:8000", 421), ("", 421),
])  # fmt: skip
def test_a_name_that_merely_points_here_is_refused(at: Serving, host: str, status: int) -> None:
    assert ask(at, "GET", "/", host).status == status


def test_a_reader_that_says_nothing_holds_nobody_up(at: Serving) -> None:
    port = int(at.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        assert ask(at, "GET", "/").status == 200


def test_a_port_in_use_is_refused_with_the_way_out(at: Serving) -> None:
    port = int(at.url.rpartition(":")[2])
    with (
        pytest.raises(UsageError, match=f"port {port} of `127.0.0.1`") as refused,
        serving("127.0.0.1", port, {}, print),
    ):
        pass
    assert any("--port 0" in hint for hint in refused.value.hints)


def test_after_its_time_nobody_listens_there() -> None:
    with serving("127.0.0.1", 0, PATHS, FAULTS.append) as server:
        port = int(server.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)


@pytest.mark.parametrize(("host", "only_here"), [
    ("127.0.0.1", True), ("127.8.9.1", True), ("localhost", True), ("::1", True), ("192.168.1.1", False), ("10.0.0.1", False),
    ("example.com", False), ("", False), ("localhost.example.com", False),
])  # fmt: skip
def test_what_only_this_machine_reaches_is_known(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here
