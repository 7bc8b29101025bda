"""Figures for Prometheus as they are read back."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families


def figures(path: Path) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return what a file of figures says, by name."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(path.read_text()):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found
