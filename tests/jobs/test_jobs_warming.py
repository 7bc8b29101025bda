"""Whoever has to wait for the compiler is told so, and nobody else."""

from __future__ import annotations

import pytest

from trader_cli.jobs import warming
from trader_cli.jobs.warming import COMPILING, warn_of_compiling


@pytest.mark.parametrize(
    ("compiled", "said"), [({"replay", "settle"}, []), ({"settle"}, [COMPILING]), (set(), [COMPILING])]
)
def test_compiling_is_said_once_where_a_kernel_was_never_compiled(
    compiled: set[str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "is_cached", compiled.__contains__)
    notes: list[str] = []
    warn_of_compiling(notes.append, "replay", "settle")
    assert notes == said
