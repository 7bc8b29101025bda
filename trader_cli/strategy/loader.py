"""Find and load strategies by name: the user's folder first, then the built-in ones.

A file is read, hashed and executed from those very bytes, so that the digest states what ran; no bytecode is
written.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from trader_cli.errors import StrategyError, TraderError, did_you_mean
from trader_cli.strategy.base import ORIGIN, Strategy

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class StrategyFile:
    """A strategy that can be loaded. summary: first line of its docstring, read without running the file."""

    name: str
    path: Path
    builtin: bool

    @property
    def summary(self) -> str:
        """The first line of the class's docstring, else of the file's; what is wrong where it cannot be
        parsed.
        """
        try:
            tree = ast.parse(self.path.read_bytes())
        except (SyntaxError, ValueError) as error:
            return f"cannot be read: {error}"
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        named = [node for node in classes if node.name == class_name(self.name)] or classes
        text = (ast.get_docstring(named[0]) if named else None) or ast.get_docstring(tree) or ""
        return text.strip().split("\n")[0]


@dataclass(frozen=True)
class LoadedStrategy:
    """A strategy class with where it came from. source_digest: SHA-256 (hex) of the file."""

    name: str
    cls: type[Strategy]
    path: Path
    source_digest: str
    builtin: bool = False


class Library:
    """The strategies of one home and the built-in ones; a user's file hides a built-in namesake."""

    def __init__(self, user_dir: Path | None, builtin_dir: Path) -> None:
        self.user_dir = user_dir
        self.builtin_dir = builtin_dir

    def files(self) -> list[StrategyFile]:
        """Return every strategy that can be named, sorted by name."""
        found: dict[str, StrategyFile] = {}
        for folder, builtin in ((self.builtin_dir, True), (self.user_dir, False)):
            if folder is None or not folder.is_dir():
                continue
            for path in folder.glob("*.py"):
                if NAME.fullmatch(path.stem):
                    found[path.stem] = StrategyFile(path.stem, path, builtin)
        return [found[name] for name in sorted(found)]

    def names(self) -> list[str]:
        """Return the names, sorted, from file names only."""
        return [file.name for file in self.files()]

    def find(self, name: str) -> StrategyFile:
        """Return the file of that name. Raises StrategyError with the nearest name where there is none."""
        known = {file.name: file for file in self.files()}
        if name in known:
            return known[name]
        plain = Path(name).stem.lower().replace("-", "_")
        hints = did_you_mean(plain, known) or ((f"the strategies are {', '.join(known)}",) if known else ())
        raise StrategyError(f"no strategy is called `{name}`", *hints, "`trader strategy list` shows them all")

    def load(self, name: str) -> LoadedStrategy:
        """Return the strategy of that name.

        Raises StrategyError where it is unknown, cannot be read or run (with file and line), or holds no
        single strategy.
        """
        file = self.find(name)
        try:
            source = file.path.read_bytes()
        except OSError as error:
            raise StrategyError(f"cannot read `{file.path}`: {error.strerror}") from error
        digest = hashlib.sha256(source).hexdigest()
        module = _run(file, source, digest)
        try:
            cls = _strategy_class(file, module)
        except StrategyError:
            del sys.modules[module.__name__]
            raise
        return LoadedStrategy(name, cls, file.path, digest, file.builtin)


def revived(name: str, path: str, source: bytes, cls: str, params: Mapping[str, Any]) -> Strategy:
    """Return a strategy that travelled from another process as its source; raises StrategyError as `load` does."""
    digest = hashlib.sha256(source).hexdigest()
    file = StrategyFile(name, Path(path), builtin=False)
    module = sys.modules.get(_module_name(name, digest)) or _run(file, source, digest)
    made: Strategy = vars(module)[cls](**params)
    return made


def class_name(name: str) -> str:
    """Return the class that belongs to a file name: `demo_ma` → `DemoMa`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _run(file: StrategyFile, source: bytes, digest: str) -> ModuleType:
    # The name holds the digest: it can hide no real module, and an edited file becomes another module.
    # It stays in sys.modules because dataclasses and pickle look a class's module up there.
    module = ModuleType(_module_name(file.name, digest))
    module.__file__ = str(file.path)
    vars(module)[ORIGIN] = (file.name, str(file.path), source)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(file.path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 the author's own code is what we are asked to run
    except BaseException as error:
        del sys.modules[module.__name__]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _failure(file, error) from error
    return module


def _module_name(name: str, digest: str) -> str:
    return f"trader_strategy_{name}_{digest[:16]}"


def _failure(file: StrategyFile, error: BaseException) -> StrategyError:
    if isinstance(error, SyntaxError) and error.filename == str(file.path):
        return StrategyError(f"strategy `{file.name}`: {error.msg}", f"see `{file.path}`, line {error.lineno}")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file.path)]
    where = f"see `{file.path}`" + (f", line {lines[-1]}" if lines else "")
    if isinstance(error, TraderError):
        return StrategyError(error.message, *error.hints, where)
    hints = [where]
    if isinstance(error, ModuleNotFoundError):
        hints.append(f"install `{error.name}` where `trader` is installed, or import something else")
    elif isinstance(error, ImportError):
        hints.append("`trader strategy new NAME` writes a file with the right imports")
    return StrategyError(f"strategy `{file.name}` cannot be loaded: {type(error).__name__}: {error}", *hints)


def _strategy_class(file: StrategyFile, module: ModuleType) -> type[Strategy]:
    own = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    wanted = class_name(file.name)
    chosen = own if len(own) == 1 else [cls for cls in own if cls.__name__ == wanted]
    if not chosen:
        found = ", ".join(f"`{cls.__name__}`" for cls in own) or "none"
        raise StrategyError(
            f"`{file.path}` must hold one strategy, it holds {found}", f"write `class {wanted}(Strategy):`"
        )
    if chosen[0].targets is Strategy.targets:
        raise StrategyError(
            f"strategy `{file.name}` has no method `targets`",
            f"add `def targets(self, bars):` to `{file.path}`",
        )
    return chosen[0]
