"""A process that has loaded what `trader` loads, and forks into it: most of a short command is loading.

    python tests/e2e/ready.py        # reads one JSON object a line: arguments, env, cwd, out, err; answers with the exit code

Each command is still a process of its own, with its own environment, folder, streams and end; what it has not is an import to
wait for. Tests of loading itself start the program afresh.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOADED = ("pandas", "pyarrow.parquet", "alembic.command", "rich.table", "sqlalchemy.dialects.sqlite")


def load() -> None:
    """Load libraries, the whole program and the engine's kernels; none of them starts a thread, which a fork would lose."""
    import gc
    import pkgutil
    from importlib import import_module

    import trader_cli

    for name in LOADED:
        import_module(name)
    for _, name, _ in pkgutil.walk_packages(trader_cli.__path__, "trader_cli."):
        # Migrations are run by alembic alone.
        if ".migrations." not in name and not name.endswith("__main__"):
            import_module(name)
    import numpy as np
    import typer.main

    from trader_cli.cli import main as cli
    from trader_cli.config.layers import load_settings
    from trader_cli.jobs.warming import compile_engine
    from trader_cli.venues.library import exchange_class

    for venue in ("kraken", "binance"):
        exchange_class(venue)
    if not os.environ.get("TRADER_INTERPRET"):
        with np.errstate(all="ignore"):
            compile_engine(load_settings("plain", Path(), {}, {}).settings.model_dump())
    _remember_a_ledger()
    # Typer makes its commands anew in every process; they are the same ones each time.
    cli.app = typer.main.get_command(cli.app)  # type: ignore[assignment]
    gc.collect()
    gc.freeze()


def _remember_a_ledger() -> None:
    """Make one new ledger, so that every command's own is made like it (see newborn.py)."""
    import tempfile

    from trader_cli.ledger import Ledger

    here = str(Path(__file__).resolve().parent.parent)
    sys.path.insert(0, here)
    from newborn import remember

    sys.path.remove(here)
    remember()
    with tempfile.TemporaryDirectory() as folder:
        Ledger.open("sqlite:///trader.db", Path(folder)).close()


def become(words: Sequence[str], env: Mapping[str, str], folder: str, streams: Sequence[int]) -> None:
    """Turn this process into the program; never return. streams: what it has as stdin, stdout and stderr."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = ["trader", *words]
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8") for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    from trader_cli.__main__ import main

    try:
        main()
    finally:
        os._exit(70)


def serve() -> None:
    """Fork once a line until there are no more."""
    load()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.dup(1), "w") as answers, os.fdopen(os.dup(0), "r") as asked:
        os.dup2(2, 1)
        for line in asked:
            child = os.fork()
            if child == 0:
                wanted = json.loads(line)
                streams = [
                    os.open(os.devnull, os.O_RDONLY),
                    *(os.open(wanted[to], flags, 0o600) for to in ("out", "err")),
                ]
                become(wanted["arguments"], wanted["env"], wanted["cwd"], streams)
            answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
            answers.flush()


if __name__ == "__main__":
    serve()
