"""A time as text."""

from __future__ import annotations


def iso(time_ms: int) -> str:
    """Return `2018-01-31T23:30:00Z` for ms UTC."""
    import numpy as np

    return str(np.datetime64(int(time_ms), "ms").astype("datetime64[s]")) + "Z"
