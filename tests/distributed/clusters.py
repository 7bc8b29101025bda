"""Real clusters of two workers on this machine, each in a process of its own that ends with its test."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

_RAY = """
import ray, sys
info = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
print(info.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""
_DASK = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def cluster(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the address of a cluster of two workers, and the environment that its clients need; `ray` or `dask`.

    Skips where it is not installed.
    """
    module = {"ray": "ray", "dask": "distributed"}[kind]
    if find_spec(module) is None:
        pytest.skip(f"`{module}` is not installed: pip install 'trader-cli[distributed]'")
    script = _RAY if kind == "ray" else _DASK
    # Ray lets in who knows the cluster's token: one of this cluster's own.
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    env = {**os.environ, **access, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        address = next((line.strip() for line in running.stdout if ":" in line), "")
        assert address, f"the {kind} cluster did not begin"
        try:
            yield address, access
        finally:
            running.stdin.close()
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                running.kill()
