"""A venue that shows what it did only after a while: nothing waits for the next cycle because of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from .scenario import STAGES, world_of
from .sweep import play


@pytest.mark.parametrize("venue", ["kraken", pytest.param("binance", marks=pytest.mark.deep)])
def test_orders_and_trades_that_are_shown_seconds_late_leave_nothing_unprotected_or_unresolved_c6_c8(
    venue: str, tmp_path: Path
) -> None:
    with world_of(venue, tmp_path) as world:
        world.server.do("set", read_lag_ms=1_500, trade_lag_ms=2_500)
        # Every cycle ends well, a second one has nothing to do, and the judge finds every position with its stop.
        assert len(play(world).held) == len(STAGES)
