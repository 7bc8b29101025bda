"""Homes that trade live, closed when their test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .rig import Rig, rigged


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let one position come and go first: the exchange lives in this process and cannot answer while kernels compile."""
    settings = {"venue": {"timeout_s": 60}}
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch, rigged(folder, patch, "kraken", settings=settings) as rig:
        for level in (1, 0):
            rig.want(rig.btc, level)
            assert rig.cycle().code == 0
            rig.bar()


@pytest.fixture
def open_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """Open one home at a venue; see `rigged`."""
    with ExitStack() as stack:
        yield lambda *arguments, **named: stack.enter_context(rigged(tmp_path, monkeypatch, *arguments, **named))
