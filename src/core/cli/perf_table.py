"""A comparison of ways, drawn for a person and as a document for a machine."""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.performance.comparison import Comparison
from core.performance.wording import headings, machine, rows, verdict_words, workload_words

_VERDICT_STYLE = {True: "green", False: "bold red", None: "yellow"}


def draw(comparison: Comparison) -> RenderableType:
    table = Table()
    for number, name in enumerate(headings()):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows(comparison):
        table.add_row(*row)
    verdict = Text(verdict_words(comparison), style=_VERDICT_STYLE[comparison.verdict().holds])
    return Group(Text(workload_words(comparison)), Text(machine()), table, verdict)


def as_document(comparison: Comparison) -> dict[str, Any]:
    """Lag in ms, rates in symbols and operations a second."""
    return {
        "machine": machine(),
        "rounds": len(comparison.floors),
        "workload": asdict(comparison.workload),
        "lane_threads": comparison.lane_threads,
        "workers": comparison.workers,
        "idle_lag_ms": asdict(comparison.floor_ms),
        "ways": [asdict(each) for each in comparison.summaries()],
        "verdict": asdict(comparison.verdict()),
    }
