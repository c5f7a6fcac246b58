"""Quality reports, drawn for a person and as a document for a machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.history.quality.marks import clock
from core.history.quality.report import QualityReport

_TOLD_IN_FULL = 3
"""So many series or fewer: every finding with its places."""


@dataclass(frozen=True, slots=True)
class Examined:
    place: str
    """Its first file, or the cache."""
    n_files: int
    report: QualityReport


def draw(examined: Sequence[Examined], unread: Mapping[Path, str], min_quality: float) -> RenderableType:
    table = Table(box=None, header_style="bold")
    for name in ("series", "rows", "from", "to", "quality", "why"):
        table.add_column(name, justify="right" if name in ("rows", "quality") else "left", overflow="fold")
    for each in examined:
        report = each.report
        first, last = (clock(time) if time is not None else "" for time in (report.first_ms, report.last_ms))
        table.add_row(
            str(report.name).removeprefix(f"{report.name.source} "),
            f"{report.n_rows:,}",
            first[:16],
            last[:16],
            Text(f"{report.score:.3f}", style=_style(report.score, min_quality)),
            "; ".join(finding.reason for finding in report.findings) or "nothing found",
        )
    words: list[RenderableType] = []
    if len(examined) <= _TOLD_IN_FULL:
        words += [_in_full(each) for each in examined if each.report.findings]
    words += [Text(f"not read: {reason}", style="yellow") for reason in unread.values()]
    poor = sum(each.report.score < min_quality for each in examined)
    verdict = f"{poor} of {len(examined)} series are below history.min_quality ({min_quality:g})"
    words.append(Text(verdict, style="bold red" if poor else "green"))
    return Group(table, *words)


def as_document(examined: Sequence[Examined], unread: Mapping[Path, str], min_quality: float) -> dict[str, Any]:
    """Times in UTC ms; `accepted`: at least `min_quality`."""
    return {
        "min_quality": min_quality,
        "series": [
            {
                "name": str(each.report.name),
                "file": each.place,
                "files": each.n_files,
                "rows": each.report.n_rows,
                "first_ms": each.report.first_ms,
                "last_ms": each.report.last_ms,
                "score": round(each.report.score, 4),
                "accepted": each.report.score >= min_quality,
                "findings": [
                    {
                        "kind": finding.kind,
                        "count": finding.count,
                        "of": finding.of,
                        "cost": round(finding.cost, 4),
                        "places": [{"time_ms": place.time_ms, "words": place.words} for place in finding.places],
                    }
                    for finding in each.report.findings
                ],
            }
            for each in examined
        ],
        "unread": {str(path): reason for path, reason in unread.items()},
    }


def _in_full(examined: Examined) -> Text:
    lines = [examined.place]
    for finding in examined.report.findings:
        lines.append(f"  {finding.kind.replace('_', ' ')}: costs {finding.cost:.0%} of the score")
        lines += [f"    {place.words}" for place in finding.places]
        if (more := finding.count - len(finding.places)) > 0 and finding.places:
            lines.append(f"    … {more:,} more in all")
    return Text("\n".join(lines), style="dim")


def _style(score: float, min_quality: float) -> str:
    return "bold red" if score < min_quality else "green" if score >= 0.95 else "yellow"
