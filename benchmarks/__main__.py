"""Runs the benchmarks of this folder one after the other: `python -m benchmarks [--long] [NAME ...]`.

A benchmark is a script that prints its results as lines of JSON objects and ends with 0 where its bounds hold. One that
takes longer than a few minutes says `LONG = True` at its top level. A name that starts with `_` is no benchmark.
"""

import argparse
import ast
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks of this folder.")
    parser.add_argument("names", nargs="*", help="only these, without .py")
    parser.add_argument("--long", action="store_true", help="those that take long, instead of those that do not")
    options = parser.parse_args()
    scripts = chosen(options.names, long=options.long)
    if not scripts:
        print("no benchmark to run")
        return 0
    results = [(script.stem, *run(script)) for script in scripts]
    Console(width=None if sys.stdout.isatty() else 160).print(as_table(results))
    return max(status for _, status, _, _ in results)


def chosen(names: list[str], *, long: bool) -> list[Path]:
    scripts = sorted(each for each in FOLDER.glob("*.py") if not each.name.startswith("_"))
    if not names:
        return [each for each in scripts if is_long(each) == long]
    by_name = {each.stem: each for each in scripts}
    if missing := [name for name in names if name not in by_name]:
        sys.exit(f"no such benchmark: {', '.join(missing)}; there are {', '.join(by_name)}")
    return [by_name[name] for name in names]


def is_long(script: Path) -> bool:
    """Whether the script says `LONG = True`; read, not imported."""
    for node in ast.parse(script.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "LONG" for t in node.targets):
            return bool(ast.literal_eval(node.value))
    return False


def run(script: Path) -> tuple[int, float, list[dict[str, Any]]]:
    """Exit status, seconds and JSON lines of one script; everything it prints is passed on."""
    print(f"── {script.stem}", flush=True)
    started = time.monotonic()
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("{"):
                lines.append(json.loads(line))
    return process.returncode, time.monotonic() - started, lines


def as_table(results: list[tuple[str, int, float, list[dict[str, Any]]]]) -> Table:
    table = Table(title="benchmarks", title_justify="left")
    for name in ("benchmark", "status", "seconds"):
        table.add_column(name, no_wrap=True)
    table.add_column("result", overflow="fold")
    for name, status, seconds, lines in results:
        shown = "\n".join(" ".join(f"{key}={value}" for key, value in line.items()) for line in lines)
        table.add_row(name, "ok" if status == 0 else f"[red]failed ({status})[/red]", f"{seconds:.0f}", shown or "–")
    return table


if __name__ == "__main__":
    sys.exit(main())
