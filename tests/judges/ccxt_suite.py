"""ccxt's own live tests, as its maintainers run them against the real venue, and what they said.

The suite comes with the installed package. It refuses to run from there and reads its settings three folders above
itself, so it gets a tree of links. Its exit status is 0 whatever happened: the verdicts are in what it prints.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ccxt

TIMEOUT_S = 300
_DONE = re.compile(r"\[INFO\] TESTING DONE +binance (\w+)")
_TROUBLE = re.compile(r"\[TEST_(?:FAILURE|WARNING)\] binance (\w+) [\[(]")
_END = re.compile(r"\[INFO\] END (PUBLIC|PRIVATE)_TESTS")


@dataclass(frozen=True)
class Verdicts:
    """Tests by name: `spot public fetchTicker`. What ccxt does not support, or has no test for, is in neither."""

    passed: frozenset[str]
    failed: Mapping[str, str]
    """With what the suite printed about it."""
    output: str


def make_tree(folder: Path) -> Path:
    """The suite, ready to run; the folder for its settings."""
    shutil.copytree(Path(ccxt.__file__).parent, folder / "python" / "ccxt", copy_function=os.symlink)
    return folder


def run_suite(
    tree: Path, settings: Mapping[str, Any], *arguments: str, exempt: Mapping[str, Mapping[str, str]]
) -> Verdicts:
    """Run it with `settings` as properties of its exchange. `exempt`: what is not to be asked of which answers, and
    why, in the words of ccxt's own skip-tests.json."""
    (tree / "keys.local.json").write_text(json.dumps({"binance": settings}))
    (tree / "skip-tests.json").write_text(json.dumps({"binance": {"skipMethods": exempt}}))
    path = os.pathsep.join([str(tree / "python"), str(tree / "python/ccxt/test")])
    command = [sys.executable, "-P", "-m", "tests_init", *arguments, "--info", "binance"]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return verdicts(done.stdout + done.stderr)


def verdicts(output: str) -> Verdicts:
    passed: set[str] = set()
    failed: dict[str, str] = {}
    parts = _parts(output)
    part = next(parts)
    for block in re.split(r"(?m)^(?=\[)", output):
        if (done := _DONE.match(block)) is not None:
            passed.add(f"{part} {done[1]}")
        elif (trouble := _TROUBLE.match(block)) is not None and trouble[1] not in ("PUBLIC_TESTS", "PRIVATE_TESTS"):
            failed[f"{part} {trouble[1]}"] = block.strip()
        elif _END.match(block) is not None:
            part = next(parts, "after the end")
    return Verdicts(frozenset(passed - set(failed)), failed, output)


def _parts(output: str) -> Iterator[str]:
    """The suite runs all public tests before the private ones, and within these spot before swaps."""
    markets = [name for name in ("spot", "swap") if f"Selected {name.upper()} SYMBOL" in output]
    return (f"{market} {face}" for face in ("public", "private") for market in markets or ["no market"])
