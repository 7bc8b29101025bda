"""What every command shares: common options, one renderer for tables and JSON, errors as sentences with exit codes."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from trader_cli.errors import TraderError, UsageError, body, sentence

if TYPE_CHECKING:
    from rich.console import Console

    from trader_cli.wiring import Wiring


@dataclass(frozen=True)
class Outcome:
    """What a command found out.

    schema: `backtest/1` of `trader.backtest/1`. view: prints the human form. error: what is wrong although there is a
    result, e.g. damage that was looked for and found; it gives the exit code.
    """

    schema: str
    result: Mapping[str, object]
    view: Callable[[Console], None]
    error: TraderError | None = None


@dataclass
class Run:
    """One call of one command: the common options, and the way to everything else.

    name: of the command. metrics: where its figures go, None = where the configuration says. measured: what it is called in
    them, empty = it leaves none. rehearses: it acts for nobody, and nobody is told.
    """

    json: bool = False
    home: Path | None = None
    preset: str | None = None
    sets: list[str] = field(default_factory=list)
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    csv: bool = False
    table: str | None = None
    metrics: Path | None = None
    name: str = ""
    measured: str = ""
    rehearses: bool = False
    _wired: Wiring | None = None

    def console(self, *, stderr: bool = False) -> Console:
        """Return the console for results, or with `stderr` the one for progress and notes, silent with --quiet."""
        from rich.console import Console

        return Console(
            stderr=stderr,
            no_color=True if self.no_color else None,
            quiet=self.quiet and stderr,
            highlight=False,
            soft_wrap=True,
        )

    def wiring(self, **flags: Any) -> Wiring:
        """Return the wired parts for this call; `flags` are configuration keys with `__` for the dot, None = not given."""
        from trader_cli.wiring import Wiring

        stated = dict(_assignment(text) for text in self.sets)
        stated.update({key.replace("__", ".", 1): value for key, value in flags.items() if value is not None})
        self._wired = Wiring.find(self.home, self.preset, stated)
        return self._wired

    @property
    def wired(self) -> Wiring | None:
        """What this call has wired, None before it did."""
        return self._wired

    def sets_key(self, key: str) -> bool:
        """Tell whether `--set` states this key."""
        return any(_assignment(text)[0] == key for text in self.sets)

    @contextmanager
    def followed(self) -> Iterator[list[TraderError | None]]:
        """Do what follows a command, and give back what it opened; the list takes what was wrong with its result."""
        said: list[TraderError | None] = []
        ended: BaseException | None = None
        began = time.monotonic()
        try:
            yield said
            ended = said[-1]
        except BaseException as error:
            ended = error
            if not isinstance(error, TraderError | KeyboardInterrupt):
                from trader_cli.cli.afterwards import report

                report(self, error)
            raise
        finally:
            try:
                self.follow(ended, began)
            finally:
                self.close()

    def follow(self, ended: BaseException | None, began: float) -> None:
        """Measure what a run, or one cycle of many, left. ended: what it ended with, None = well; began: time.monotonic()."""
        if self.measured:
            from trader_cli.cli.afterwards import follow

            follow(self, ended, began)

    def close(self) -> None:
        """Give back what the command opened."""
        if self._wired is not None:
            self._wired.close()

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[int, int], None]]:
        """Show a bar on a terminal's stderr for work of known length: call the given function with (done, of)."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _done, _of: None
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = self.console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        shown = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        task = shown.add_task(text, total=None)

        def tell(done: int, of: int) -> None:
            # The bar has a thread of its own. Work that makes copies of the process makes them before its first word.
            shown.start()
            shown.update(task, completed=done, total=of)

        try:
            yield tell
        finally:
            if shown.live.is_started:
                shown.stop()

    def note(self, text: str) -> None:
        """Say one line on stderr."""
        self.console(stderr=True).print(text, markup=False)


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"`--set {text}` is not KEY=VALUE", "write e.g. `--set sizing.method=quantity`")
    return key.strip(), value.strip()


def parameters(texts: list[str] | None) -> dict[str, str]:
    """Return `--param name=value` options as a mapping. Raises UsageError for one that is not of that form."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"`--param {text}` is not NAME=VALUE", "write e.g. `--param fast=20`")
        found[name.strip()] = value.strip()
    return found


def split(text: str | None) -> list[str] | None:
    """Return a comma-separated option as a list; None stays None."""
    return None if text is None else [one.strip() for one in text.split(",") if one.strip()]


def complete_presets(typed: str) -> list[str]:
    """Return the presets that begin so, for the shell."""
    from trader_cli.config.layers import preset_names

    return [name for name in preset_names() if name.startswith(typed)]


def complete_strategies(typed: str) -> list[str]:
    """Return the strategies that begin so, for the shell."""
    from trader_cli.wiring import Wiring

    return [name for name in Wiring.find(None, None, {}).strategies.names() if name.startswith(typed)]


def complete_keys(typed: str) -> list[str]:
    """Return the configuration keys that begin so, for the shell."""
    from trader_cli.config.settings import keys

    return [key for key in ("preset", *keys()) if key.startswith(typed)]


def complete_settings(typed: str) -> list[str]:
    """Return the keys of `--set` that begin so, ready for their value, for the shell."""
    return [f"{key}=" for key in complete_keys(typed) if key != "preset"]


COMMON = {
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")],
    "home": Annotated[Path | None, typer.Option("--home", metavar="DIR", help="The folder with your files.")],
    "preset": Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="Named defaults to start from.", autocompletion=complete_presets),
    ],
    "sets": Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set a configuration key; repeatable.",
            autocompletion=complete_settings,
        ),
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="No colours.")],
}


class Tabled(typer.Typer):
    """Commands whose results are tables: they have `--csv` and `--table`."""


TABLES = {
    "csv": Annotated[bool, typer.Option("--csv", help="Print the tables as CSV on stdout.")],
    "table": Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="With --csv: only this table of several.")
    ],
}
METRICS = Annotated[
    Path | None,
    typer.Option("--metrics", metavar="FILE", help="Write figures for Prometheus at the end, however it ends."),
]


def command(
    app: typer.Typer, name: str | None, *, measured: str = ""
) -> Callable[[Callable[..., Outcome]], Callable[..., int]]:
    """Register `function(run, **options) -> Outcome` as a command with the common options added.

    An option of the function whose type is a dataclass stands for the options that its fields are, in their place.
    name None: what the group itself does when no command of it is named. measured: what it is called in its figures; empty =
    it leaves none.
    """

    def register(function: Callable[..., Outcome]) -> Callable[..., int]:
        stated = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        groups: dict[str, Any] = {one.name: one.annotation for one in stated if is_dataclass(one.annotation)}
        own = [part for one in stated for part in (_options(one.annotation) if one.name in groups else (one,))]
        tabled = TABLES if isinstance(app, Tabled) else {}
        shared_options = {**({"metrics": METRICS} if measured else {}), **tabled, **COMMON}
        common = [
            inspect.Parameter(
                key,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if key in ("home", "preset", "sets", "metrics", "table") else False,
                annotation=annotation,
            )
            for key, annotation in shared_options.items()
        ]

        defaults = {one.name: one.default for one in (*own, *common)}

        def entry(**values: Any) -> int:
            context = values.pop("context", None)
            if context is not None and context.invoked_subcommand is not None:
                _nothing_stated(values, defaults, context)
                return 0
            shared = {key: values.pop(key) for key in shared_options}
            shared["sets"] = list(shared["sets"] or [])
            run = Run(
                **shared,
                name=function.__name__.strip("_"),
                measured=measured,
                rehearses=bool(values.get("dry_run") or values.get("replay")),
            )
            with run.followed() as followed:
                if run.csv and run.json:
                    raise UsageError("`--csv` and `--json` both say how to print the result", "state one of them")
                if run.table is not None and not run.csv:
                    raise UsageError(f"`--table {run.table}` picks from `--csv`, which is not stated", "add `--csv`")
                for key, kind in groups.items():
                    values[key] = kind(**{one.name: values.pop(one.name) for one in fields(kind)})
                outcome = function(run, **values)
                followed.append(outcome.error)
                render(run, outcome)
            return 0 if outcome.error is None else outcome.error.exit_code

        if name is None:
            own.append(inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))
        keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        entry.__signature__ = inspect.Signature([*keyword, *common])  # type: ignore[attr-defined]
        entry.__annotations__ = {one.name: one.annotation for one in (*keyword, *common)}
        entry.__doc__ = function.__doc__
        entry.__name__ = function.__name__
        if name is None:
            app.callback(invoke_without_command=True)(entry)
        else:
            app.command(name)(entry)
        return entry

    return register


def _options(group: Any) -> Iterator[inspect.Parameter]:
    """Yield the options that the fields of a dataclass are; each has a default."""
    types = get_type_hints(group, include_extras=True)
    for one in fields(group):
        yield inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=types[one.name]
        )


def _nothing_stated(values: Mapping[str, Any], defaults: Mapping[str, Any], context: typer.Context) -> None:
    # What stands before the name of a sub-command would be read by nobody.
    if any(value not in (defaults[key], None, [], ()) for key, value in values.items()):
        below = f"{context.command_path} {context.invoked_subcommand}"
        raise UsageError(f"options of `{below}` stand before its name", f"write `{below} --option …`")


def render(run: Run, outcome: Outcome) -> None:
    """Print a result: one JSON object, or the command's own view; what is wrong with it also on stderr."""
    error = outcome.error
    if run.json:
        wrong = {} if error is None else {"error": body(error)}
        head = {"schema": f"trader.{outcome.schema}", "ok": error is None}
        emit({**head, "result": plain(outcome.result), **wrong})
    elif run.csv:
        from trader_cli.cli.tables import csv_text

        sys.stdout.write(csv_text(plain(outcome.result), run.table))
        sys.stdout.flush()
    else:
        outcome.view(run.console())
    if error is not None:
        sys.stdout.flush()
        with suppress(OSError):
            sys.stderr.write(sentence(error))


def emit(envelope: Mapping[str, object]) -> None:
    """Print one JSON object on stdout; in ASCII, which every terminal, pipe and locale takes."""
    import json

    sys.stdout.write(json.dumps(envelope, allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: NaN and infinity become null, exact decimals text, arrays lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "is_finite") and not value.is_finite():
        return None
    return str(value)


def show_error(error: TraderError, *, as_json: bool) -> None:
    """Print an error: sentence and hints on stderr, and with --json its envelope on stdout."""
    # A stream that fails cannot be told so: where stdout is full, stderr says it, and the exit code always does.
    with suppress(OSError):
        sys.stderr.write(sentence(error))
    if as_json:
        with suppress(OSError):
            emit({"schema": "trader.error/1", "ok": False, "error": body(error)})
