"""The compiled kernels' cache: never stale, never in the installation, never in the way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import trader_cli
from trader_cli import compiler

PACKAGE = Path(trader_cli.__file__).parent
PROBE = (
    "from trader_cli.compiler import cache_folder, njit\n"
    "from trader_cli.money import mul_div\n"
    "@njit\n"
    "def twice(a): return mul_div(a, 2, 1)\n"
    "print(twice(21), cache_folder().name)\n"
)


def probe(root: Path, cache: Path | str) -> list[str]:
    env = {**os.environ, "PYTHONPATH": str(root), "TRADER_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    script = root / "probe.py" if os.access(root, os.W_OK) else Path(str(cache)) / "probe.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    if not script.exists():
        script.write_text(PROBE)
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def copy_of_the_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "trader_cli", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_changed_callee_in_another_file_is_another_cache(tmp_path: Path) -> None:
    """numba watches only the file of the function it caches; a stale kernel would give the old answer here."""
    root = copy_of_the_package(tmp_path / "copy")
    answer, first = probe(root, tmp_path / "cache")
    money = root / "trader_cli" / "money.py"
    text = money.read_text()
    assert text.count("    return quotient\n") == 2
    money.write_text(text.replace("    return quotient\n", "    return quotient + 1000\n", 1))
    changed, second = probe(root, tmp_path / "cache")
    assert (answer, changed) == ("42", "1042")
    assert first != second


def test_a_read_only_installation_and_no_cache_folder_still_compile(tmp_path: Path) -> None:
    root = copy_of_the_package(tmp_path / "copy")
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        # A file where the cache folder should be: nothing can be made under it, not even by root.
        blocked = tmp_path / "cache"
        blocked.mkdir()
        (blocked / "kernels").write_text("in the way")
        answer, name = probe(root, blocked)
        assert answer == "42"
        assert name.startswith("trader-kernels-")
    finally:
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)


def test_every_compiled_file_is_part_of_the_key(tmp_path: Path) -> None:
    """A new room with kernels must be added to the key: every file that compiles something lies in a counted room."""
    rooms = set(compiler._COMPILED_ROOMS)
    found = 0
    for path in PACKAGE.rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if re.match(r"@(njit|kernel|brief|part|called|inlined)\b", line):
                found += 1
                assert path.relative_to(PACKAGE).parts[0] in rooms, path
    assert found > 100
