"""How a lab comes to the workers of a Dask cluster; imported only where Dask is used."""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin

from trader_cli.jobs.workers import unpack


class Carrier(WorkerPlugin):  # type: ignore[misc]  # distributed is not typed
    """Unpacks the lab in every worker process, also in those that join later."""

    def __init__(self, token: str, packed: bytes) -> None:
        self.token = token
        self.packed = packed

    def setup(self, worker: Any) -> None:  # noqa: ARG002 the lab is the process's, not the worker's
        """Unpack the lab."""
        unpack(self.token, self.packed)
