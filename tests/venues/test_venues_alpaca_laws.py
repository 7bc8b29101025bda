"""Alpaca's bars on the shelf of a stock: fetched in pages of any length, and killed anywhere, they are one and the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from alpaca_server import DAY, KEY, SECRET, AlpacaServer, Listed, day_at, stamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from trader_cli.errors import VenueError
from trader_cli.jobs.fetch import Clock, Fetched, Terms, Wanted, fetch
from trader_cli.market.fetching_stocks import StockShelf
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.alpaca import AlpacaHistory
from trader_cli.venues.reply import Reply

pytestmark = pytest.mark.req("R3.4")
MONDAY = 19_905 * DAY
HALF = 1_800_000
NOW = MONDAY + 11 * DAY + 15 * 3_600_000
HEADERS = {"apca-api-key-id": KEY, "apca-api-secret-key": SECRET}
FRAMES = ("30m", "1h", "1d")


def stock(seed: int) -> Listed:
    """Return two weeks with a split, two dividends, nights, a weekend, and one bar in five that nobody traded."""
    random = np.random.default_rng(seed)
    made = Listed({"30Min": [], "1Day": []})
    for n in range(12):
        midnight = MONDAY + n * DAY
        if n % 7 in (5, 6) or n == 3:
            continue
        price = 400.0 if n < 4 else 100.0
        made.bars["1Day"].append((day_at(midnight), price, price + 2, price - 2, price + 1, 1e6 + n))
        for at in range(16, 48):
            if random.random() < 0.8:
                close = price + float(random.integers(0, 20)) / 10
                made.bars["30Min"].append((midnight + at * HALF, price, close + 1, price - 1, close, 100.0 + at))
    day = [stamp(MONDAY + n * DAY)[:10] for n in range(12)]
    made.actions = {
        "forward_splits": [
            {"symbol": "AAPL", "new_rate": 4, "old_rate": 1, "ex_date": day[4], "process_date": day[4]},
        ],
        "cash_dividends": [
            {"symbol": "AAPL", "rate": rate, "special": rate > 1, "foreign": False, "ex_date": at, "process_date": late}
            for rate, at, late in ((0.5, day[1], day[9]), (4.0, day[2], day[2]), (0.25, day[8], "2024-08-08"))
        ],
    }  # fmt: skip
    return made


@pytest.fixture(scope="module")
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer() as made:
        yield made


def run(
    server: AlpacaServer, folder: Path, frames: Sequence[str] = FRAMES, before: Callable[[], None] = lambda: None
) -> list[Fetched]:
    """Fetch the stock's series into a folder; `before` is called before each request."""

    def ask(path: str, params: Mapping[str, str]) -> Reply:
        before()
        return Reply.of(*server.answer(path, dict(params), HEADERS))

    history = AlpacaHistory(ask, lambda: NOW, 10.0, "sip", 0)
    wanted = [Wanted("alpaca", "AAPL", Timeframe.parse(one)) for one in frames]
    terms = Terms(
        since_ms=MONDAY - DAY, until_ms=None, first_bars=10, group_pages=2, tries=1, patience_ms=0,
    )  # fmt: skip
    clock = Clock(lambda: NOW, lambda: 0.0, lambda _seconds: None)
    return fetch(wanted, lambda one: StockShelf(folder, one), lambda _: [history], terms, clock, lambda _a, _b: None)


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))
    return {str(one.relative_to(folder)): one.read_bytes() for one in found}


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(7, 60), actions=st.integers(1, 3))
def test_pages_of_any_length_end_in_the_same_files(
    server: AlpacaServer, tmp_path_factory: pytest.TempPathFactory, seed: int, size: int, actions: int
) -> None:
    server.stocks["AAPL"] = stock(seed)
    server.page_bars, server.page_actions = 10_000, 1000
    whole, paged = (tmp_path_factory.mktemp(one) for one in ("whole", "paged"))
    assert [one.error for one in run(server, whole)] == [None] * 3
    server.page_bars, server.page_actions = size, actions
    run(server, paged)
    assert len(files(whole)) == 10
    assert files(paged) == files(whole)
    server.asked.clear()
    assert [one.added for one in run(server, paged)] == [0, 0, 0]
    assert files(paged) == files(whole)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(10, 60))
def test_a_fetch_that_is_killed_anywhere_ends_in_the_same_files(
    server: AlpacaServer, tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    """What lies on the disk is what a kill would leave: before each request, and before each file is put into its place."""
    server.stocks["AAPL"] = stock(seed)
    server.page_bars, server.page_actions = size, 2
    base = tmp_path_factory.mktemp("killed")
    left: list[Path] = []

    def keep() -> None:
        at = base / str(len(left))
        shutil.copytree(base / "run", at, ignore=shutil.ignore_patterns(".*"))
        left.append(at)

    (base / "run").mkdir()
    replace = Path.replace

    def replacing(self: Path, target: Path) -> Path:
        keep()
        return replace(self, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "replace", replacing)
        run(server, base / "run", ("1h", "1d"), keep)
    whole = files(base / "run")
    assert len(left) > 15
    random = np.random.default_rng(seed)
    for at in random.choice(len(left), 6, replace=False):
        run(server, left[at], ("1h", "1d"))
        assert files(left[at]) == whole


def test_a_fetch_that_fails_at_any_request_keeps_what_came_and_ends_in_the_same_files(
    server: AlpacaServer, tmp_path: Path
) -> None:
    server.stocks["AAPL"] = stock(2)
    server.page_bars, server.page_actions = 30, 2
    server.asked.clear()
    run(server, tmp_path / "whole", ("1h",))
    requests = len(server.asked)
    assert requests > 6
    for n in range(requests):
        left = [n]

        def fail(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise VenueError("no answer")

        folder = tmp_path / str(n)
        (one,) = run(server, folder, ("1h",), fail)
        assert one.error is not None
        (one,) = run(server, folder, ("1h",))
        assert one.error is None
        assert files(folder) == files(tmp_path / "whole")


def test_what_is_stored_is_the_tape_and_what_is_read_is_adjusted_by_hand(server: AlpacaServer, tmp_path: Path) -> None:
    """By hand: 0.5 of 401 on the second day, 4 of 401 on the third, four for one on the fifth, 0.25 of 101 on the ninth."""
    server.stocks["AAPL"] = stock(1)
    server.page_bars, server.page_actions = 10_000, 1000
    run(server, tmp_path, ("1d",))
    stored = tmp_path / "alpaca" / "raw" / "AAPL-1d.parquet"
    raw, read = (parquet.read_table(one) for one in (stored, tmp_path / "alpaca" / "AAPL-1d.parquet"))
    assert raw["close"].to_pylist() == [401.0] * 3 + [101.0] * 5
    late, third, second = 1 - 0.25 / 101, 1 - 4 / 401, 1 - 0.5 / 401
    assert read["close"].to_pylist() == pytest.approx(
        [
            401 / 4 * second * third * late,
            401 / 4 * third * late,
            401 / 4 * late,
            *[101 * late] * 2,
            101.0,
            101.0,
            101.0,
        ]
    )
    assert read["volume"].to_pylist() == [4e6, 4 * (1e6 + 1), 4 * (1e6 + 2), *(1e6 + n for n in (4, 7, 8, 9, 10))]
    told = json.loads((tmp_path / "alpaca" / "raw" / "AAPL.actions.json").read_text())["actions"]
    assert [(one["kind"], one["value"]) for one in told] == [
        ("dividend", 0.5), ("dividend", 4.0), ("split", 4.0), ("dividend", 0.25),
    ]  # fmt: skip
