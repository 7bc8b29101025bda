"""Measures in Prometheus' text format: as text, and as a file that a reader finds whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trader_cli.jobs.measures import Family

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_READABLE = 0o644


class _Measured:
    """What the library collects: figures that are known already."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for one in self._families:
            kind = CounterMetricFamily if one.metric.kind == "counter" else GaugeMetricFamily
            family = kind(one.metric.name, one.metric.help, labels=one.metric.labels)
            for labels, value in one.samples:
                family.add_metric(labels, value)
            yield family


def registry_of(families: Sequence[Family]) -> CollectorRegistry:
    """Return the figures as the library knows them: nothing of the process itself is among them."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(families))
    return registry


def metrics_text(families: Sequence[Family]) -> str:
    """Return the figures in the text format 0.0.4: HELP and TYPE lines, labels escaped, a number a line."""
    from prometheus_client import generate_latest

    return generate_latest(registry_of(families)).decode()


def write_metrics(path: Path, families: Sequence[Family]) -> None:
    """Write the figures to a file: beside it first, then in its place. Raises OSError; the former file stays then.

    The collector that reads it is another user: everybody may, as far as the umask lets them.
    """
    text = metrics_text(families)
    # Not `.prom` at the end: a collector takes every such file, half written or not.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        before = os.umask(0)
        os.umask(before)
        Path(name).chmod(_READABLE & ~before)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
