"""The same search on a Ray cluster of two workers, by its address."""

from __future__ import annotations

from pathlib import Path

import pytest
from searches import search_there_and_here


@pytest.mark.deep
@pytest.mark.req("R3.6")
@pytest.mark.req("X10")
def test_a_ray_cluster_of_two_workers_gives_the_same_table(home: Path) -> None:
    search_there_and_here("ray", home)
