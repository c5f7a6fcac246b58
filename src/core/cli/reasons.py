"""The answer to `why`, drawn."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.cli import wording
from core.cli.columns import OUTCOME_STYLE, decisions_table
from core.domain.status import DecisionLine, SymbolStatus

_VERDICT = {"passed": ("✓", "green"), "no": ("✗", "bold red"), "not asked": ("–", "dim")}


@dataclass(frozen=True, slots=True)
class Reasons:
    symbol: str
    now: SymbolStatus | None
    """`None`: no daemon answers."""
    decisions: tuple[DecisionLine, ...]
    """Newest first."""


def reasons(answer: Reasons, width: int) -> RenderableType:
    """How the symbol stands now, then its decisions, newest first."""
    head = _head(answer.now) if answer.now else Text.assemble((answer.symbol, "bold"), ("  no daemon answers", "dim"))
    if not answer.decisions:
        return Group(head, Text("no decision yet: it waits for a candle to close", style="dim"))
    return Group(head, Text(), decisions_table(answer.decisions, width))


def explanation(line: DecisionLine) -> RenderableType:
    """One decision, whole."""
    head = Text.assemble(
        (line.symbol, "bold"),
        f"  {wording.one_line(line.strategy)}  candle closed {wording.date_and_clock(line.close_ms)}",
    )
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in (
        ("reason", Text(wording.one_line(line.reason))),
        ("gates", _gates(line)),
        ("inputs", _pairs(line.inputs)),
        ("models", _pairs(line.models)),
        ("intent", _pairs(line.intent)),
        ("orders", Text("\n".join(wording.one_line(each.client_order_id) for each in line.orders))),
        ("ms", _pairs({name: f"{value:.3g}" for name, value in line.timings_ms.items()})),
    ):
        if words.plain:
            grid.add_row(name, words)
    told = Text(wording.one_line(line.sentence), style=OUTCOME_STYLE.get(line.outcome, ""))
    told.stylize("not dim")
    return Group(head, told, Text(), grid)


def _head(now: SymbolStatus) -> Text:
    return Text.assemble(
        (now.symbol, "bold"),
        f"  {wording.price(now.last_price)}  feed {now.feed}"
        f"  quote {wording.age(now.quote_age_s)}  candle {wording.age(now.candle_age_s)}"
        f"  breaker {now.breaker.replace('_', '-')}  cycles {now.cycles:,}",
    )


def _gates(line: DecisionLine) -> Text:
    text = Text()
    for name, verdict in line.gates.items():
        sign, style = _VERDICT.get(verdict, ("?", ""))
        text.append(f"{sign} {name}  ", style=style)
    return text


def _pairs(values: dict[str, str]) -> Text:
    return Text("\n".join(wording.one_line(f"{name} {value}") for name, value in values.items()))
