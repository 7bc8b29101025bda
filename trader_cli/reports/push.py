"""Measures sent to a push gateway: one request, in a time limit, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPException
from urllib.error import HTTPError

from trader_cli.errors import VenueError
from trader_cli.jobs.measures import Family
from trader_cli.reports.metrics import registry_of

JOB = "trader"


def push_metrics(url: str, instance: str, families: Sequence[Family], timeout_s: float) -> None:
    """Put the figures in place of those that this instance pushed before. Raises VenueError where they were not taken.

    url: of the gateway, http or https, with the path it lies under. instance: this machine's name, a label of the group.
    """
    from prometheus_client import push_to_gateway

    try:
        push_to_gateway(url.rstrip("/"), JOB, registry_of(families), {"instance": instance}, timeout_s)
    except HTTPError as error:
        # It is an answer too, and holds its connection.
        error.close()
        raise VenueError(f"the push gateway at {url} did not take the figures: {error}") from error
    except (OSError, HTTPException) as error:
        said = getattr(error, "reason", None) or error
        raise VenueError(f"the push gateway at {url} did not take the figures: {said}") from error
