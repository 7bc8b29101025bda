"""Law 3 at Binance: stops with targets, fees of what is bought. A slice of the sweep that runs always, and the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sweep import main, ready, slice_of


@pytest.mark.req("X1")
def test_whatever_fails_once_binance_has_no_order_lost_doubled_or_unexplained(tmp_path: Path) -> None:
    with ready("binance", tmp_path) as sweep:
        points = slice_of("binance", sweep.clean)
        found = {point.name: sweep.strike(point, tail=0).wrong for point in points}
    assert len(found) >= 20
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.faults
@pytest.mark.timeout(7200)
def test_whatever_fails_at_every_commit_and_every_request_binance_has_no_order_lost_doubled_or_unexplained() -> None:
    assert main(["--venue", "binance"]) == 0


@pytest.mark.faults
@pytest.mark.timeout(7200)
def test_two_faults_in_a_row_leave_no_order_lost_doubled_or_unexplained_at_binance() -> None:
    assert main(["--venue", "binance", "--pairs", "150"]) == 0
