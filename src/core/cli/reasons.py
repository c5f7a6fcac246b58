"""The answer to `why`, drawn."""

from rich.console import Group, RenderableType
from rich.text import Text

from core.api.answers import Why
from core.cli import wording
from core.cli.columns import decisions_table


def reasons(answer: Why, width: int) -> RenderableType:
    """How the symbol stands now, then its decisions, newest first."""
    now = answer.now
    head = Text.assemble(
        (now.symbol, "bold"),
        f"  {wording.price(now.last_price)}  feed {now.feed}"
        f"  quote {wording.age(now.quote_age_s)}  candle {wording.age(now.candle_age_s)}"
        f"  breaker {now.breaker.replace('_', '-')}  cycles {now.cycles:,}",
    )
    if not answer.decisions:
        return Group(head, Text("no decision yet: it waits for a candle to close", style="dim"))
    return Group(head, Text(), decisions_table(answer.decisions, width))
