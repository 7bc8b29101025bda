"""The life of orders and positions over several bars."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rig import BOTH, rigged


@pytest.mark.parametrize("venue", BOTH)
def test_a_position_is_entered_protected_and_left(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rigged(tmp_path, monkeypatch, venue) as rig:
        rig.want(rig.btc, 1)
        done = rig.cycle()
        print(done)
        assert done.code == 0
        print(rig.at_venue)
        rig.bar()
        rig.want(rig.btc, 0)
        done = rig.cycle()
        assert done.code == 0, done
        assert rig.held() == 0
        rig.check()
