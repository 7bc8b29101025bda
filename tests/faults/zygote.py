"""A process that has imported everything the program needs and forks itself for every command: `python zygote.py`.

It reads one JSON object a line from stdin and answers with one: the exit code, negative for the signal that ended it.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

_PATIENCE_S = 150


NEEDED = (
    *("numpy", "pandas", "pyarrow.parquet", "rich.console", "rich.table", "sqlalchemy.dialects.sqlite"),
    *("trader_cli.cli.main", "trader_cli.cli.cycle", "trader_cli.wiring", "trader_cli.trading"),
    *("trader_cli.config.layers", "trader_cli.config.lease", "trader_cli.config.secrets"),
    *("trader_cli.engine.replay", "trader_cli.jobs.dry", "trader_cli.jobs.report_orders", "trader_cli.jobs.trade"),
    *("trader_cli.jobs.venue_broker", "trader_cli.ledger", "trader_cli.ledger.verify", "trader_cli.market.feed"),
    *("trader_cli.venues.opening", "trader_cli.venues.transport"),
)
"""What a live cycle imports; pandas only because pyarrow takes it where it is there."""


def prepare() -> None:
    """Import everything a live cycle touches; run nothing of it."""
    for name in NEEDED:
        if name != "pandas" or importlib.util.find_spec(name):
            importlib.import_module(name)
    from trader_cli.venues.library import exchange_class

    for venue in ("kraken", "binance"):
        exchange_class(venue)
    import typer.main

    import trader_cli.cli.main as cli

    # Typer makes its commands anew in every process; they are the same ones each time.
    cli.app = typer.main.get_command(cli.app)
    gc.collect()
    gc.freeze()


def serve() -> None:
    """Fork for every line; whoever starts us waits for `ready`."""
    prepare()
    from trader_cli.cli.main import main

    if __package__:
        from .rim import become
    else:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from faults.rim import become
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                become(
                    asked["arguments"],
                    asked["environment"],
                    asked["plan"],
                    asked["port"],
                    Path(asked["clock"]),
                    Path(asked["trace"]),
                    Path(asked["output"]),
                    main,
                )
            except BaseException:
                traceback.print_exc()
            os._exit(99)
        sys.stdout.write(json.dumps(_wait(child)) + "\n")
        sys.stdout.flush()


def _wait(child: int) -> int:
    end = time.monotonic() + _PATIENCE_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 98
        time.sleep(0.002)


if __name__ == "__main__":
    serve()
