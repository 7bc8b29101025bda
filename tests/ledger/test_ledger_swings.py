"""The cache of swings: what comes back is what was stored, to the last bit, and it is stored once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.ledger import Ledger, Swing
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"
SWINGS = st.lists(
    st.builds(
        Swing,
        happened_ms=st.integers(0, 2**53),
        known_ms=st.integers(0, 2**53),
        price=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        kind=st.sampled_from(["high", "low"]),
    ),
    max_size=20,
)


@pytest.mark.req("R4.3")
@settings(max_examples=20)
@given(sets=st.dictionaries(st.text(min_size=1, max_size=12).filter(lambda s: s.isprintable()), SWINGS, max_size=4))
def test_swings_come_back_bit_for_bit_under_their_key(tmp_path_factory, sets: dict[str, list[Swing]]) -> None:
    ledger = Ledger.open(URL, tmp_path_factory.mktemp("swings"))
    for key, rows in sets.items():
        assert ledger.swings(key) is None
        ledger.store_swings(key, rows)
    for key, rows in sets.items():
        assert ledger.swings(key) == rows
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R4.3")
def test_a_series_without_a_swing_is_known_and_another_is_not(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    ledger.store_swings("flat", [])
    assert ledger.swings("flat") == []
    assert ledger.swings("flat ") is None
    ledger.close()


@pytest.mark.req("R4.3")
def test_what_is_stored_under_a_key_stays(tmp_path: Path) -> None:
    """Two runs may reckon the same series at once: the second finds the rows of the first, and doubles nothing."""
    ledger = Ledger.open(URL, tmp_path)
    rows = [(np.int64(1), np.int64(3), np.float64(0.1), "high")]
    ledger.store_swings("key", rows)
    ledger.store_swings("key", rows)
    ledger.store_swings("key", [])
    assert ledger.swings("key") == [Swing(1, 3, 0.1, "high")]
    ledger.close()
