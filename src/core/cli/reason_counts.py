"""`why --summary`: how often each reason decided, with a strip of the hours."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from core.cli import wording
from core.cli.columns import OUTCOME_STYLE
from core.domain.status import ReasonCount

_HOUR_MS = 3_600_000
_STEPS = "▁▂▃▄▅▆▇█"
_MOST_HOURS = 72


def counts_table(counts: Sequence[ReasonCount], width: int) -> Table:
    """By symbol, the most frequent reason first. Each strip ends with the newest hour; its heights are shares of the
    highest of all."""
    last_ms = max(each.hour_ms for each in counts)
    hours = min(_MOST_HOURS, max(6, width // 3), (last_ms - min(each.hour_ms for each in counts)) // _HOUR_MS + 1)
    shown = range(last_ms - (hours - 1) * _HOUR_MS, last_ms + 1, _HOUR_MS)
    highest = max(each.count for each in counts)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("symbol", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("reason", no_wrap=True, overflow="ellipsis")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column(f"{_hour(shown[0])} to {_hour(last_ms + _HOUR_MS)}", no_wrap=True)
    before = ""
    for (symbol, outcome, code), by_hour in _rows(counts):
        strip = "".join(_step(by_hour[hour_ms], highest) for hour_ms in shown)
        style = OUTCOME_STYLE.get(outcome, "")
        table.add_row(
            Text("" if symbol == before else symbol, style="bold"),
            Text(outcome, style=style),
            Text(wording.one_line(code)),
            f"{by_hour.total():,}",
            Text(strip, style=style),
        )
        before = symbol
    return table


def _rows(counts: Iterable[ReasonCount]) -> list[tuple[tuple[str, str, str], Counter[int]]]:
    found: dict[tuple[str, str, str], Counter[int]] = {}
    for each in counts:
        found.setdefault((each.symbol, each.outcome, each.code), Counter())[each.hour_ms] += each.count
    return sorted(found.items(), key=lambda row: (row[0][0], -row[1].total(), row[0]))


def _step(count: int, highest: int) -> str:
    return "·" if not count else _STEPS[min(len(_STEPS) - 1, count * len(_STEPS) // (highest + 1))]


def _hour(time_ms: int) -> str:
    return wording.date_and_clock(time_ms)[5:16]
