"""Homes that trade live, closed when their test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .rig import Rig, rigged


@pytest.fixture
def open_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """Open one home at a venue; see `rigged`."""
    with ExitStack() as stack:
        yield lambda *arguments, **named: stack.enter_context(rigged(tmp_path, monkeypatch, *arguments, **named))
